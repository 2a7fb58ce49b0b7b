"""The gender of a corpus's speakers, from whoever says it: the corpus's reader, the voices of the
synthetic corpus, or a manifest's columns `speaker` and `gender`."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from pretrain.data.readers.reader import Genders, genders_in_table, reader_of, unknown_genders
from pretrain.data.readers.registry import SYNTHETIC
from pretrain.data.synthetic.speakers import all_speakers
from pretrain.data.tables.columns import take_columns
from probe.corpora.options import manifest_of, split_options
from probe.corpora.registry import READERS


def find_genders(table: pd.DataFrame, spec: str) -> Genders:
    """Returns the gender of the table's speakers.

    Args:
        table: As `probe.corpora.read_probe_corpus(spec)` gave it, whole or in part.
        spec: As given to `--corpus`.

    Raises:
        ValueError: A manifest gives two genders to one speaker.
    """
    plain, columns = take_columns(split_options(spec)[0])
    name, _, place = plain.strip().partition("=")
    path = Path(place.strip()).expanduser()
    manifest = manifest_of(spec)
    if name.split(":")[0] == SYNTHETIC:
        by_speaker = {speaker.name: speaker.gender for speaker in all_speakers()}
        found = Genders(by_speaker=by_speaker, source="the voices' genders")
    elif manifest is not None and manifest.is_file():
        speaker, gender = (columns.get(column, column) for column in ("speaker", "gender"))
        source = f"the manifest's column `{gender}`"
        found = genders_in_table(manifest, speaker=speaker, gender=gender, source=source)
    elif manifest is None and name in READERS:
        found = reader_of(name, READERS).genders(path)
    else:
        found = unknown_genders(path)
    speakers = sorted(set(table["speaker"].astype(str)) & set(found.by_speaker) - {""})
    return replace(found, by_speaker={name: found.by_speaker[name] for name in speakers})
