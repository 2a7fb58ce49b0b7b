"""What the masked frames of a batch are in the target space, standardised over the corpus.

Shapes: B batch, S samples, T frames, M masked frames, D values of a frame, k centroids.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.model.masked_frames import MaskedFrames
from pretrain.objectives.frames.codebook import Codebook
from pretrain.objectives.frames.heads import Target, squared_distances
from pretrain.objectives.frames.logmel import LogMel
from pretrain.objectives.frames.prosody import Prosody
from pretrain.objectives.frames.states import EncoderStates
from pretrain.shared.random_streams import Draws


class FrameTargets(nn.Module):
    """Log-mel bands, or an encoder's states, and the code of each frame."""

    def __init__(
        self,
        frames: LogMel | EncoderStates,
        codebook: Codebook,
        kept_variance: float,
        *,
        shuffled: bool,
    ) -> None:
        """`kept_variance` is the share of the frames' variance that the target keeps."""
        super().__init__()
        self.frames = frames
        self.shuffled = shuffled
        kept = torch.tensor(kept_variance, dtype=torch.float64)
        for name, value in {**codebook.tensors, "kept_variance": kept}.items():
            self.register_buffer(name, value.clone())
        self.mean: Tensor
        self.std: Tensor
        self.centroids: Tensor
        self.shares: Tensor

    @torch.no_grad()
    def forward(self, batch: Batch, masked: MaskedFrames) -> Target:
        frames = self.frames(batch.waveforms, batch.num_samples)
        values = masked.take((frames - self.mean) / self.std)
        if self.shuffled:
            codes = _draw_codes(batch.draws, masked, self.shares)
        else:
            codes = squared_distances(values, self.centroids).argmin(dim=-1)
        return Target(values=values, counted=masked.valid[..., None], codes=codes)


class ProsodyTargets(nn.Module):
    """F0, energy and voicing; F0 counts where there is one."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.prosody = Prosody()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        self.mean: Tensor
        self.std: Tensor

    @torch.no_grad()
    def forward(self, batch: Batch, masked: MaskedFrames) -> Target:
        values, counted = prosody_values(self.prosody, batch.waveforms)
        counted = masked.take(counted.float()).bool() & masked.valid[..., None]
        return Target(values=masked.take((values - self.mean) / self.std), counted=counted)


def prosody_values(prosody: Prosody, waveforms: Tensor) -> tuple[Tensor, Tensor]:
    """(B, S) -> (B, T, 3) values, (B, T, 3) bool, which of them count: F0 in voiced frames only."""
    values, voiced = prosody(waveforms)
    return values, torch.stack([voiced, *[torch.ones_like(voiced)] * 2], dim=-1)


def _draw_codes(draws: Sequence[Draws], masked: MaskedFrames, shares: Tensor) -> Tensor:
    """Returns (B, M) codes that are as frequent as those of the corpus and say nothing of a frame:
    what a permutation of all codes over all frames gives."""
    edges = np.cumsum(shares.cpu().double().numpy())
    codes = np.zeros(masked.index.shape, dtype=np.int64)
    for row, (one, count) in enumerate(zip(draws, masked.counts, strict=True)):
        uniforms = one.generator("shuffled").random(count)
        found = np.searchsorted(edges, uniforms * edges[-1], side="right")
        codes[row, :count] = np.minimum(found, len(edges) - 1)
    return torch.from_numpy(codes).to(masked.index.device)
