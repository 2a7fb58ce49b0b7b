"""The baseline `mfcc`: statistics over an utterance of its mel-frequency cepstra.

Not specified by the paper.
"""

import torch
from torch import Tensor
from torchaudio.functional import compute_deltas
from torchaudio.transforms import MFCC

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import normalize_waveform
from pretrain.shared.numbers_version import kept_as
from probe.features.baselines import HOP_SAMPLES, WINDOW_SAMPLES
from probe.features.moments import mean_and_deviation

NUM_MFCC = 20
NUM_BANDS = 40
DELTA_FRAMES = 5
"""Over which a delta is the slope of a line; torchaudio's default. Frames at both ends repeat."""


class MfccFeatures:
    """Mean and standard deviation over frames of 20 MFCC (25 ms, 10 ms) and of their deltas.

    It hears the same normalised waveform as the encoders do, so that an utterance's overall level
    is not among its features.
    """

    key = f"mfcc-{NUM_MFCC}-{NUM_BANDS}-{WINDOW_SAMPLES}-{HOP_SAMPLES}-{kept_as('acoustic')}"
    prepare = staticmethod(normalize_waveform)

    def __init__(self, name: str = "mfcc") -> None:
        self.name = name
        sizes = {"n_fft": WINDOW_SAMPLES, "hop_length": HOP_SAMPLES, "n_mels": NUM_BANDS}
        self._mfcc = MFCC(
            SAMPLE_RATE_HZ, NUM_MFCC, log_mels=True, melkwargs={**sizes, "center": False}
        )

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S), (B,) -> (B, 1, 80): means of MFCC, of deltas, deviations of both."""
        sounds = zip(waveforms, num_samples.tolist(), strict=True)
        return torch.cat([statistics(self.cepstra(sound[:end])) for sound, end in sounds])[:, None]

    def cepstra(self, waveform: Tensor) -> Tensor:
        """(S,) -> (T, 20), of an utterance alone: a delta at its end must not see padding."""
        found: Tensor = self._mfcc(waveform)
        return found.mT


def statistics(frames_TD: Tensor) -> Tensor:
    """(T, D) -> (1, 4 D): means of the frames, of their deltas, deviations of both."""
    deltas = compute_deltas(frames_TD.mT, win_length=DELTA_FRAMES).mT
    both = torch.cat([frames_TD, deltas], dim=1)[None]
    return mean_and_deviation(both, torch.tensor([len(frames_TD)]))


def make_source(name: str) -> MfccFeatures:
    """Returns the only baseline of this module."""
    return MfccFeatures(name)
