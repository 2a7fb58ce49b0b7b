"""One row of the table on one corpus: what makes the numbers of a cell."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pretrain.model.encoder import Encoder
from pretrain.model.weights import load_encoder, weights_hash
from probe.attributes.evaluate import Attribute, evaluate_attributes
from probe.corpora.targets import Task
from probe.features.baselines import CONSTANT, LOG_MEL, LogMelFeatures
from probe.features.frame_states import EncoderFrames, FrameSource, LogMelFrames, kept_frames
from probe.features.utterance_features import EncoderFeatures, FeatureSource, extract
from probe.heads.finetune import evaluate_finetuned
from probe.heads.linear import Evaluation, Part, evaluate, evaluate_constant
from probe.heads.settings import FINETUNE, SUPERB, Head
from probe.heads.superb import evaluate_superb
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
        run: A row, or a baseline of `probe.rows.all_rows.with_baselines`.
        corpus: What to predict, with its folds.
        head: Which head, and its settings.
        features_folder: Where features and frames are kept.
        bf16: Whether the encoder computes in bfloat16.
        known: Keeps what is the same for every seed; for one corpus and head.
    """
    if run.group == BASELINE and run.name == CONSTANT:
        return evaluate_constant(corpus.table, corpus.tasks, corpus.parts)
    known = {} if known is None else known
    what = corpus.table, corpus.tasks, corpus.parts
    if head.name == FINETUNE:
        encoder = _encoder(run)
        key = weights_hash(encoder)
        if key not in known:
            known[key] = evaluate_finetuned(
                encoder, *what, head.finetune, name=run.name, bf16=bf16, device=device()
            )
        return known[key]
    if head.name == SUPERB:
        frame_source = _frame_source(run, bf16)
        if (key := frame_source.key) not in known:
            frames = kept_frames(corpus.table, frame_source, features_folder)
            known[key] = evaluate_superb(frames, *what, head.superb, device=device())
        return known[key]
    source = _source(run, bf16)
    if source.key not in known:
        features = extract(corpus.table, source, features_folder)
        known[source.key] = evaluate(corpus.table, features, corpus.tasks, corpus.parts)
        known[source.key].add(evaluate_attributes(corpus.table, features, corpus.attributes))
    return known[source.key]


def _source(run: EncoderRun, bf16: bool) -> FeatureSource:
    if run.name == LOG_MEL and run.group == BASELINE:
        return LogMelFeatures()
    return EncoderFeatures(_encoder(run), name=run.name, bf16=bf16, device=device())


def _frame_source(run: EncoderRun, bf16: bool) -> FrameSource:
    if run.name == LOG_MEL and run.group == BASELINE:
        return LogMelFrames()
    return EncoderFrames(_encoder(run), name=run.name, bf16=bf16, device=device())


def _encoder(run: EncoderRun) -> Encoder:
    """Returns the row's encoder, or for a baseline the one at the initial weights."""
    assert run.folder is not None
    return load_encoder(run.folder, initial=run.group == BASELINE)


def device() -> torch.device:
    """Returns what encoders and networks compute on."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
