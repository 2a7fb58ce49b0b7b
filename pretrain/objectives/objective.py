"""The one protocol under which the engine trains, and what an objective gives back.

The engine never asks which mode it runs: a new objective is one file with a settings class that
follows `ObjectiveSettings`, a module that follows `Objective`, and their `ObjectiveKind` as
`OBJECTIVE`; and a line in `pretrain/objectives/__init__.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import pandas as pd
from torch import Tensor

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder
from pretrain.objectives.presentation import CollapseRule, Presentation


@dataclass(frozen=True, kw_only=True)
class ObjectiveOutput:
    """Result of one shard. Sums, so that shards add up to the same update in any grouping."""

    loss_sum: Tensor
    """() with graph: loss summed over the shard's targets, penalties included. The engine divides
    the gradient once by the number of targets of the whole update."""

    num_targets: Tensor
    """() the shard's targets: its masked frames, or the characters of its transcripts."""

    metrics: Mapping[str, Tensor]
    """() each, detached: per-shard values; an update's value is their mean weighted by
    `num_targets`. Every objective has `explained`: the share of an uninformed predictor's loss
    (one answer for all frames) that the model saves, so that modes can be told to have learned
    something at all, and `conv_variance`."""


class Objective(Protocol):
    """An `nn.Module` that owns the encoder and all that its target needs."""

    encoder: Encoder

    collapse_rules: tuple[CollapseRule, ...]
    """The only limits: the engine watches them, and the report reads them from run.json."""

    bar_metric: str
    """Key of the metric that the progress bar shows beside the loss."""

    def __call__(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard; `progress` is the fraction in [0, 1) of all updates done."""
        ...

    def after_update(self, progress: float) -> None:
        """Called once after every optimizer step, on every process (a teacher moves here)."""
        ...


@runtime_checkable
class HasFixedTargets(Protocol):
    """An objective whose targets were made of the corpus before the first update."""

    def fixed_targets(self) -> Mapping[str, Tensor]:
        """Returns what they are made with. The engine keeps it in the run folder, with its hash,
        and refuses to continue a run with another."""
        ...


class ObjectiveSettings(Protocol):
    """An objective's own settings: a class made by `checked_settings.settings`, whose table in a
    configuration has the objective's name."""

    def row(self) -> Mapping[str, Any]:
        """Returns what tells a row from the objective's others in Table 4, in plain values."""
        ...

    def presentation(self) -> Presentation:
        """Returns how such a row is shown: its family, label, place, colours and curves."""
        ...


@dataclass(frozen=True, kw_only=True)
class ObjectiveKind:
    """How to configure and build one kind of objective."""

    settings_class: type[Any]
    """A class of `ObjectiveSettings`."""

    build: Callable[[Encoder, Any, int, pd.DataFrame], Objective]
    """Called with the encoder, the settings, the seed and the utterances to train on, a table with
    the column `num_samples` (16 kHz)."""
