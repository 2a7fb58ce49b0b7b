"""From a corpus's spec, such as `librispeech=PATH`, to a validated utterance table.

Its files are listed, found, scanned and set aside where they are unusable, duplicates are told.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pretrain.data.readers.manifest import list_manifest
from pretrain.data.readers.reader import FOUND_BY_SCAN, reader_of
from pretrain.data.readers.registry import MANIFESTS, READERS, parse_spec, unknown_corpus
from pretrain.data.readers.synthetic import make_synthetic
from pretrain.data.scan.other_names import FoundFiles, find_files
from pretrain.data.scan.quarantine import reasons, set_aside, warn_of_corpus
from pretrain.data.scan.scan import scan
from pretrain.data.tables.utterances import (
    COLUMNS,
    TableError,
    canonical_identities,
    validate_table,
)

MAX_BAD_SHARE = 0.05
"""With a larger share of unusable files a corpus is refused, unless the caller allows more."""

NUM_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class ListedCorpus:
    """What a corpus says of its files, before anyone has looked at them."""

    source: str
    """The name in the spec."""

    folder: Path
    listing: pd.DataFrame
    """See `pretrain.data.readers.reader.make_listing`."""


def list_corpus(
    spec: str,
    *,
    readers: Mapping[str, str] = READERS,
    options: Collection[str] = (),
    synthetic_part: str = "pretrain",
    list_table: Callable[[Path, str, Mapping[str, str]], pd.DataFrame] = list_manifest,
) -> ListedCorpus:
    """Lists the corpus that `spec` names, without options (see `read_corpus`).

    `readers` is a registry of corpora with a layout of their own, `options` are for the reader.
    `synthetic_part` is that of the synthetic corpus, unless the spec says it. `list_table` makes
    the listing of a manifest from (path, corpus name, columns).
    """
    known = tuple(readers)
    parsed = parse_spec(spec, known=known)
    if parsed.path is None:
        folder = make_synthetic({"part": synthetic_part} | parsed.options)
        listing = list_manifest(folder / MANIFESTS[0], parsed.name)
    elif (manifest := parsed.manifest(known)) is not None:
        folder, listing = manifest.parent, list_table(manifest, parsed.name, parsed.columns)
    elif parsed.name in known:
        reader = reader_of(parsed.name, readers)
        folder, listing = parsed.path, reader.list_files(parsed.path, parsed.name, options)
    else:
        raise unknown_corpus(parsed, known=known)
    return ListedCorpus(source=parsed.name, folder=folder, listing=listing)


def read_corpus(
    spec: str,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
    quarantine_file: Path | None = None,
) -> pd.DataFrame:
    """Returns the utterance table of the corpus that `spec` names.

    - `synthetic` or `synthetic:hours=0.5,seed=0,part=pretrain`: the embedded synthetic corpus,
      made when it is not there yet;
    - `NAME=PATH` of a corpus in `pretrain.data.readers.registry`;
    - `NAME=FILE.csv`, `NAME=FILE.tsv` or `NAME=FOLDER` with a `manifest.csv` in it: any corpus with
      a manifest; `NAME[path=file,emotion=label]=FILE.csv` says what it calls its columns.

    Unusable files, among them those that are too short, are set aside in `quarantine_file` (see
    `pretrain.data.scan.quarantine`).

    Raises:
        QuarantineError: They are more than `max_bad_share` of all.
        ValueError: The input is wrong otherwise.
    """
    return assemble(list_corpus(spec), max_bad_share=max_bad_share, quarantine_file=quarantine_file)


def assemble(
    listed: ListedCorpus,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
    quarantine_file: Path | None = None,
) -> pd.DataFrame:
    """Scans the listed files, sets unusable ones aside, and returns the validated table."""
    source, folder = listed.source, listed.folder
    listing = listed.listing.assign(source=source).reset_index(drop=True)
    listing, notes = canonical_identities(listing)
    for note in notes:
        warn_of_corpus(f"{source}: {note}")
    repeated = listing["id"].duplicated(keep=False)
    if repeated.any():
        shown = listing.loc[repeated].sort_values("id").head(NUM_SHOWN)
        lines = [f"  {row.id}: {row.path}" for row in shown.itertuples()]
        raise TableError(
            f"Every utterance of {source} must have an id of its own, but {int(repeated.sum())} "
            "share theirs:\n" + "\n".join(lines)
        )
    # Wrong labels are told before the long scan; what it will find is filled in.
    guess = listing.assign(frames=1, sample_rate=1, audio_hash="unknown")
    try:
        validate_table(guess.loc[:, list(COLUMNS)])
    except TableError as error:
        raise TableError(f"The corpus {source} in {folder}: {error}") from error
    found_files = find_files(listing["path"].tolist())
    _warn_of_other_names(found_files, source=source)
    listing["path"] = found_files.paths
    facts = scan(listing, folder=folder, name=source)
    reason = reasons(facts)
    reason += [
        f" ({hint})" if (hint := found_files.hints.get(path)) else "" for path in found_files.paths
    ]
    kept = set_aside(
        listing, reason, source=source, max_bad_share=max_bad_share, quarantine_file=quarantine_file
    )
    found = facts.loc[kept.index]
    _warn_of_overshoot(kept, found, source=source)
    table = kept.assign(**{name: found[name] for name in ("frames", *FOUND_BY_SCAN)})
    table = validate_table(table.loc[:, list(COLUMNS)])
    _warn_of_duplicates(table)
    return table


def _warn_of_other_names(found: FoundFiles, *, source: str) -> None:
    """Warns of files that were found although the table writes their names otherwise."""
    for names, how in (
        (found.other_form, "in another Unicode form (NFC or NFD) than on disk"),
        (found.backslashes, "with backslashes, as on Windows"),
    ):
        if names:
            warn_of_corpus(
                f"{source} names {len(names)} files {how}; they were found all the same. The first "
                f"is {names[0]}."
            )


def _warn_of_overshoot(listing: pd.DataFrame, found: pd.DataFrame, *, source: str) -> None:
    """Warns of utterances of which the scan found fewer `frames` than the listing asks for."""
    missing = (listing["frames"] - found["frames"])[listing["frames"] > found["frames"]]
    if missing.empty:
        return
    longest = float((missing / found.loc[missing.index, "sample_rate"]).max())
    warn_of_corpus(
        f"{source}: {len(missing)} utterances end behind the end of their file, by at most "
        f"{1000 * longest:.1f} ms, and are cut there; the first is "
        f"{listing.loc[missing.index[0], 'id']}."
    )


def _warn_of_duplicates(table: pd.DataFrame) -> None:
    """Warns, with the ids, of utterances whose audio is exactly the same; they are kept."""
    same = table.loc[table["audio_hash"].duplicated(keep=False)]
    if same.empty:
        return
    groups = [" = ".join(group["id"]) for _, group in same.groupby("audio_hash", sort=False)]
    lines = [f"  {group}" for group in groups[:NUM_SHOWN]]
    if len(groups) > NUM_SHOWN:
        lines.append(f"  ... and {len(groups) - NUM_SHOWN} more groups")
    warn_of_corpus(
        f"{table['source'].iloc[0]} holds exactly the same audio more than once; all are kept, "
        "but they must not be split between training and test:\n" + "\n".join(lines)
    )
