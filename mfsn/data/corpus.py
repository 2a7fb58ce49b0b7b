"""The corpus of an experiment: utterances with a class, and who is in which part of a fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from pretrain.data.scan.quarantine import note_of_unusable
from pretrain.data.tables.utterances import table_hash
from pretrain.shared.errors import InputError
from probe.corpora.targets import EMOTION, Task, find_tasks
from probe.folds.leaks import Overlap, drop_duplicates
from probe.folds.protocols import PARTS
from probe.heads.linear import Part, parts_of
from probe.rows.all_rows import describe, read_corpus


@dataclass(frozen=True, kw_only=True)
class EmotionCorpus:
    """Utterances that have a class; rows are places in `table`."""

    table: pd.DataFrame
    classes: tuple[str, ...]
    folds: pd.DataFrame
    """fold, id, part; of all folds of the protocol"""

    parts: dict[str, Part]
    """By the name of the fold; only the folds that were asked for."""

    described: dict[str, Any]
    """`corpus` in run.json."""


def read_emotion_corpus(
    spec: str, protocol: str, folds: Sequence[str] | None = None
) -> EmotionCorpus:
    """Reads a corpus, as given to `--corpus`, and keeps the utterances with a class, of these folds
    or of all. Raises `ValueError`: the corpus has no classes, a fold is unknown, or a part of a
    fold is empty."""
    corpus = read_corpus(spec, protocol, with_attributes=False)
    task = _emotion_of(corpus.tasks, f"{corpus.name} ({spec})")
    table = corpus.table[task.labelled].reset_index(drop=True)
    frame = corpus.folds[corpus.folds["id"].isin(set(table["id"]))].reset_index(drop=True)
    if unknown := [name for name in folds or () if name not in set(frame["fold"])]:
        raise InputError(
            f"There is no fold {unknown[0]!r}: the folds of {corpus.name} under protocol "
            f"{protocol} are {', '.join(frame['fold'].unique())}."
        )
    notes = [*corpus.described["notes"], *_note_on(task)]
    read = EmotionCorpus(
        table=table,
        classes=task.classes,
        folds=frame[["fold", "id", "part"]],
        parts={},
        described={**corpus.described, "notes": notes},
    )
    return with_folds(read, folds)


def with_folds(corpus: EmotionCorpus, wanted: Sequence[str] | None) -> EmotionCorpus:
    """Returns the corpus with the parts of the known folds that are wanted, or of all, in the
    protocol's order. Raises `ValueError` when a part of such a fold is empty."""
    parts = {
        part.fold: part
        for part in parts_of(corpus.table, corpus.folds)
        if wanted is None or part.fold in wanted
    }
    for name, of_fold in parts.items():
        for part in PARTS:
            if not len(getattr(of_fold, part)):
                raise InputError(
                    f"Corpus {corpus.described['name']}: fold {name} has no utterance with a "
                    f"class in its {part} part. Leave it out: take the other folds only (--fold)."
                )
    return replace(corpus, parts=parts)


def as_whole(table: pd.DataFrame, spec: str, folds: Sequence[str]) -> EmotionCorpus:
    """Returns a corpus that is only tested, as a whole by the network of each of these folds.

    The table is as `probe.corpora.read_probe_corpus` has read it from `spec`. Raises `ValueError`
    for a corpus without classes.
    """
    everything, notes = drop_duplicates(table)
    name = str(everything["source"].iloc[0])
    task = _emotion_of(find_tasks(everything), f"{name} ({spec})")
    table = everything[task.labelled].reset_index(drop=True)
    rows = np.arange(len(table))
    return EmotionCorpus(
        table=table,
        classes=task.classes,
        folds=pd.concat(
            [pd.DataFrame({"fold": name, "id": table["id"], "part": "test"}) for name in folds],
            ignore_index=True,
        ),
        parts={name: Part(fold=name, train=rows[:0], dev=rows[:0], test=rows) for name in folds},
        described={
            **describe(table, spec),
            "table_hash": table_hash(everything),
            "classes": list(task.classes),
            "num_folds": 1,
            "overlap": vars(Overlap(speakers=0, sessions=0, audio=0, sentences=0)),
            "notes": [*note_of_unusable(name), *notes, *_note_on(task)],
        },
    )


def _emotion_of(tasks: Sequence[Task], where: str) -> Task:
    for task in tasks:
        if task.name == EMOTION:
            return task
    raise InputError(f"Corpus {where}: MFSN needs at least two classes in the column `emotion`.")


def _note_on(task: Task) -> list[str]:
    left_out = int((~task.labelled).sum())
    return [f"{left_out} utterances without a class: left out."] if left_out else []
