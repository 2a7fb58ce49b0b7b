"""Mean and standard deviation over the valid frames of an utterance."""

import torch
from torch import Tensor


def mean_and_deviation(states: Tensor, num_frames: Tensor) -> Tensor:
    """(B, T, D), (B,) valid frames of each -> (B, 2 D) float32: means, then deviations (of all
    frames, not of a sample). Frames beyond the valid ones may be anything."""
    count = num_frames[:, None]
    share = (torch.arange(states.shape[1], device=count.device) < count).float() / count  # (B, T)
    # A garbage frame may be non-finite, which 0 times does not remove.
    states = states.float().masked_fill((share == 0)[..., None], 0)
    mean = torch.einsum("bt,btd->bd", share, states)
    variance = torch.einsum("bt,btd->bd", share, (states - mean[:, None]).square())
    return torch.cat([mean, variance.sqrt()], dim=1)
