"""The target space `logmel`: the log-mel spectrum of what each frame of the encoder hears.

Windows are the encoder's receptive fields, so frame centres are the same and no window crosses the
edge of a crop: frames of a crop are those of the whole utterance, cut out. The waveform is the one
that the encoder gets, so that nothing is asked that it cannot know (an utterance's overall level).
Not specified by the paper.

Shapes: B batch, S samples, T frames.
"""

import torch
from torch import Tensor, nn
from torchaudio.functional import melscale_fbanks

from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

NUM_BANDS = 80

FFT_SAMPLES = 1024
"""Windows are padded with zeros to this length: at 400 samples the lowest bands would be empty."""

FLOOR = 1e-4
"""Least power of a band, some 60 dB below speech of variance 1: digital silence is finite."""


class LogMel(nn.Module):
    """Log power in 80 bands (HTK's scale, 0 to 8 kHz) of 25 ms at a hop of 20 ms."""

    def __init__(self) -> None:
        super().__init__()
        filters = melscale_fbanks(
            FFT_SAMPLES // 2 + 1, 0.0, SAMPLE_RATE_HZ / 2, NUM_BANDS, SAMPLE_RATE_HZ
        )
        window = torch.hann_window(RECEPTIVE_FIELD_SAMPLES, periodic=True)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", window, persistent=False)
        self.filters: Tensor
        self.window: Tensor

    def forward(self, waveforms: Tensor, num_samples: Tensor | None = None) -> Tensor:
        """(B, S), S a multiple of 320 -> (B, S / 320, 80) float32, also where autocast is on. The
        last frame hears zeros beyond the end; no frame of a `Batch` that is valid does, so that
        `num_samples` changes nothing."""
        with torch.autocast(waveforms.device.type, enabled=False):
            return self._log_power(frames_of(waveforms.float(), RECEPTIVE_FIELD_SAMPLES))

    def _log_power(self, frames: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(frames * self.window, n=FFT_SAMPLES)
        power = spectrum.real.square() + spectrum.imag.square()
        logs: Tensor = (power @ self.filters).clamp(min=FLOOR).log()
        return logs


def frames_of(waveforms: Tensor, window_samples: int) -> Tensor:
    """(B, S) -> (B, S / 320, window): samples around the centre of every frame of the encoder, a
    window as long as the receptive field being that; zeros beyond both ends."""
    before = (window_samples - RECEPTIVE_FIELD_SAMPLES) // 2
    after = window_samples - before - SAMPLES_PER_FRAME
    padded = nn.functional.pad(waveforms, (before, after))
    return padded.unfold(-1, window_samples, SAMPLES_PER_FRAME)
