"""The target space `prosody`: F0, energy and voicing of each frame, as a positive control.

F0 is found by the autocorrelation of a window, divided by that of the window function (Boersma
1993, "Accurate short-term analysis of the fundamental frequency"), without a path over time. Not
specified by the paper.

Shapes: B batch, S samples, T frames, W samples of a window, K lags.
"""

import torch
from torch import Tensor, nn

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.objectives.frames.logmel import frames_of

NUM_VALUES = 3
"""Of a frame: log F0, log energy, voicing."""

WINDOW_SAMPLES = 800
"""50 ms: three periods of the lowest F0."""

FFT_SAMPLES = 2048

MIN_LAG, MAX_LAG = SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 60
"""F0 from 60 to 400 Hz."""

VOICED_FROM = 0.45
"""Least normalised autocorrelation of a voiced frame (Praat's voicing threshold)."""

LONGER_LAG_COST = 0.01
"""Taken off per octave, so that of equal periods the shortest is chosen (Praat's octave cost)."""

FLOOR = 1e-6
"""Least mean square of a window."""


class Prosody(nn.Module):
    """F0, energy and voicing at the encoder's frames."""

    def __init__(self) -> None:
        super().__init__()
        window = torch.hann_window(WINDOW_SAMPLES, periodic=True)
        lags = torch.arange(MIN_LAG, MAX_LAG + 1)
        own = _autocorrelation(window)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("own", own / own[0], persistent=False)
        self.register_buffer("cost", LONGER_LAG_COST * (lags / MIN_LAG).log2(), persistent=False)
        self.window: Tensor
        self.own: Tensor
        self.cost: Tensor

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S) -> (B, T, 3) log F0 in Hz (0 where unvoiced), log mean square, and the normalised
        autocorrelation at the period in [0, 1]; and (B, T) bool, which frames are voiced."""
        with torch.autocast(waveforms.device.type, enabled=False):
            frames = frames_of(waveforms.float(), WINDOW_SAMPLES)
            frames = frames - frames.mean(dim=-1, keepdim=True)
            energy = frames.square().mean(dim=-1).clamp(min=FLOOR)
            correlation = _autocorrelation(frames * self.window)
            power = correlation[..., :1].clamp(min=FLOOR)
            correlation = correlation / power / self.own
            found = correlation[..., MIN_LAG : MAX_LAG + 1]
            place = (found - self.cost).argmax(dim=-1, keepdim=True)
            strength = found.gather(-1, place).squeeze(-1).clamp(0.0, 1.0)
            lag = (place + MIN_LAG + _vertex(correlation, place + MIN_LAG)).squeeze(-1)
            voiced = (strength >= VOICED_FROM) & (energy > FLOOR)
            log_f0 = torch.where(voiced, (SAMPLE_RATE_HZ / lag).log(), 0.0)
        return torch.stack([log_f0, energy.log(), strength], dim=-1), voiced


def _autocorrelation(x: Tensor) -> Tensor:
    """(..., W) -> (..., MAX_LAG + 2) from lag 0 on."""
    spectrum = torch.fft.rfft(x, n=FFT_SAMPLES)
    power = spectrum.real.square() + spectrum.imag.square()
    correlation: Tensor = torch.fft.irfft(power)
    return correlation[..., : MAX_LAG + 2]


def _vertex(correlation: Tensor, lag: Tensor) -> Tensor:
    """Returns how far the peak of the parabola through a maximum and its neighbours is off."""
    left, top, right = (correlation.gather(-1, lag + step) for step in (-1, 0, 1))
    bend = (left - 2 * top + right).clamp(max=-1e-6)
    return (0.5 * (left - right) / bend).clamp(-0.5, 0.5)
