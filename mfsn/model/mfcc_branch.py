"""The MFCC branch of the emotion head: a bidirectional LSTM whose frames are laid side by side.

Shapes: B batch, N spectral frames, P pooled frames, C coefficients, H hidden size per direction.
"""

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor, nn

from pretrain.shared.errors import InputError


class MfccBranch(nn.Module):
    """MFCC frames to `out_features` numbers."""

    def __init__(
        self,
        *,
        num_frames: int,
        num_mfcc: int,
        pool: int,
        hidden_dim: int,
        num_layers: int,
        lstm_dropout: float,
        out_features: int,
        dropout: float,
    ) -> None:
        """Builds the branch for segments of `num_frames` frames, `pool` of them averaged."""
        super().__init__()
        if num_frames % pool:
            raise InputError(
                f"`mfcc_pool` must divide the {num_frames} frames of a segment, but is {pool} "
                "instead."
            )
        self.pool = pool
        self.lstm_dropout = nn.Dropout(lstm_dropout)
        self.layers = nn.ModuleList(
            BidirectionalLSTM(2 * hidden_dim if layer else num_mfcc, hidden_dim)
            for layer in range(num_layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(num_frames // pool * 2 * hidden_dim, out_features)

    def forward(self, mfcc: Tensor, num_frames: Tensor) -> Tensor:
        """Maps `mfcc` (B, N, C) with `num_frames` (B,) valid frames to (B, out_features)."""
        states, lengths = pooled_frames(mfcc, num_frames, self.pool)
        for number, layer in enumerate(self.layers):
            states = layer(self.lstm_dropout(states) if number else states, lengths)
        return F.relu(self.linear(self.dropout(rearrange(states, "b p h -> b (p h)"))))


class BidirectionalLSTM(nn.Module):
    """One bidirectional layer over rows of several lengths: the backward half reads every row from
    its own last frame.

    The rows are turned within their lengths: on a CPU torch's packed sequences take six times as
    long.
    """

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(input_dim, hidden_dim, batch_first=True)
        self.back = nn.LSTM(input_dim, hidden_dim, batch_first=True)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Maps (B, P, C) to (B, P, 2H), 0 from `lengths` (B,) on."""
        positions = torch.arange(states.shape[1], device=states.device)
        beyond = positions >= lengths[:, None]
        turned = torch.where(beyond, positions, lengths[:, None] - 1 - positions)
        ahead, _ = self.ahead(states)
        back, _ = self.back(_take(states, turned))
        both = torch.cat([ahead, _take(back, turned)], dim=-1)
        return both.masked_fill(beyond[:, :, None], 0.0)


def pooled_frames(mfcc: Tensor, num_frames: Tensor, pool: int) -> tuple[Tensor, Tensor]:
    """Averages every `pool` frames of (B, N, C), the last ones over those that are valid.

    Returns (B, N / pool, C), 0 beyond the valid frames, and the (B,) new lengths.
    """
    positions = torch.arange(mfcc.shape[1], device=mfcc.device)
    beyond = positions >= num_frames[:, None]
    sums = reduce(mfcc.masked_fill(beyond[:, :, None], 0.0), "b (p k) c -> b p c", "sum", k=pool)
    counts = reduce((~beyond).to(mfcc.dtype), "b (p k) -> b p 1", "sum", k=pool)
    return sums / counts.clamp(min=1.0), (num_frames + pool - 1) // pool


def _take(states: Tensor, places: Tensor) -> Tensor:
    """Returns `states` (B, P, C) with the frames in the order of `places` (B, P)."""
    return states.gather(1, places[:, :, None].expand(-1, -1, states.shape[2]))
