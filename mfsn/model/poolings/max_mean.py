"""Maximum and mean over frames: one word is found wherever it is said, and a voice is heard in all.

Not specified by the paper, whose head sums frames by weights.

Shapes: B batch, T frames of a stream, D dimensions of a state, S values of a frame.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.model.head_settings import HeadSettings


class MaxMean(nn.Module):
    """Maximum and mean of the values of one stream. Dropout takes a dimension from all frames at
    once: what is left in one of them, the maximum would find."""

    def __init__(self, dim: int, num_frames: int, settings: HeadSettings) -> None:
        super().__init__()
        self.out_features = 2 * settings.stream_dim
        self.dropout = nn.Dropout(settings.dropout)
        self.linear = nn.Linear(dim, settings.stream_dim)

    def forward(self, acoustic: Tensor, states: Tensor, valid: Tensor) -> Tensor:
        """Maps `states` (B, T, D) and `valid` (B, T) to (B, 2 S), the maximum first; `acoustic`
        says nothing here."""
        kept_B1D = self.dropout(torch.ones_like(states[:, :1]))
        values_BTS = F.relu(self.linear(states * kept_B1D))
        # No value is below 0, so that a frame beyond is never the largest.
        values_BTS = values_BTS.masked_fill(~valid[:, :, None], 0.0)
        number_B1 = valid.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.cat([values_BTS.amax(dim=1), values_BTS.sum(dim=1) / number_B1], dim=1)
