"""One row of the table on one corpus: what makes the numbers of a cell."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pretrain.model.frozen import load_frozen
from probe.attributes.evaluate import Attribute, evaluate_attributes
from probe.corpora.targets import Task
from probe.features.acoustic import make_acoustic
from probe.features.baselines import CONSTANT, LOG_MEL
from probe.features.row_source import RowSource
from probe.heads.linear import Evaluation, Part, evaluate_constant
from probe.heads.settings import Head
from probe.rows.comparable import BASELINE, EncoderRun

STAGES = ("audio", "encoder", "features", "frames", "attributes", "metrics")
"""That make the numbers of every cell, beside those of its head: see `NUMBERS_VERSION`."""


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus that is ready to be probed."""

    name: str
    table: pd.DataFrame
    folds: pd.DataFrame
    tasks: tuple[Task, ...]
    parts: list[Part]
    described: dict[str, Any]
    """The entry of `corpora` in run.json."""

    attributes: tuple[Attribute, ...] = ()
    """What is probed beside emotion, for curves by layer only."""

    attribute_notes: tuple[str, ...] = ()
    """Those of the notes in `described` that are on attributes."""

    def without_attributes(self) -> "Corpus":
        """Returns it for a head that does not tell layers apart."""
        notes = [note for note in self.described["notes"] if note not in self.attribute_notes]
        described = {**self.described, "attributes": [], "notes": notes}
        return replace(self, attributes=(), attribute_notes=(), described=described)


def evaluate_row(
    run: EncoderRun,
    corpus: Corpus,
    head: Head,
    features_folder: Path,
    bf16: bool = False,
    known: dict[str, Evaluation] | None = None,
) -> Evaluation:
    """Evaluates one row on one corpus.

    Args:
        run: A row, or a baseline of `probe.rows.baselines.with_baselines`.
        corpus: What to predict, with its folds.
        head: Which head, and its settings.
        features_folder: Where features and frames are kept.
        bf16: Whether the encoder computes in bfloat16.
        known: Keeps what is the same for every seed; for one corpus and head.
    """
    if run.group == BASELINE and run.name == CONSTANT:
        return evaluate_constant(corpus.table, corpus.tasks, corpus.parts)
    known = {} if known is None else known
    source = _source(run, corpus, features_folder, bf16)
    if source.key not in known:
        found = head.kind.evaluate(source, corpus.tasks, corpus.parts, head.settings)
        if corpus.attributes:
            found.add(
                evaluate_attributes(corpus.table, source.features(head.pooling), corpus.attributes)
            )
        found.warnings += source.remarks()
        known[source.key] = found
    return known[source.key]


def _source(run: EncoderRun, corpus: Corpus, folder: Path, bf16: bool) -> RowSource:
    """Returns the row's encoder, or for a baseline the one at the initial weights, log-mel, or
    acoustic features."""
    frozen = acoustic = None
    if run.folder is not None:
        initial = run.group == BASELINE
        frozen = load_frozen(run.folder, name=run.name, initial=initial, bf16=bf16, device=device())
    elif run.name != LOG_MEL:
        acoustic = make_acoustic(run.name)
    return RowSource(
        frozen=frozen, acoustic=acoustic, table=corpus.table, folder=folder, device=device()
    )


def device() -> torch.device:
    """Returns what encoders and networks compute on."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
