"""Which other masked frames a masked frame is contrasted with (wav2vec 2.0, section 3.2).

Shapes: B batch, M masked frames, K negatives per frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pretrain.model.masked_frames import MaskedFrames
from pretrain.shared.random_streams import Draws


@dataclass(frozen=True, kw_only=True)
class Negatives:
    """K negatives of every masked frame, from the same utterance, drawn with replacement."""

    index: Tensor
    """(B, M, K) int64 into the row's masked frames, in [0, M)."""

    usable: Tensor
    """(B, M, K) bool. False in the padding, where a row has no frame to draw, and (only with
    `identical` allowed) where the drawn frame has the same centre."""


def draw_uniforms(draws: Sequence[Draws], masked: MaskedFrames, num_negatives: int) -> Tensor:
    """Returns (B, M, K) numbers in [0, 1), drawn per utterance (purpose "negatives")."""
    batch_size, num_masked = masked.index.shape
    uniforms = np.zeros((batch_size, num_masked, num_negatives), dtype=np.float32)
    for row, (draw, count) in enumerate(zip(draws, masked.counts, strict=True)):
        draw.generator("negatives").random(dtype=np.float32, out=uniforms[row, :count])
    return torch.from_numpy(uniforms).to(masked.index.device, non_blocking=True)


def differing_negatives(uniforms: Tensor, centres: Tensor, masked: MaskedFrames) -> Negatives:
    """Draws among the row's other masked frames whose centre differs (`centres` (B, M)).

    A frame all of whose fellows have its own centre gets no usable negative.
    """
    # Sorted by centre, the frames of one centre are one block; the candidates are what lies before
    # and after it, so a candidate's rank becomes a place by jumping over the block.
    padding = torch.iinfo(torch.int64).max
    in_order, order = torch.where(masked.valid, centres, padding).sort(dim=1, stable=True)
    block_start = torch.searchsorted(in_order, centres, right=False)
    block_end = torch.searchsorted(in_order, centres, right=True)
    block_size = block_end - block_start
    num_candidates = (masked.valid.sum(dim=1, keepdim=True) - block_size).clamp(min=0)
    rank = _ranks(uniforms, num_candidates)
    place = torch.where(rank < block_start[:, :, None], rank, rank + block_size[:, :, None])
    usable = (masked.valid & (num_candidates > 0))[:, :, None].expand_as(rank)
    place = torch.where(usable, place, 0)
    index = order.gather(1, place.flatten(1)).view_as(place)
    return Negatives(index=index, usable=usable)


def any_negatives(uniforms: Tensor, centres: Tensor, masked: MaskedFrames) -> Negatives:
    """Draws among all of the row's other masked frames; those with the same centre are not usable
    (wav2vec 2.0's way, which sets their logits to minus infinity)."""
    num_candidates = (masked.valid.sum(dim=1, keepdim=True) - 1).expand_as(centres)
    rank = _ranks(uniforms, num_candidates)
    own = torch.arange(centres.shape[1], device=centres.device)[None, :, None]
    index = torch.where(rank < own, rank, rank + 1)
    possible = (masked.valid & (num_candidates > 0))[:, :, None]
    index = torch.where(possible, index, 0)
    drawn = centres.gather(1, index.flatten(1)).view_as(index)
    return Negatives(index=index, usable=possible & (drawn != centres[:, :, None]))


def _ranks(uniforms: Tensor, num_candidates: Tensor) -> Tensor:
    """Maps (B, M, K) numbers in [0, 1) to whole numbers below `num_candidates` (B, M)."""
    most = (num_candidates[:, :, None] - 1).clamp(min=0)
    # Rounding may reach num_candidates itself.
    return torch.minimum((uniforms * num_candidates[:, :, None]).long(), most)
