"""One batch of segments, as the networks of MFSN receive it.

B segments, S samples, T frames of the encoders, D dimensions of a state.
"""

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SegmentBatch:
    """B segments of at most three seconds. Nothing beyond the valid frames or samples carries
    meaning, and no network may let it change an output.
    """

    spectrogram: Tensor
    """(B, 300, 200) in 0..1: normalised per frequency bin by the training part, clipped, and 0
    beyond the valid frames."""

    mfcc: Tensor
    """(B, 300, 40) float32, L2-normalised per frame, 0 beyond the valid frames."""

    num_spectral_frames: Tensor
    """(B,) int64: how many frames of `spectrogram` and `mfcc` are valid."""

    waveforms: Tensor
    """(B, S) normalised over the valid samples, 0 beyond; (B, 0) where the states are cached."""

    num_samples: Tensor
    """(B,) int64: valid samples at 16 kHz."""

    valid: Tensor
    """(B, T) bool: which frames of `tec` and `sec` are real."""

    tec: Tensor
    """(B, T, D) states of the last layer of the TEC encoder, 0 at invalid frames; (B, T, 0)
    without a TEC stream."""

    sec: tuple[Tensor, ...]
    """The early, the middle and the last level of the SEC encoder, each (B, T, D), 0 at invalid
    frames; () without a SEC stream."""

    labels: Tensor
    """(B,) int64 class."""

    utterance: Tensor
    """(B,) int64 row of the utterance in the corpus table."""

    def to(self, device: torch.device | str) -> "SegmentBatch":
        """The same batch on `device`."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                moved[field.name] = tuple(level.to(device) for level in value)
            else:
                moved[field.name] = value.to(device)
        return SegmentBatch(**moved)
