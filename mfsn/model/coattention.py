"""The emotion head: Co-attention, for one stream of encoder states or for two.

From H. Zou et al., "Speech emotion recognition with co-attention based multi-level acoustic
information", ICASSP 2022, and the sizes of its public code.

Spectrogram and MFCC together say how much each frame of a stream counts. With two streams the sizes
of both branches double and are split evenly between the streams (paper, section 2.3). Other ways to
make one vector of a stream's frames are in `mfsn/model/poolings`.

Shapes: B batch, T frames of a stream, N spectral frames, D dimensions of a state, J streams,
C classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mfsn.model.acoustic_branches import MfccBranch, SpectrogramBranch
from mfsn.model.head_settings import HeadSettings
from mfsn.model.poolings import POOLINGS
from pretrain.model.encoder import seeded_weights


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
        pooled_dim = 0
        for stream in range(num_streams):
            with seeded_weights(seed, f"mfsn stream {stream}"):
                pooling = POOLINGS[s.pooling](dim, num_frames, s)
            self.streams.append(pooling)
            pooled_dim += pooling.out_features
        with seeded_weights(seed, "mfsn classifier"):
            self.classifier = nn.Sequential(
                nn.Dropout(s.dropout),
                nn.Linear(
                    num_streams * (s.spectrogram_dim + s.mfcc_dim) + pooled_dim, s.hidden_dim
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
        pooled = [
            pooling(torch.cat(half, dim=1), states, valid)
            for pooling, half, states in zip(self.streams, halves, streams, strict=True)
        ]
        logits: Tensor = self.classifier(torch.cat([seen, heard, *pooled], dim=1))
        return logits
