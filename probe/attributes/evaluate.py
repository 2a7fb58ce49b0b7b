"""What else a layer knows: the speaker and the speaker's gender, with folds of their own.

Both are probed with the linear head, like emotion. Their folds do not depend on the protocol:

- `speaker`: a voice can only be recognised if it was trained on, so the folds are over utterances.
  Where the corpus allows it no sentence is in both the training and the test part, so that a
  layer is not rewarded for knowing words.
- `gender`: groups of speakers are left out, each of at least one woman and one man. Under a
  protocol that leaves one speaker out, the dev part would have one gender only and could choose
  nothing: any head that always answers this gender would be the best.

Not specified by the paper, which probes emotion only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pretrain.data.readers.reader import Genders, genders_in_table, reader_of, unknown_genders
from pretrain.data.readers.registry import SYNTHETIC
from pretrain.data.synthetic.speakers import all_speakers
from pretrain.data.tables.columns import take_columns
from pretrain.shared.json_files import hash_of
from probe.attributes.folds import MIN_FOLDS, Fold, Names, gender_folds, speaker_folds
from probe.corpora.options import manifest_of, split_options
from probe.corpora.registry import READERS
from probe.corpora.targets import Task
from probe.heads.linear import Evaluation, FloatArray, Part, evaluate
from probe.metrics import ATTRIBUTES

SPEAKER, GENDER = ATTRIBUTES

MIN_UTTERANCES = 3
"""Of a speaker who is to be recognised: one each to train, to choose and to test."""

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Candidates for the penalty; fewer than for emotion, because there are many more classes."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """An attribute that can be probed on a corpus."""

    task: Task
    parts: list[Part]
    described: dict[str, Any]
    """Its entry of `attributes` in run.json: name, num_classes, chance (the UA of any constant
    answer), folds and notes in words, hash of labels and folds."""


def find_attributes(table: pd.DataFrame, spec: str) -> tuple[tuple[Attribute, ...], list[str]]:
    """Returns what can be probed, and sentences on all that cannot or only in part.

    Args:
        table: Without copies of recordings. Neither labels nor folds depend on its order.
        spec: As given to `--corpus`; says where genders are found.
    """
    found: list[Attribute] = []
    sentences: list[str] = []
    for name, result in ((SPEAKER, _speaker(table)), (GENDER, _gender(table, spec))):
        if isinstance(result, Attribute):
            found.append(result)
            sentences += [f"probe of the {name}: {note}" for note in result.described["notes"]]
        else:
            sentences.append(f"no probe of the {name}: {result}")
    return tuple(found), sentences


def evaluate_attributes(
    table: pd.DataFrame, features_NLD: FloatArray, attributes: Sequence[Attribute]
) -> Evaluation:
    """Returns scores and selection of all attributes, without predictions.

    Predictions are what tests and intervals are computed from; attributes are part of neither.
    """
    result = Evaluation()
    for attribute in attributes:
        one = evaluate(table, features_NLD, [attribute.task], attribute.parts, strengths=STRENGTHS)
        result.scores += one.scores
        result.selection += one.selection
        result.warnings += [f"{attribute.task.name}: {text}" for text in one.warnings]
    return result


def _speaker(table: pd.DataFrame) -> Attribute | str:
    speakers = table["speaker"].astype(str)
    counts = speakers[speakers != ""].value_counts()
    heard = counts.index[counts >= MIN_UTTERANCES]
    if len(heard) < 2:
        return f"it needs two speakers with {MIN_UTTERANCES} utterances each."
    labels = speakers.where(speakers.isin(heard), "").to_numpy(object)
    folds, words = speaker_folds(table, labels)
    rare = len(counts) - len(heard)
    left_out = f"{rare} speakers with fewer than {MIN_UTTERANCES} utterances are left out."
    return _attribute(table, SPEAKER, labels, folds, words, left_out if rare else "")


def _gender(table: pd.DataFrame, spec: str) -> Attribute | str:
    genders = find_genders(table, spec)
    if not genders.source:
        return "the corpus does not say who is a woman and who is a man."
    speakers = table["speaker"].astype(str)
    sides = [
        sorted(name for name, gender in genders.by_speaker.items() if gender == side)
        for side in sorted(set(genders.by_speaker.values()))
    ]
    folds = gender_folds(speakers.to_numpy(object), sides)
    if not folds:
        counts = [f"{len(side)} {genders.by_speaker[side[0]]}" for side in sides]
        return (
            f"it needs {MIN_FOLDS} women and {MIN_FOLDS} men, but the corpus has "
            f"{' and '.join(counts) or 'none'}."
        )
    words = (
        f"{len(folds)} groups of speakers, each of women and men, left out in turn; genders from "
        f"{genders.source}"
    )
    labels = speakers.map(genders.by_speaker).fillna("").to_numpy(object)
    unknown = set(speakers[labels == ""])
    left_out = f"{len(unknown)} speakers whose gender is not known are left out."
    return _attribute(table, GENDER, labels, folds, words, left_out if unknown else "")


def find_genders(table: pd.DataFrame, spec: str) -> Genders:
    """Returns the gender of the table's speakers, from whoever says it: the corpus's reader, the
    voices of the synthetic corpus, or a manifest's columns `speaker` and `gender`.

    `table` is what `probe.corpora.read.read_probe_corpus(spec)` gave, whole or in part. Raises
    `ValueError` when a manifest gives two genders to one speaker.
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


def _attribute(
    table: pd.DataFrame, name: str, labels: Names, folds: Sequence[Fold], words: str, left_out: str
) -> Attribute:
    classes = tuple(sorted(set(labels) - {""}))
    code = {label: float(place) for place, label in enumerate(classes)}
    targets = np.array([code.get(label, np.nan) for label in labels], dtype=np.float64)
    ids = table["id"].astype(str).to_numpy(object)
    parts = []
    for place, fold in enumerate(folds, start=1):
        # In order of id: a corpus in another order gives the same numbers.
        train, dev, test = (rows[np.argsort(ids[rows])] for rows in fold)
        parts.append(Part(fold=f"{place:02d}", train=train, dev=dev, test=test))
    content = [
        sorted(zip(ids.tolist(), labels.tolist(), strict=True)),
        [[ids[part.dev].tolist(), ids[part.test].tolist()] for part in parts],
    ]
    return Attribute(
        task=Task(name=name, labelled=np.isfinite(targets), targets=targets, classes=classes),
        parts=parts,
        described={
            "name": name,
            "num_classes": len(classes),
            "chance": 1 / len(classes),
            "folds": words,
            "notes": [left_out] if left_out else [],
            "hash": hash_of(content),
        },
    )
