"""Product quantizer with straight-through Gumbel softmax (vq-wav2vec, wav2vec 2.0 section 2).

Shapes: B batch, M masked frames, C input dim, G codebooks, V entries, E code vector dim.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from einops import einsum, rearrange
from torch import Tensor, nn

from pretrain.model.masked_frames import MaskedFrames
from pretrain.shared.random_streams import Draws


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """Codes of the masked frames."""

    vectors: Tensor
    """(B, M, E) the drawn code vectors of all codebooks side by side."""

    centres: Tensor
    """(B, M) int64, the drawn centre, one of V^G."""

    likeliest_centres: Tensor
    """(B, M) int64, the centre without noise."""

    perplexity: Tensor
    """(G,) perplexity, 1 to V, of the average softmax over the masked frames."""

    bits: Tensor
    """() what the drawn codes tell of their frame, 0 to G log2 V bits: the mutual information of
    frame and code. Codes can be used evenly and yet be pure noise; then this is 0."""


class GumbelQuantizer(nn.Module):
    """Turns a frame into one of V^G centres, in fp32 also under autocast.

    Temperature and noise come from outside, so that a forward has no hidden state and no hidden
    draws; nothing here waits for the device.
    """

    def __init__(self, input_dim: int, num_codebooks: int, num_entries: int, code_dim: int) -> None:
        super().__init__()
        assert code_dim % num_codebooks == 0
        self.num_codebooks = num_codebooks
        self.num_entries = num_entries
        self.to_logits = nn.Linear(input_dim, num_codebooks * num_entries)
        nn.init.normal_(self.to_logits.weight)
        nn.init.zeros_(self.to_logits.bias)
        # (G, V, E / G), from U(0, 1) as wav2vec 2.0's
        self.codebooks = nn.Parameter(
            torch.rand(num_codebooks, num_entries, code_dim // num_codebooks)
        )

    def forward(
        self, x: Tensor, masked: MaskedFrames, noise: Tensor, temperature: float
    ) -> Quantized:
        """Quantizes `x` (B, M, C) with Gumbel `noise` (B, M, G, V)."""
        with torch.autocast(x.device.type, enabled=False):
            logits = rearrange(
                self.to_logits(x.float()), "B M (G V) -> B M G V", G=self.num_codebooks
            )
            probabilities = logits.softmax(dim=-1)
            average = masked.mean(probabilities)  # (G, V)
            entropy = -(average * torch.log(average + 1e-7)).sum(dim=-1)  # (G,)
            with torch.no_grad():
                noise_entropy = masked.mean(torch.special.entr(probabilities)).sum(dim=-1)  # (G,)
                bits = ((entropy - noise_entropy) / math.log(2.0)).sum()
            soft = ((logits + noise) / temperature).softmax(dim=-1)
            codes = soft.argmax(dim=-1)  # (B, M, G)
            hard = torch.zeros_like(soft).scatter_(-1, codes[..., None], 1.0)
            # In this order the forward value is exactly 0 or 1, so equal codes give equal vectors.
            one_hot = hard + (soft - soft.detach())
            vectors = einsum(one_hot, self.codebooks, "B M G V, G V E -> B M G E")
        return Quantized(
            vectors=rearrange(vectors, "B M G E -> B M (G E)"),
            centres=self._centres(codes),
            likeliest_centres=self._centres(logits.detach().argmax(dim=-1)),
            perplexity=entropy.exp(),
            bits=bits,
        )

    def _centres(self, codes: Tensor) -> Tensor:
        # (B, M, G) -> (B, M), codes as digits in base V
        powers = [self.num_entries**group for group in range(self.num_codebooks)]
        return (codes * torch.tensor(powers, device=codes.device)).sum(dim=-1)


def draw_gumbel_noise(
    draws: Sequence[Draws], masked: MaskedFrames, num_codebooks: int, num_entries: int
) -> Tensor:
    """Returns noise (B, M, G, V), zero in the padding, drawn per utterance (purpose "gumbel")."""
    batch_size, num_masked = masked.index.shape
    exponential = np.ones((batch_size, num_masked, num_codebooks, num_entries), dtype=np.float32)
    for row, (draw, count) in enumerate(zip(draws, masked.counts, strict=True)):
        shape = (count, num_codebooks, num_entries)
        draw.generator("gumbel").standard_exponential(
            shape, dtype=np.float32, out=exponential[row, :count]
        )
    # An exact zero happens once in 2^24 draws or less and would give infinite noise.
    noise = -np.log(np.maximum(exponential, np.finfo(np.float32).tiny))
    return torch.from_numpy(noise).to(masked.index.device, non_blocking=True)


def centre_statistics(centres: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the perplexity () of `centres` (B, M) and how many () of them occur.

    Counts by sorting, since V^G may be too many for a table, and without waiting for the device.
    """
    flat = torch.where(valid, centres, -1).flatten().sort().values
    first = torch.ones_like(flat)
    first[1:] = (flat[1:] != flat[:-1]).long()
    run = first.cumsum(dim=0) - 1
    counts = torch.zeros(flat.shape, device=flat.device)
    counts = counts.scatter_add(0, run, (flat >= 0).float())
    shares = counts / counts.sum().clamp(min=1.0)
    return torch.exp(-torch.xlogy(shares, shares).sum()), (counts > 0).sum().float()
