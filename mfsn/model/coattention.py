"""The emotion head: Co-attention, for one stream of encoder states or for two.

From H. Zou et al., "Speech emotion recognition with co-attention based multi-level acoustic
information", ICASSP 2022, and the sizes of its public code.

Spectrogram and MFCC together say how much each frame of a stream counts. With two streams the sizes
of both branches double and are split evenly between the streams (paper, section 2.3).

Shapes: B batch, T frames of a stream, N spectral frames, D dimensions of a state, J streams,
C classes.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.model.acoustic_branches import MfccBranch, SpectrogramBranch
from pretrain.model.encoder import seeded_weights
from pretrain.shared.checked_settings import settings, within

Channels = Annotated[int, within("[1, 65536]")]


@settings
class HeadSettings:
    """Sizes of the emotion head; the defaults are those of the public Co-attention code unless
    said otherwise. The paper names none."""

    image_height: Annotated[int, within("[1, 8192]")] = 256
    """Pixels of the frequency axis after resizing."""

    image_width: Annotated[int, within("[1, 8192]")] = 384
    """Pixels of the time axis after resizing."""

    channels: tuple[Channels, Channels, Channels, Channels, Channels] = (64, 192, 384, 256, 256)
    """Channels of the five convolutions (AlexNet's)."""

    pooled: Annotated[int, within("[1, 1024]")] = 6
    """Rows and columns that are left of the image (AlexNet's)."""

    imagenet_weights: str = ""
    """Local safetensors file with ImageNet weights of torchvision's AlexNet, as the public code
    starts from; empty: start from random weights."""

    spectrogram_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size of the spectrogram branch per stream."""

    lstm_dim: Annotated[int, within("[1, 65536]")] = 256
    """Hidden size of the LSTM per direction."""

    lstm_layers: Annotated[int, within("[1, 100]")] = 2
    """Layers of the LSTM."""

    lstm_dropout: Annotated[float, within("[0, 1)")] = 0.5
    """Dropout between the layers of the LSTM."""

    mfcc_pool: Annotated[int, within("[1, 65536]")] = 1
    """MFCC frames averaged into one before the LSTM; more than 1 is ours, for small runs."""

    mfcc_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size of the MFCC branch per stream."""

    stream_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size to which a stream's weighted sum of states is brought."""

    hidden_dim: Annotated[int, within("[1, 65536]")] = 128
    """Size of the two layers before the classes."""

    dropout: Annotated[float, within("[0, 1)")] = 0.1
    """Dropout before every linear layer but the last."""

    frame_weights: Literal["relu", "softmax"] = "relu"
    """What makes weights of scores: `relu`, or `softmax` over the valid frames, which the public
    code has commented out."""


class StreamAttention(nn.Module):
    """Sums one stream over frames by weights that spectrogram and MFCC give."""

    def __init__(self, dim: int, num_frames: int, settings: HeadSettings) -> None:
        super().__init__()
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


class CoAttentionHead(nn.Module):
    """Spectrogram, MFCC and J streams to classes. Every part's initial weights depend on the seed
    and its own sizes only, so variants that have a part in common start it alike."""

    def __init__(
        self,
        *,
        num_streams: int,
        dim: int,
        num_classes: int,
        settings: HeadSettings,
        seed: int,
        num_frames: int = 150,
        num_spectral_frames: int = 300,
        num_mfcc: int = 40,
    ) -> None:
        super().__init__()
        s = settings
        self.num_streams = num_streams
        self.num_frames = num_frames
        with seeded_weights(seed, "mfsn spectrogram branch"):
            self.spectrogram = SpectrogramBranch(
                image_size=(s.image_height, s.image_width),
                channels=s.channels,
                pooled=s.pooled,
                out_features=num_streams * s.spectrogram_dim,
                dropout=s.dropout,
                imagenet_weights=s.imagenet_weights,
            )
        with seeded_weights(seed, "mfsn mfcc branch"):
            self.mfcc = MfccBranch(
                num_frames=num_spectral_frames,
                num_mfcc=num_mfcc,
                pool=s.mfcc_pool,
                hidden_dim=s.lstm_dim,
                num_layers=s.lstm_layers,
                lstm_dropout=s.lstm_dropout,
                out_features=num_streams * s.mfcc_dim,
                dropout=s.dropout,
            )
        self.streams = nn.ModuleList()
        for stream in range(num_streams):
            with seeded_weights(seed, f"mfsn stream {stream}"):
                self.streams.append(StreamAttention(dim, num_frames, s))
        with seeded_weights(seed, "mfsn classifier"):
            self.classifier = nn.Sequential(
                nn.Dropout(s.dropout),
                nn.Linear(
                    num_streams * (s.spectrogram_dim + s.mfcc_dim + s.stream_dim), s.hidden_dim
                ),
                nn.ReLU(),
                nn.Dropout(s.dropout),
                nn.Linear(s.hidden_dim, s.hidden_dim),
                nn.ReLU(),
                nn.Linear(s.hidden_dim, num_classes),
            )

    def forward(
        self,
        spectrogram: Tensor,
        mfcc: Tensor,
        num_spectral_frames: Tensor,
        streams: Sequence[Tensor],
        valid: Tensor,
    ) -> Tensor:
        """Maps `spectrogram` (B, N, bins) and `mfcc` (B, N, coefficients), of which
        `num_spectral_frames` (B,) are valid, and J `streams` (B, T, D), valid where `valid` (B, T)
        says so, to logits (B, C)."""
        assert len(streams) == self.num_streams, (len(streams), self.num_streams)
        assert valid.shape[1] == self.num_frames, (valid.shape, self.num_frames)
        seen = self.spectrogram(spectrogram, num_spectral_frames)
        heard = self.mfcc(mfcc, num_spectral_frames)
        halves = zip(
            seen.chunk(self.num_streams, dim=1), heard.chunk(self.num_streams, dim=1), strict=True
        )
        weighted = [
            attention(torch.cat(half, dim=1), states, valid)
            for attention, half, states in zip(self.streams, halves, streams, strict=True)
        ]
        logits: Tensor = self.classifier(torch.cat([seen, heard, *weighted], dim=1))
        return logits
