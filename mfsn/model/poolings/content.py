"""Attention whose weights come from the states themselves, so that a frame counts for what it says.

Source-to-token attention with a weight for every value (T. Shen et al., "DiSAN: Directional
self-attention network for RNN/CNN-free language understanding", AAAI 2018), keys and values of each
stream its own. Not specified by the paper, whose head weighs frames by spectrogram and MFCC.

Shapes: B batch, T frames of a stream, D dimensions of a state, S values of a frame.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.model.head_settings import HeadSettings


class ContentAttention(nn.Module):
    """Sums the values of one stream over frames by weights that its own keys give. Dropout takes a
    dimension from all frames at once."""

    def __init__(self, dim: int, num_frames: int, settings: HeadSettings) -> None:
        super().__init__()
        self.out_features = settings.stream_dim
        self.dropout = nn.Dropout(settings.dropout)
        self.key = nn.Linear(dim, settings.stream_dim)
        self.score = nn.Linear(settings.stream_dim, settings.stream_dim)
        self.value = nn.Linear(dim, settings.stream_dim)

    def forward(self, acoustic: Tensor, states: Tensor, valid: Tensor) -> Tensor:
        """Maps `states` (B, T, D) and `valid` (B, T) to (B, S); `acoustic` says nothing here.

        At least one frame of every row must be valid.
        """
        inputs_BTD = states * self.dropout(torch.ones_like(states[:, :1]))
        scores_BTS = self.score(torch.tanh(self.key(inputs_BTD)))
        lowest = torch.finfo(scores_BTS.dtype).min
        weights_BTS = scores_BTS.masked_fill(~valid[:, :, None], lowest).softmax(dim=1)
        values_BTS = F.relu(self.value(inputs_BTD)).masked_fill(~valid[:, :, None], 0.0)
        pooled_BS: Tensor = (weights_BTS * values_BTS).sum(dim=1)
        return pooled_BS
