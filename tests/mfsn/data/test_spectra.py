"""Spectrogram and MFCC equal an independent computation from the definitions."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mfsn.data.head_inputs import InputSettings
from mfsn.data.spectra import Spectra
from tests.mfsn.corpora import speech

Floats = npt.NDArray[np.float64]
SPECTRA = Spectra(InputSettings())


def emphasise(waveform: npt.NDArray[np.float32]) -> Floats:
    x = waveform.astype(np.float64)
    return np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]])


def transform(x: Floats, fft: int, window: Floats) -> Floats:
    """(S,) -> (F, fft // 2 + 1) magnitudes, frames centred on multiples of 160 samples."""
    left = (fft - len(window)) // 2
    padded_window = np.zeros(fft)
    padded_window[left : left + len(window)] = window
    padded = np.concatenate([np.zeros(fft // 2), x, np.zeros(fft // 2)])
    frames = [
        padded[160 * number : 160 * number + fft] * padded_window
        for number in range(1 + len(x) // 160)
    ]
    return np.abs(np.fft.rfft(np.array(frames)))


def reference_spectrogram(waveform: npt.NDArray[np.float32]) -> Floats:
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640)
    magnitude = transform(emphasise(waveform), 800, hamming)
    level = 20 * np.log10(np.maximum(magnitude, 1e-5) / magnitude.max())
    floored: Floats = np.maximum(level, -80)[:, :200]
    return floored


def mel_filters() -> Floats:
    """(1025, 128) triangles on the HTK scale from 0 to 8 kHz, each of unit area over Hz."""
    top = 2595 * np.log10(1 + 8000 / 700)
    corners = 700 * (10 ** (np.linspace(0, top, 130) / 2595) - 1)
    hertz = np.arange(1025) * 16_000 / 2048
    filters = np.zeros((1025, 128))
    for band in range(128):
        low, middle, high = corners[band : band + 3]
        rising = (hertz - low) / (middle - low)
        falling = (high - hertz) / (high - middle)
        filters[:, band] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return filters


def reference_mfcc(waveform: npt.NDArray[np.float32]) -> Floats:
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    power = transform(emphasise(waveform), 2048, hann) ** 2 @ mel_filters()
    level = 10 * np.log10(np.maximum(power, 1e-10))
    level = np.maximum(level, level.max() - 80)
    bands = np.arange(128)
    cosines = np.cos(np.pi * np.outer(2 * bands + 1, np.arange(40)) / 256) * np.sqrt(2 / 128)
    cosines[:, 0] /= np.sqrt(2)
    coefficients = level @ cosines
    normalized: Floats = coefficients / np.linalg.norm(coefficients, axis=1, keepdims=True)
    return normalized


@pytest.mark.parametrize("num_samples", [500, 16_000, 50_123])
def test_both_equal_the_definitions(num_samples: int) -> None:
    waveform = speech(1, num_samples)
    emphasised = SPECTRA.emphasised(torch.from_numpy(waveform))
    spectrogram = SPECTRA.spectrogram(emphasised).numpy()
    assert spectrogram.shape == (1 + num_samples // 160, 200)
    np.testing.assert_allclose(spectrogram, reference_spectrogram(waveform), atol=0.02)
    mfcc = SPECTRA.mfcc(emphasised).numpy()
    assert mfcc.shape == (1 + num_samples // 160, 40)
    np.testing.assert_allclose(mfcc, reference_mfcc(waveform), atol=1e-4)


def test_a_tone_is_in_the_bin_of_its_frequency() -> None:
    seconds = torch.arange(16_000) / 16_000
    levels = SPECTRA.spectrogram(torch.sin(2 * torch.pi * 1000 * seconds))
    # Bins are 20 Hz wide; ten frames away from the edges, the tone itself is the maximum.
    assert set(levels[10:-10].argmax(1).tolist()) == {50}
    assert levels[50, 50] == pytest.approx(0, abs=0.01)
    assert levels[50, 150] == -80


@settings(deadline=None, max_examples=10)
@given(st.floats(1e-3, 1e3))
def test_the_level_of_the_recording_does_not_matter(factor: float) -> None:
    waveform = torch.from_numpy(speech(2, 4_000))
    first, other = SPECTRA.spectrogram(waveform), SPECTRA.spectrogram(waveform * factor)
    torch.testing.assert_close(first, other, atol=0.05, rtol=0)


def test_silence_is_the_floor_and_finite() -> None:
    silence = torch.zeros(4_000)
    assert (SPECTRA.spectrogram(silence) == -80).all()
    assert SPECTRA.mfcc(silence).isfinite().all()
