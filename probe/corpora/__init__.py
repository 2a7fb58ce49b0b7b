"""Corpora with emotion labels, on top of those that pre-training can read."""

from pathlib import Path

import pandas as pd

from pretrain.data.readers import LISTERS, read_corpus
from pretrain.data.readers.assemble import assemble
from pretrain.data.readers.spec import Lister
from pretrain.data.scan.quarantine import MIN_SECONDS
from pretrain.data.tables.columns import take_columns
from pretrain.data.tables.utterances import COLUMNS
from probe.corpora.audformat import is_audformat, list_audformat
from probe.corpora.norms import with_norms
from probe.corpora.options import NORMS, READERS, Reader, split_options


def read_probe_corpus(
    spec: str,
    *,
    min_seconds: float = MIN_SECONDS,
    max_bad_share: float = 0.05,
    quarantine_file: Path | None = None,
) -> pd.DataFrame:
    """Returns the utterance table of the corpus that `spec` names.

    Beside everything that `pretrain.data.readers.read_corpus` knows:

    - `emodb=PATH`: the Berlin Database of Emotional Speech, labels from its file names;
    - `ravdess=PATH`: the speech part of RAVDESS, labels from its file names;
    - `savee=PATH`: SAVEE, labels from its file names;
    - `cremad=PATH`: CREMA-D, labelled by what was acted, `cremad:voice=PATH` by what was heard;
    - `iemocap=PATH`: the four-class set of IEMOCAP, `iemocap:all=PATH` all utterances;
      `:improvised` or `:scripted` for a part;
    - `NAME=FILE.csv` (or .tsv) also in audformat: columns `file`, `start`, `end`;
      `NAME[emotion=label]=FILE.csv` says what a table calls its columns.

    Each of the named ones is refused when it differs from what was published, unless it is
    `NAME:incomplete=PATH`. `NAME:norms=PATH`, of manifests too, puts the category norms of
    `probe.corpora.norms` for valence, arousal and dominance. Options are joined by commas.

    `synthetic` is the part whose voices and sentences pre-training never hears.
    """
    table, _ = read_with_extras(
        spec,
        min_seconds=min_seconds,
        max_bad_share=max_bad_share,
        quarantine_file=quarantine_file,
    )
    return table


def read_with_extras(
    spec: str,
    *,
    min_seconds: float = MIN_SECONDS,
    max_bad_share: float = 0.05,
    quarantine_file: Path | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the utterance table and, row by row, what else the corpus says of its utterances."""
    plain, options = split_options(spec)
    listings: list[pd.DataFrame] = []

    def keeping(reader: Reader) -> Lister:
        def list_and_keep(path: Path, source: str) -> pd.DataFrame:
            listings.append(reader.list_files(path, source, options))
            return listings[-1]

        return list_and_keep

    bare, columns = take_columns(plain)
    name, _, place = bare.partition("=")
    if place and is_audformat(Path(place).expanduser()):
        manifest = Path(place).expanduser().absolute()
        table = assemble(
            list_audformat(manifest, name, columns),
            source=name,
            folder=manifest.parent,
            min_seconds=min_seconds,
            max_bad_share=max_bad_share,
            quarantine_file=quarantine_file,
        )
    else:
        table = read_corpus(
            plain,
            min_seconds=min_seconds,
            max_bad_share=max_bad_share,
            quarantine_file=quarantine_file,
            listers=LISTERS | {known: keeping(reader) for known, reader in READERS.items()},
            synthetic_part="probe",
        )
    if NORMS in options:
        table = with_norms(table)
    if not listings:
        return table, pd.DataFrame(index=table.index)
    listing = listings[0].set_index("id")
    extras = listing[[column for column in listing if column not in (*COLUMNS, "source")]]
    return table, extras.loc[table["id"]].reset_index(drop=True)
