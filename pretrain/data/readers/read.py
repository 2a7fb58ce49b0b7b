"""Reads a corpus by its spec, such as `librispeech=PATH`, into an utterance table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pretrain.data.readers.assemble import MAX_BAD_SHARE, assemble
from pretrain.data.readers.manifest import FILE_NAME, list_manifest
from pretrain.data.readers.reader import reader_of
from pretrain.data.readers.registry import READERS
from pretrain.data.readers.spec import parse_spec, unknown_corpus
from pretrain.data.readers.synthetic import make_synthetic


@dataclass(frozen=True, kw_only=True)
class ListedCorpus:
    """What a corpus says of its files, before anyone has looked at them."""

    source: str
    """The name in the spec."""

    folder: Path
    listing: pd.DataFrame
    """See `pretrain.data.readers.assemble.make_listing`."""


def list_corpus(
    spec: str,
    *,
    readers: Mapping[str, str] = READERS,
    options: Collection[str] = (),
    synthetic_part: str = "pretrain",
    list_table: Callable[[Path, str, Mapping[str, str]], pd.DataFrame] = list_manifest,
) -> ListedCorpus:
    """Lists the corpus that `spec` names.

    Args:
        spec: Without options, see `read_corpus`.
        readers: A registry of corpora with a layout of their own.
        options: For the reader.
        synthetic_part: That of the synthetic corpus, unless the spec says it.
        list_table: From (path, corpus name, columns) to the listing of a manifest.

    Raises:
        ValueError: The spec is wrong, or the corpus is not as it should be.
    """
    known = tuple(readers)
    parsed = parse_spec(spec, known=known)
    if parsed.path is None:
        folder = make_synthetic({"part": synthetic_part} | parsed.options)
        listing = list_manifest(folder / FILE_NAME, parsed.name)
    elif (manifest := parsed.manifest(known)) is not None:
        # A folder may be called x.csv.
        manifest = manifest / FILE_NAME if manifest.is_dir() else manifest
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
    listed = list_corpus(spec)
    return assemble(
        listed.listing,
        source=listed.source,
        folder=listed.folder,
        max_bad_share=max_bad_share,
        quarantine_file=quarantine_file,
    )
