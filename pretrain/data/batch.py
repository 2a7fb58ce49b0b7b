"""What one micro-batch (a "shard" of an update) consists of."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

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
        return self._each(Tensor.pin_memory)

    def to(self, device: torch.device) -> "Batch":
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors: dict[str, Any] = {k: change(v) for k, v in values.items() if k != "draws"}
        return replace(self, **tensors)
