"""Spectrogram levels to 0..1 per frequency bin (Co-attention's loader, without its 8 bits).

Shapes: B segments, F frames, K bins.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class BinRange:
    """The lowest and the highest level of each bin in the training part."""

    low: Tensor
    """(K,) dB"""

    high: Tensor
    """(K,) dB"""

    def normalized(self, spectrogram: Tensor, num_frames: Tensor) -> Tensor:
        """(B, F, K) in dB, (B,) -> (B, F, K) in 0..1, and 0 beyond the valid frames.

        Levels outside the range of the training part are clipped to it. A bin that is constant
        there becomes 0.
        """
        spread = self.high - self.low
        # An infinite spread maps whatever is in a constant bin to 0.
        spread = torch.where(spread > 0, spread, torch.inf)
        scaled = spectrogram.float().sub_(self.low).div_(spread).clamp_(0.0, 1.0)
        return scaled.masked_fill_(~valid_frames(num_frames, scaled.shape[1])[..., None], 0.0)


def fit_range(batches: Iterator[tuple[Tensor, Tensor]]) -> BinRange:
    """Fits to the valid frames of batches of spectrogram (B, F, K) in dB and num_frames (B,)."""
    lows, highs = [], []
    for spectrogram, num_frames in batches:
        levels = spectrogram.float()
        invalid = ~valid_frames(num_frames, levels.shape[1])[..., None]
        lows.append(levels.masked_fill(invalid, torch.inf).amin((0, 1)))
        highs.append(levels.masked_fill(invalid, -torch.inf).amax((0, 1)))
    return BinRange(low=torch.stack(lows).amin(0), high=torch.stack(highs).amax(0))


def valid_frames(num_frames: Tensor, width: int) -> Tensor:
    """(B,) -> (B, width) bool, True for the first `num_frames` of each row."""
    return torch.arange(width, device=num_frames.device) < num_frames[:, None]
