"""Reads a corpus with emotion labels by its spec, such as `emodb=PATH`, into an utterance table."""

import pandas as pd

from pretrain.data.readers.read import MAX_BAD_SHARE, assemble, list_corpus
from pretrain.data.tables.utterances import COLUMNS
from probe.corpora.audformat import list_table
from probe.corpora.norms import with_norms
from probe.corpora.options import NORMS, split_options
from probe.corpora.registry import READERS


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
        plain, readers=READERS, options=options, synthetic_part="probe", list_table=list_table
    )
    table = assemble(listed, max_bad_share=max_bad_share)
    if NORMS in options:
        table = with_norms(table)
    listing = listed.listing.set_index("id")
    extras = listing[[column for column in listing if column not in (*COLUMNS, "source")]]
    return table, extras.loc[table["id"]].reset_index(drop=True)
