"""The two cells of the search space: which level of speech, and how it adjusts the text.

Shapes: B batch, T frames, D model dim.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor, nn

from mfsn.model.operations import OPERATIONS
from pretrain.model.encoder import seeded_weights
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.random_streams import generator

LEVELS = ("early", "middle", "last")
"""The levels of the SEC encoder that a Choice Cell chooses from (paper, section 2.1)."""

MAX_CELLS = 16
"""Most Fusion Cells in a row; the paper has 1."""


@settings
class FusionSettings:
    """Settings of the fusion of text and speech."""

    num_cells: Annotated[int, within(f"[1, {MAX_CELLS}]")] = 1
    """M, the Fusion Cells in a row (paper: 1)."""

    ism: Literal["gated", "channel"] = "gated"
    """What stands in for the Information Supplement Module: `gated` or `channel`. Its formula is
    lost: Not specified by the paper."""

    alpha_init: Annotated[float, within("[0, 1000]")] = 1e-3
    """Standard deviation of the initial alpha (BM-NAS's). Not specified by the paper."""


class ChoiceCell(nn.Module):
    """Hands on one of the three levels of speech, detached (paper, section 2.2): the fusion must
    not make the lower levels specific to its task. The level is drawn by whoever trains."""

    def forward(self, sec: Sequence[Tensor], level: int) -> Tensor:
        """Returns `sec[level]` (B, T, D), through which no gradient flows."""
        assert 0 <= level < len(LEVELS) == len(sec), (level, len(sec))
        return sec[level].detach()


class FusionCell(nn.Module):
    """softmax(alpha)-weighted sum of the operations on (x, y) (paper, eq. 6; DARTS)."""

    def __init__(self, dim: int, settings: FusionSettings, *, cell: int, seed: int) -> None:
        """Makes Fusion Cell number `cell`, counted from 0."""
        super().__init__()
        self.operations = nn.ModuleDict(
            {name: _seeded_operation(name, dim, settings, cell, seed) for name in OPERATIONS}
        )
        drawn = generator(seed, "mfsn", "alpha", cell).standard_normal(len(OPERATIONS))
        self.alpha = nn.Parameter(torch.from_numpy(drawn.astype(np.float32)) * settings.alpha_init)

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D); `valid` is (B, T)."""
        mixed = torch.zeros_like(x)
        for weight, operation in zip(
            self.alpha.softmax(dim=0), self.operations.values(), strict=True
        ):
            mixed = mixed + weight * operation(x, y, valid)
        return mixed


class DerivedCell(nn.Module):
    """A Fusion Cell in which the search has left one operation."""

    def __init__(
        self, name: str, dim: int, settings: FusionSettings, *, cell: int, seed: int
    ) -> None:
        """Makes cell number `cell`; its initial weights are those that the operation `name` has in
        a `FusionCell` of the same seed."""
        super().__init__()
        self.operation = _seeded_operation(name, dim, settings, cell, seed)

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        fused: Tensor = self.operation(x, y, valid)
        return fused


def argmax_operations(weights: Tensor, *, zero_may_win: bool = True) -> tuple[str, ...]:
    """Returns for every row of `weights` (M, operations) the operation of the largest one.

    Without `zero_may_win` the operation `zero`, which deletes the text stream, is passed over.
    """
    allowed = torch.tensor([zero_may_win or name != "zero" for name in OPERATIONS])
    candidates = torch.where(allowed, weights.detach().cpu(), -torch.inf)
    names = tuple(OPERATIONS)
    places: Iterable[int] = candidates.argmax(dim=1).tolist()
    return tuple(names[place] for place in places)


def _seeded_operation(
    name: str, dim: int, settings: FusionSettings, cell: int, seed: int
) -> nn.Module:
    with seeded_weights(seed, f"mfsn cell {cell} {name}"):
        return OPERATIONS[name].make(dim, settings.ism)
