"""Spectrogram and MFCC of an utterance (Zou et al. 2022; parameters from their public code).

Shapes: S samples, F frames of 10 ms, K bins, Q coefficients.

Both are computed on the whole utterance, so that a frame at the edge of a segment hears what is on
the other side, and so that an utterance has one reference level.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.functional import preemphasis
from torchaudio.transforms import MFCC, Spectrogram

from mfsn.data.head_inputs import HOP_SAMPLES, InputSettings
from pretrain.data.frames import SAMPLE_RATE_HZ

MIN_AMPLITUDE = 1e-5
"""Smaller magnitudes count as this (librosa's `amplitude_to_db`)."""


class Spectra:
    """Computes what the head sees of an utterance, besides the encoders' states."""

    def __init__(self, inputs: InputSettings) -> None:
        self._inputs = inputs
        # Frames are centred, and beyond the ends of an utterance there is silence: mirroring, which
        # older versions of librosa did, needs utterances longer than half a window.
        self._spectrogram = Spectrogram(
            n_fft=inputs.fft_samples,
            win_length=inputs.window_samples,
            hop_length=HOP_SAMPLES,
            window_fn=torch.hamming_window,
            power=1.0,
            pad_mode="constant",
        )
        self._mfcc = MFCC(
            SAMPLE_RATE_HZ,
            n_mfcc=inputs.num_mfcc,
            melkwargs={
                "n_fft": inputs.mfcc_fft_samples,
                "hop_length": HOP_SAMPLES,
                "n_mels": inputs.num_mels,
                "mel_scale": "htk",
                "norm": "slaney",
                "power": 2.0,
                "pad_mode": "constant",
            },
        )

    def emphasised(self, waveform: Tensor) -> Tensor:
        """(S,) -> (S,): x[n] - c x[n - 1]; the first sample stays."""
        emphasised: Tensor = preemphasis(waveform, self._inputs.pre_emphasis)
        return emphasised

    def spectrogram(self, emphasised: Tensor) -> Tensor:
        """(S,) -> (F, K) in dB relative to the utterance's maximum, F = 1 + S // 160."""
        magnitude = self._spectrogram(emphasised)  # (bins, F)
        loudest = magnitude.max()
        # Silence relative to itself would be 0 dB, the loudest there is.
        if float(loudest) <= MIN_AMPLITUDE:
            magnitude, loudest = torch.zeros_like(magnitude), torch.ones(())
        level = 20 * torch.log10(magnitude.clamp(min=MIN_AMPLITUDE) / loudest)
        floored = level.clamp(min=self._inputs.floor_db)
        return floored[: self._inputs.num_bins].t().contiguous()

    def mfcc(self, emphasised: Tensor) -> Tensor:
        """(S,) -> (F, Q), every frame of length 1."""
        coefficients: Tensor = self._mfcc(emphasised)  # (Q, F)
        return F.normalize(coefficients.t(), dim=1)
