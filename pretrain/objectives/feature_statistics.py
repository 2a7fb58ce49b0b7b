"""Statistics of frames that leave out padding.

Shapes: B batch, T frames, C channels.
"""

import torch
from torch import Tensor


def mean_square(x: Tensor, valid: Tensor) -> Tensor:
    """Returns () the mean of the squares of `x` (B, T, C) over `valid` (B, T) frames, in fp32."""
    squares = x.float().square().mean(dim=-1)
    return torch.where(valid, squares, 0.0).sum() / valid.sum()


@torch.no_grad()
def variance(x: Tensor, valid: Tensor) -> Tensor:
    """Returns () the variance of every channel of `x` (B, T, C) over all `valid` (B, T) frames,
    averaged over channels, in fp32."""
    weight = (valid / valid.sum().clamp(min=1))[:, :, None].float()
    x = x.detach().float()
    mean = (x * weight).sum(dim=(0, 1))
    return ((x - mean).square() * weight).sum(dim=(0, 1)).mean()
