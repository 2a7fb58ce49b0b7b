"""The one protocol under which the engine trains, and what an objective gives back.

The engine never asks which mode it runs: a new objective is one file with a settings class, a
module that follows `Objective`, and a line in `pretrain/objectives/__init__.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder


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


@dataclass(frozen=True, kw_only=True)
class CollapseRule:
    """A metric that tells a collapse when it stays below (or above) a limit after warm-up."""

    metric: str
    limit: float
    collapsed_below: bool = True
    meaning: str
    """What has collapsed and what to try, in a sentence for the log and the report."""


class Objective(Protocol):
    """An `nn.Module` that owns the encoder and all that its target needs."""

    encoder: Encoder

    collapse_rules: tuple[CollapseRule, ...]

    def __call__(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard; `progress` is the fraction in [0, 1) of all updates done."""
        ...

    def after_update(self, progress: float) -> None:
        """Called once after every optimizer step, on every process (a teacher moves here)."""
        ...
