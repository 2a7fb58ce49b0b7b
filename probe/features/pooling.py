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


def pooling_override(heads: Sequence[str], pooling: str | None) -> list[str]:
    """Returns `--pooling` as an override of the linear head's settings; none where it was not
    given. Other heads pool in their own way."""
    if pooling is None:
        return []
    if "linear" not in heads:
        raise CommandLineError(
            f"--pooling {pooling}: the head {', '.join(heads)} pools in its own way. Take --head "
            "linear, or leave --pooling out."
        )
    return [f"linear.pooling={pooling}"]
