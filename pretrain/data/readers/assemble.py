"""From a list of files to a validated utterance table: ids, scan, quarantine, duplicates."""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from pretrain.data.scan.other_names import FoundFiles, find_files
from pretrain.data.scan.overshoot import warn_of_overshoot
from pretrain.data.scan.quarantine import MIN_SECONDS, CorpusWarning, reasons, set_aside
from pretrain.data.scan.scan import scan
from pretrain.data.tables.identities import canonical_identities
from pretrain.data.tables.utterances import COLUMNS, LABEL_COLUMNS, TableError, validate_table

FOUND_BY_SCAN = ("sample_rate", "audio_hash")
MAX_BAD_SHARE = 0.05
"""With a larger share of unusable files a corpus is refused, unless the caller allows more."""

NUM_SHOWN = 5


def make_listing(known: pd.DataFrame) -> pd.DataFrame:
    """Returns a frame of at least `id` and `path` with every column that a scan does not find.

    Missing texts become "", missing numbers NaN, `offset` and `frames` 0 (= the whole file).
    """
    listing = known.copy()
    for column in COLUMNS:
        if column in FOUND_BY_SCAN or column in listing.columns:
            continue
        if column in LABEL_COLUMNS:
            listing[column] = float("nan")
        else:
            listing[column] = 0 if column in ("offset", "frames") else ""
    return listing


def path_ids(paths: Iterable[str], *, folder: Path, source: str) -> list[str]:
    """Returns `source/relative path without ending` per path; the ending stays where it matters.

    So ids name the same utterance on every machine and in a copy of another format.
    """
    relative = [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths]
    stems = [os.path.splitext(name)[0] for name in relative]
    # Of different files: a file that is cut into several utterances keeps its stem.
    num_files = pd.Series(relative).groupby(stems).nunique()
    repeated = pd.Series(stems).map(num_files) > 1
    chosen = [
        name if again else stem for name, stem, again in zip(relative, stems, repeated, strict=True)
    ]
    # Ids are hashed and printed: bytes that are not UTF-8 and control characters are spelled out.
    return [f"{source}/{_printable(name)}" for name in chosen]


def assemble(
    listing: pd.DataFrame,
    *,
    source: str,
    folder: Path,
    max_bad_share: float = MAX_BAD_SHARE,
    quarantine_file: Path | None = None,
) -> pd.DataFrame:
    """Scans the files of `listing`, sets unusable ones aside, and returns the validated table."""
    listing, notes = canonical_identities(listing.assign(source=source).reset_index(drop=True))
    for note in notes:
        warnings.warn(f"{source}: {note}", CorpusWarning, stacklevel=2)
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
    warn_of_other_names(found_files, source=source)
    listing["path"] = found_files.paths
    facts = scan(listing, folder=folder, name=source)
    reason = reasons(facts, min_seconds=MIN_SECONDS)
    reason += [
        f" ({hint})" if (hint := found_files.hints.get(path)) else "" for path in found_files.paths
    ]
    kept = set_aside(
        listing,
        reason,
        source=source,
        max_bad_share=max_bad_share,
        quarantine_file=quarantine_file,
    )
    found = facts.loc[kept.index]
    warn_of_overshoot(kept, found, source=source)
    table = kept.assign(
        frames=found["frames"], sample_rate=found["sample_rate"], audio_hash=found["audio_hash"]
    )
    table = validate_table(table.loc[:, list(COLUMNS)])
    warn_of_duplicates(table)
    return table


def warn_of_other_names(found: FoundFiles, *, source: str) -> None:
    """Warns of files that were found although the table writes their names otherwise."""
    for names, how in (
        (found.other_form, "in another Unicode form (NFC or NFD) than on disk"),
        (found.backslashes, "with backslashes, as on Windows"),
    ):
        if names:
            warnings.warn(
                f"{source} names {len(names)} files {how}; they were found all the same. The first "
                f"is {names[0]}.",
                CorpusWarning,
                stacklevel=3,
            )


def warn_of_duplicates(table: pd.DataFrame) -> None:
    """Warns, with the ids, of utterances whose audio is exactly the same; they are kept."""
    same = table.loc[table["audio_hash"].duplicated(keep=False)]
    if same.empty:
        return
    groups = [" = ".join(group["id"]) for _, group in same.groupby("audio_hash", sort=False)]
    lines = [f"  {group}" for group in groups[:NUM_SHOWN]]
    if len(groups) > NUM_SHOWN:
        lines.append(f"  ... and {len(groups) - NUM_SHOWN} more groups")
    warnings.warn(
        f"{table['source'].iloc[0]} holds exactly the same audio more than once; all are kept, "
        "but they must not be split between training and test:\n" + "\n".join(lines),
        CorpusWarning,
        stacklevel=2,
    )


def _printable(name: str) -> str:
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if text.isprintable() and text == text.strip():
        return text
    return "".join(c if c.isprintable() and c != " " else f"\\x{ord(c):02x}" for c in text)
