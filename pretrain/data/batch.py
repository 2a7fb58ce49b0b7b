"""What one micro-batch (a "shard" of an update) consists of."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pretrain.shared.random_streams import Draws


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B utterances of an update, zero-padded to S samples, S a multiple of 320; T = S / 320.

    The last frame of every row is never valid (`num_frames_of(S) < T`), see
    `pretrain.model.time_major_conv`.
    """

    waveforms: Tensor
    """(B, S) float32, each normalised over its valid samples, zero beyond them."""

    num_samples: Tensor
    """(B,) int64, valid samples per row."""

    crop_starts: Tensor
    """(B,) int64, where each row begins in its utterance, in samples at 16 kHz; 0 where all of it
    was taken. For objectives with targets that are kept by utterance."""

    mask: Tensor
    """(B, T) bool, True at the masked frames; never True beyond a row's valid frames."""

    draws: tuple[Draws, ...]
    """B keys from which an objective draws what else it needs (negatives, Gumbel noise)."""

    def pin_memory(self) -> "Batch":
        """Called by the loader when there is a GPU."""
        return replace(
            self,
            waveforms=self.waveforms.pin_memory(),
            num_samples=self.num_samples.pin_memory(),
            crop_starts=self.crop_starts.pin_memory(),
            mask=self.mask.pin_memory(),
        )

    def to(self, device: torch.device) -> "Batch":
        return replace(
            self,
            waveforms=self.waveforms.to(device, non_blocking=True),
            num_samples=self.num_samples.to(device, non_blocking=True),
            crop_starts=self.crop_starts.to(device, non_blocking=True),
            mask=self.mask.to(device, non_blocking=True),
        )
