"""The masked frames of a batch, whose number differs from row to row, as a padded matrix.

Shapes: B batch, T frames, M masked frames (of the row that has most), C channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class MaskedFrames:
    """Where the masked frames are; rows with fewer than M are padded."""

    index: Tensor
    """(B, M) int64, frames in time order; beyond a row's masked frames, unmasked ones."""

    valid: Tensor
    """(B, M) bool, False in the padding."""

    counts: list[int]
    """Masked frames per row."""

    def take(self, x: Tensor) -> Tensor:
        """Returns (B, M, C) of `x` (B, T, C). Its backward is deterministic."""
        return x.gather(1, self.index[:, :, None].expand(-1, -1, x.shape[2]))

    def mean(self, x: Tensor) -> Tensor:
        """Returns the mean of `x` (B, M, ...) over the masked frames, padding left out."""
        valid = self.valid.view(*self.valid.shape, *[1] * (x.dim() - 2))
        return torch.where(valid, x, 0.0).sum(dim=(0, 1)) / max(sum(self.counts), 1)


def find_masked_frames(mask: Tensor) -> MaskedFrames:
    """Reads `mask` (B, T). Waits for the device, so call it before any work is queued there."""
    counts: list[int] = mask.sum(dim=1).tolist()
    num_masked = max(1, *counts)
    # A stable sort that puts the masked frames first keeps them in time order.
    index = mask.logical_not().to(torch.uint8).argsort(dim=1, stable=True)[:, :num_masked]
    return MaskedFrames(index=index, valid=mask.gather(1, index), counts=counts)
