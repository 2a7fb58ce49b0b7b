"""Maximum and mean of what windows of frames say: a word is longer than a frame.

A convolution over time with maximum pooling, as reads sentences from the vectors of their words
(Y. Kim, "Convolutional neural networks for sentence classification", EMNLP 2014). Not specified by
the paper, whose head sums single frames. A frame of an encoder that was fine-tuned with CTC tells a
character, so that no pooling of single frames can tell words that share their characters.

Shapes: B batch, T frames of a stream, D dimensions of a state, S values of a window.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.model.head_settings import HeadSettings


class Windows(nn.Module):
    """Maximum and mean over the windows around all valid frames of one stream. Dropout takes a
    dimension from all frames at once, as in the pooling `max_mean`, which is this one with windows
    of a single frame."""

    def __init__(self, dim: int, num_frames: int, settings: HeadSettings) -> None:
        super().__init__()
        self.out_features = 2 * settings.stream_dim
        self.dropout = nn.Dropout(settings.dropout)
        self.convolution = nn.Conv1d(
            dim, settings.stream_dim, settings.window_frames, padding="same"
        )

    def forward(self, acoustic: Tensor, states: Tensor, valid: Tensor) -> Tensor:
        """Maps `states` (B, T, D) and `valid` (B, T) to (B, 2 S), the maximum first; `acoustic`
        says nothing here."""
        beyond_BT1 = ~valid[:, :, None]
        inputs_BTD = states * self.dropout(torch.ones_like(states[:, :1]))
        inputs_BDT = inputs_BTD.masked_fill(beyond_BT1, 0.0).transpose(1, 2)
        # No value is below 0, so that a frame beyond is never the largest.
        values_BTS = F.relu(self.convolution(inputs_BDT)).transpose(1, 2)
        values_BTS = values_BTS.masked_fill(beyond_BT1, 0.0)
        number_B1 = valid.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.cat([values_BTS.amax(dim=1), values_BTS.sum(dim=1) / number_B1], dim=1)
