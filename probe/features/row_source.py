"""What a head may ask of one row on one corpus: features, frames or the encoder itself."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from pretrain.model.frozen import FrozenEncoder
from probe.features.baselines import LogMelFeatures
from probe.features.frame_states import (
    EncoderFrames,
    Frames,
    FrameSource,
    LogMelFrames,
    kept_frames,
)
from probe.features.pooling import MEAN, Pooling
from probe.features.utterance_features import EncoderFeatures, FloatArray, extract


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """A row's sound as numbers; they are computed when first asked for, and kept."""

    frozen: FrozenEncoder | None
    """None for log-mel, which has no encoder."""

    table: pd.DataFrame
    """The utterances of the corpus."""

    folder: Path
    """Where features and frames are kept."""

    device: torch.device

    @property
    def key(self) -> str:
        """Hash of all that its numbers depend on beside the corpus."""
        return LogMelFeatures.key if self.frozen is None else self.frozen.key

    def features(self, pooling: Pooling = MEAN) -> FloatArray:
        """Returns the utterances' features in order of the table: (N, L, D), or (N, L, 2 D) with
        the deviation after the mean."""
        source = LogMelFeatures() if self.frozen is None else EncoderFeatures(self.frozen)
        both = extract(self.table, source, self.folder)
        return both[..., : both.shape[-1] // 2] if pooling == MEAN else both

    def frames(self) -> Frames:
        """Returns the frame states of all layers, in order of the table."""
        source: FrameSource = LogMelFrames() if self.frozen is None else EncoderFrames(self.frozen)
        return kept_frames(self.table, source, self.folder)

    def encoder(self) -> FrozenEncoder:
        """Returns the encoder, for a head that says `needs_encoder`."""
        assert self.frozen is not None, "log-mel has no encoder"
        return self.frozen
