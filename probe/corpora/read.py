"""Reads a corpus with emotion labels by its spec, such as `emodb=PATH`, into an utterance table."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pretrain.data.readers.manifest import list_manifest
from pretrain.data.readers.read import MAX_BAD_SHARE, assemble, list_corpus
from pretrain.data.readers.registry import SUFFIXES
from pretrain.data.tables.delimited import header_of
from pretrain.data.tables.utterances import COLUMNS
from probe.corpora.norms import with_norms
from probe.corpora.options import NORMS, split_options
from probe.corpora.registry import READERS

AUDFORMAT = {"path": "file", "id": ""}
"""What the CSV form of audformat calls columns (audEERING's audb; audformat, "tables as CSV"): a
segment is known by its file and times; what the table may call `id` is something else.

Paths are relative to the table's folder, `start` and `end` are times such as `0 days
00:00:01.250000` or seconds, an empty end is the file's end. Only one table at a time is read;
speakers and labels must be columns of it."""


def read_probe_corpus(spec: str) -> pd.DataFrame:
    """Returns the utterance table of the corpus that `spec` names.

    Beside everything that `pretrain.data.readers.read.read_corpus` knows:

    - `NAME=PATH` of a corpus in `probe.corpora.registry`. It is refused when it differs from what
      was published, unless it is `NAME:incomplete=PATH`; some have options of their own;
    - `NAME=FILE.csv` (or .tsv) also in audformat: columns `file`, `start`, `end`.

    `NAME:norms=PATH`, of manifests too, puts the category norms of `probe.corpora.norms` for
    valence, arousal and dominance. Options are joined by commas.

    `synthetic` is the part whose voices and sentences pre-training never hears.
    """
    return read_with_extras(spec)[0]


def read_with_extras(
    spec: str, *, max_bad_share: float = MAX_BAD_SHARE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the utterance table and, row by row, what else the corpus says of its utterances."""
    plain, options = split_options(spec)
    listed = list_corpus(
        plain, readers=READERS, options=options, synthetic_part="probe", list_table=_list_table
    )
    table = assemble(listed, max_bad_share=max_bad_share)
    if NORMS in options:
        table = with_norms(table)
    listing = listed.listing.set_index("id")
    extras = listing[[column for column in listing if column not in (*COLUMNS, "source")]]
    return table, extras.loc[table["id"]].reset_index(drop=True)


def columns_of(path: Path, columns: Mapping[str, str]) -> Mapping[str, str]:
    """Returns what a manifest calls its columns: what was said of it, after `AUDFORMAT` where it
    has a column `file` and none called `path`."""
    if path.suffix.lower() in SUFFIXES and path.is_file():
        names = header_of(path)
        if "file" in names and "path" not in names:
            return {**AUDFORMAT, **columns}
    return columns


def _list_table(path: Path, source: str, columns: Mapping[str, str]) -> pd.DataFrame:
    return list_manifest(path, source, columns_of(path, columns))
