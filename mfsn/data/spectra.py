"""Spectrogram and MFCC of an utterance, and the spectrogram's levels to 0..1 per bin (Zou et al.
2022; parameters from their public code, levels as in its loader, but without its 8 bits).

Shapes: S samples, B segments, F frames of 10 ms, K bins, Q coefficients.

Both are computed on the whole utterance, so that a frame at the edge of a segment hears what is on
the other side, and so that an utterance has one reference level.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchaudio.functional import preemphasis
from torchaudio.transforms import MFCC, Spectrogram

from mfsn.data.head_inputs import HOP_SAMPLES, FaultSettings, InputSettings
from mfsn.data.segments import CutUtterance
from pretrain.data.frames import SAMPLE_RATE_HZ


@dataclass(frozen=True, kw_only=True)
class BinRange:
    """The lowest and the highest level of each bin in the training part."""

    low: Tensor
    """(K,) dB"""

    high: Tensor
    """(K,) dB"""

    def normalized(self, spectrogram: Tensor, num_frames: Tensor) -> Tensor:
        """(B, F, K) in dB, (B,) -> (B, F, K) in 0..1, and 0 beyond the valid frames.

        Levels outside the range of the training part are clipped to it. A bin that is constant
        there becomes 0.
        """
        spread = self.high - self.low
        # An infinite spread maps whatever is in a constant bin to 0.
        spread = torch.where(spread > 0, spread, torch.inf)
        scaled = spectrogram.float().sub_(self.low).div_(spread).clamp_(0.0, 1.0)
        return scaled.masked_fill_(~valid_frames(num_frames, scaled.shape[1])[..., None], 0.0)


def fit_range(batches: Iterator[tuple[Tensor, Tensor]]) -> BinRange:
    """Fits to the valid frames of batches of spectrogram (B, F, K) in dB and num_frames (B,)."""
    lows, highs = [], []
    for spectrogram, num_frames in batches:
        levels = spectrogram.float()
        invalid = ~valid_frames(num_frames, levels.shape[1])[..., None]
        lows.append(levels.masked_fill(invalid, torch.inf).amin((0, 1)))
        highs.append(levels.masked_fill(invalid, -torch.inf).amax((0, 1)))
    return BinRange(low=torch.stack(lows).amin(0), high=torch.stack(highs).amax(0))


def valid_frames(num_frames: Tensor, width: int) -> Tensor:
    """(B,) -> (B, width) bool, True for the first `num_frames` of each row."""
    return torch.arange(width, device=num_frames.device) < num_frames[:, None]


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


class SpectralInputs:
    """`spectrogram` (B, F, 200) in dB and `mfcc` (B, F, 40), padded at the end."""

    name = "spectrogram and MFCC"
    key = "spectral"

    def __init__(self, inputs: InputSettings, faults: FaultSettings) -> None:
        self._inputs = inputs
        self._padding_db = 0.0 if faults.loud_padding else inputs.floor_db
        self._spectra = Spectra(inputs)

    def __call__(self, utterances: list[CutUtterance]) -> dict[str, Tensor]:
        spectrograms, mfccs = [], []
        for utterance in utterances:
            emphasised = self._spectra.emphasised(torch.from_numpy(utterance.waveform))
            spectrogram = self._spectra.spectrogram(emphasised)
            mfcc = self._spectra.mfcc(emphasised)
            for bounds in utterance.bounds:
                spectrograms.append(self._piece(spectrogram, bounds, self._padding_db))
                mfccs.append(self._piece(mfcc, bounds, 0.0))
        # The step of float16 at -80 dB is 1/16 dB; the public code keeps 8 bits, steps of 0.3 dB.
        return {"spectrogram": torch.stack(spectrograms).half(), "mfcc": torch.stack(mfccs)}

    def _piece(self, frames: Tensor, bounds: tuple[int, int], padding: float) -> Tensor:
        """Cuts a segment's valid frames out of (F, K) and pads them at the end."""
        start, stop = bounds
        width = self._inputs.num_spectral_frames
        first = start // HOP_SAMPLES
        piece = frames[first : first + min(width, 1 + (stop - start) // HOP_SAMPLES)]
        return F.pad(piece, (0, 0, 0, width - len(piece)), value=padding)
