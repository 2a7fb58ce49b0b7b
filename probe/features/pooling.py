"""How frames become one vector per utterance: what may be chosen. No torch.

The encoders and log-mel are pooled in the same way within a table. Not specified by the paper.
"""

from collections.abc import Sequence
from typing import Literal

from pretrain.shared.errors import CommandLineError

MEAN: Literal["mean"] = "mean"

POOLINGS = {MEAN: "mean over time", "mean_std": "mean and standard deviation over time"}
"""What a table's features may be, in words."""

Pooling = Literal["mean", "mean_std"]


HEADS_ON_POOLED = ("linear", "svm")
"""Heads that have a setting `pooling`; others pool in their own way."""


def pooling_override(heads: Sequence[str], pooling: str | None) -> list[str]:
    """Returns `--pooling` as overrides of the settings of heads that have it; none where it was
    not given."""
    if pooling is None:
        return []
    pooled = [head for head in heads if head in HEADS_ON_POOLED]
    if not pooled:
        raise CommandLineError(
            f"--pooling {pooling}: the head {', '.join(heads)} pools in its own way. Take --head "
            f"{' or '.join(HEADS_ON_POOLED)}, or leave --pooling out."
        )
    return [f"{head}.pooling={pooling}" for head in pooled]
