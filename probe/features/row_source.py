"""What a head may ask of one row on one corpus: features, frames or the encoder itself."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.errors import InputError
from probe.features.baselines import LogMelFeatures
from probe.features.frame_states import (
    EncoderFrames,
    Frames,
    FrameSource,
    LogMelFrames,
    kept_frames,
)
from probe.features.pooling import MEAN, Pooling
from probe.features.utterance_features import (
    EncoderFeatures,
    FeatureSource,
    FloatArray,
    extract,
)


@dataclass(frozen=True, kw_only=True)
class RowSource:
    """A row's sound as numbers; they are computed when first asked for, and kept."""

    frozen: FrozenEncoder | None
    """None for baselines that have no encoder."""

    table: pd.DataFrame
    """The utterances of the corpus."""

    folder: Path
    """Where features and frames are kept."""

    device: torch.device

    acoustic: FeatureSource | None = None
    """A baseline of `probe.features.acoustic`; log-mel where there is no encoder either."""

    @property
    def key(self) -> str:
        """Hash of all that its numbers depend on beside the corpus."""
        if self.acoustic is not None:
            return self.acoustic.key
        return LogMelFeatures.key if self.frozen is None else self.frozen.key

    def features(self, pooling: Pooling = MEAN) -> FloatArray:
        """Returns the utterances' features in order of the table: (N, L, D), or (N, L, 2 D) with
        the deviation after the mean. An acoustic baseline has (N, 1, D) statistics of its own,
        whatever the pooling, and 0 for those that are not defined, as openSMILE has of utterances
        without a voiced frame."""
        if self.acoustic is not None:
            return np.nan_to_num(self._statistics(), nan=0.0)
        source = LogMelFeatures() if self.frozen is None else EncoderFeatures(self.frozen)
        both = extract(self.table, source, self.folder)
        return both[..., : both.shape[-1] // 2] if pooling == MEAN else both

    def remarks(self) -> list[str]:
        """Returns what has to be said of the features, in sentences."""
        undefined = np.isnan(self._statistics()) if self.acoustic is not None else np.zeros((0, 1))
        if not undefined.any():
            return []
        return [
            f"{undefined.sum()} statistics of {undefined.any((1, 2)).sum()} utterances are not "
            "defined and taken as 0."
        ]

    def _statistics(self) -> FloatArray:
        assert self.acoustic is not None
        return extract(self.table, self.acoustic, self.folder, may_be_nan=True)

    def frames(self) -> Frames:
        """Returns the frame states of all layers, in order of the table.

        Raises:
            InputError: The row is a baseline that has no frames.
        """
        if self.acoustic is not None:
            raise InputError(
                f"The baseline {self.acoustic.name} is one vector per utterance, but this head "
                "is trained on frames: leave out --baseline, or take --head linear."
            )
        source: FrameSource = LogMelFrames() if self.frozen is None else EncoderFrames(self.frozen)
        return kept_frames(self.table, source, self.folder)

    def encoder(self) -> FrozenEncoder:
        """Returns the encoder, for a head that says `needs_encoder`."""
        assert self.frozen is not None, "baselines without an encoder have none to train"
        return self.frozen
