"""Functionals of openSMILE as baselines: one vector of hand-made features per utterance.

- `egemaps`: eGeMAPSv02 (Eyben et al. 2016), 88
- `compare`: ComParE 2016 (Schuller et al. 2016), 6373
- `is09`: the set of the Interspeech 2009 Emotion Challenge (Schuller et al. 2009), 384. The row of
  that name in the paper's Table 1 is a self-attention network and is not this baseline.

openSMILE may be used for research that is not commercial, see the licence of its wheel.
"""

import warnings
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from torch import Tensor

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.shared.errors import InputError
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.processes.stopping import stopped_afterwards

SETS = {
    "egemaps": ("eGeMAPSv02", 88),
    "compare": ("ComParE_2016", 6373),
    "is09": ("IS09", 384),
}
"""Baseline -> name in `opensmile.FeatureSet`, and number of functionals."""


class OpensmileFunctionals:
    """One of `SETS` on the waveform as it was recorded, at 16 kHz.

    Unlike the encoders it hears a waveform that is not normalised: loudness is one of its features.
    """

    def __init__(self, name: str) -> None:
        try:
            installed = version("opensmile")
        except PackageNotFoundError as error:
            raise InputError(
                f"--baseline {name} needs openSMILE: pip install -e '.[opensmile]' (its licence "
                "allows research that is not commercial)."
            ) from error
        self.name = name
        self._set, self._dim = SETS[name]
        self.key = f"opensmile-{installed}-{self._set}-{kept_as('acoustic')}"

    @cached_property
    def _smile(self) -> Callable[[Waveform, int], Waveform]:
        """Only what computes features waits for the library, not what asks for the key."""
        import opensmile

        functionals: Callable[[Waveform, int], Waveform] = opensmile.Smile(
            feature_set=opensmile.FeatureSet[self._set],
            feature_level=opensmile.FeatureLevel.Functionals,
        )
        return functionals

    @staticmethod
    def prepare(waveform: Waveform) -> Waveform:
        """(S,) -> (S,), as it is."""
        return waveform

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S), (B,) -> (B, 1, D), NaN where openSMILE has no finite number: an utterance that
        is shorter than the longest window (60 ms of eGeMAPS and ComParE), for example, has none."""
        sounds = zip(waveforms.numpy(), num_samples.tolist(), strict=True)
        found = np.stack([self._functionals(sound[:end]) for sound, end in sounds])
        return torch.from_numpy(np.where(np.isfinite(found), found, np.nan))[:, None]

    def _functionals(self, waveform: Waveform) -> Waveform:
        """(S,) -> (D,)"""
        with stopped_afterwards(), warnings.catch_warnings():
            # Of short utterances, which the probe counts in a note of its own.
            warnings.filterwarnings("ignore", category=UserWarning)
            found = self._smile(waveform, SAMPLE_RATE_HZ)
        return np.asarray(found, dtype=np.float32).reshape(self._dim)


def make_source(name: str) -> OpensmileFunctionals:
    """Returns the baseline of this name, one of `SETS`.

    Raises:
        InputError: openSMILE is not installed.
    """
    return OpensmileFunctionals(name)
