"""The paper's pooling: spectrogram and MFCC say how much each frame of a stream counts.

From H. Zou et al., "Speech emotion recognition with co-attention based multi-level acoustic
information", ICASSP 2022. The weight of a frame depends on its place, not on its state.

Shapes: B batch, T frames of a stream, D dimensions of a state.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.model.head_settings import HeadSettings


class StreamAttention(nn.Module):
    """Sums one stream over frames by weights that spectrogram and MFCC give."""

    def __init__(self, dim: int, num_frames: int, settings: HeadSettings) -> None:
        super().__init__()
        self.out_features = settings.stream_dim
        self.frame_weights = settings.frame_weights
        self.dropout = nn.Dropout(settings.dropout)
        self.score = nn.Linear(settings.spectrogram_dim + settings.mfcc_dim, num_frames)
        self.linear = nn.Linear(dim, settings.stream_dim)

    def forward(self, acoustic: Tensor, states: Tensor, valid: Tensor) -> Tensor:
        """Maps `acoustic` (B, spectrogram_dim + mfcc_dim), `states` (B, T, D) and `valid` (B, T) to
        (B, stream_dim)."""
        scores_BT = self.score(self.dropout(acoustic))
        if self.frame_weights == "softmax":
            lowest = torch.finfo(scores_BT.dtype).min
            weights_BT = scores_BT.masked_fill(~valid, lowest).softmax(dim=1)
        else:
            weights_BT = F.relu(scores_BT)
        weights_BT = weights_BT.masked_fill(~valid, 0.0)
        summed_BD = torch.bmm(weights_BT[:, None, :].to(states.dtype), states)[:, 0]
        return F.relu(self.linear(self.dropout(summed_BD)))
