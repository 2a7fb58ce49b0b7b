"""From sound as it is, at any rate, to the valid frames of every layer of an encoder.

Shapes: S samples at the given rate, T frames (50 per second), D model dim, L layers.
"""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pretrain.data.audio.waveforms import to_16k_mono
from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.model.encoder_settings import RECEPTIVE_FIELD_SAMPLES, SAMPLE_RATE_HZ
from pretrain.shared.errors import InputError

RATES_HZ = (1_000, 768_000)
"""Lowest and highest rate of sound that is taken."""

Sound = npt.NDArray[np.floating[Any]] | Tensor


class SoundError(InputError):
    """What was given is no sound that an encoder can take; the message says what to do."""


class SoundEncoder(nn.Module):
    """An encoder that takes sound as it is, besides the prepared batches that it is trained on."""

    @overload
    def encode(self, sound: Sound, *, sample_rate_hz: int) -> list[Tensor]: ...

    @overload
    def encode(self, sound: Sequence[Sound], *, sample_rate_hz: int) -> list[list[Tensor]]: ...

    def encode(
        self, sound: Sound | Sequence[Sound], *, sample_rate_hz: int
    ) -> list[Tensor] | list[list[Tensor]]:
        """Encodes raw sound of any rate, in evaluation mode and without gradients.

        It is brought to 16 kHz and normalised to zero mean and unit variance, as in training. Each
        utterance is encoded alone, so that no other has a part in the result.

        Args:
            sound: (S,) floating-point samples of one channel, an array or a tensor; or a list of
                them, which may differ in length.
            sample_rate_hz: Of all of it.

        Returns:
            L + 1 times (T, D) float32, 50 frames per second, valid ones only, on the encoder's
            device: the input of the first block, then the output of each. For a list of
            utterances, a list of that.

        Raises:
            SoundError: It is no sound of one channel, not finite, or shorter than one frame.
        """
        if isinstance(sound, list | tuple):
            return [self._frames_of(one, sample_rate_hz) for one in sound]
        return self._frames_of(sound, sample_rate_hz)

    @torch.no_grad()
    def _frames_of(self, sound: object, sample_rate_hz: int) -> list[Tensor]:
        waveforms, num_samples = pad_waveforms([_at_16k(sound, sample_rate_hz)])
        device = next(self.parameters()).device
        # Each module's own, since parts of it may be frozen in another mode than the whole.
        modes = [(module, module.training) for module in self.modules()]
        try:
            output = self.eval()(waveforms.to(device), num_samples.to(device))
        finally:
            for module, was_training in modes:
                module.training = was_training
        num_frames = int(output.num_frames[0])
        return [layer[0, :num_frames] for layer in output.layers]


def _at_16k(sound: object, sample_rate_hz: int) -> npt.NDArray[np.float32]:
    samples = _checked(sound, sample_rate_hz)
    at_16k = to_16k_mono(samples[:, None], sample_rate_hz)
    if len(at_16k) < RECEPTIVE_FIELD_SAMPLES:
        raise SoundError(
            f"An utterance must be at least {RECEPTIVE_FIELD_SAMPLES / SAMPLE_RATE_HZ:g} s long, "
            f"one frame, but is {len(samples) / sample_rate_hz:g} s long instead ({len(samples)} "
            f"samples at {sample_rate_hz} Hz)."
        )
    return normalize_waveform(at_16k)


def _checked(sound: object, sample_rate_hz: object) -> npt.NDArray[np.float32]:
    if isinstance(sample_rate_hz, bool) or not isinstance(sample_rate_hz, int | np.integer):
        raise SoundError(f"`sample_rate_hz` must be a whole number, but is {sample_rate_hz!r}.")
    if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
        raise SoundError(
            f"`sample_rate_hz` must be in {RATES_HZ[0]} .. {RATES_HZ[1]}, but is {sample_rate_hz} "
            "instead."
        )
    if isinstance(sound, Tensor):
        sound = sound.detach().cpu()
        sound = (sound.float() if sound.is_floating_point() else sound).numpy()
    if not isinstance(sound, np.ndarray):
        raise SoundError(
            "An utterance must be a NumPy array or a tensor of samples, but is a "
            f"{type(sound).__name__} instead. Several go in as a list of such arrays."
        )
    if not np.issubdtype(sound.dtype, np.floating):
        raise SoundError(
            f"Samples must be floating-point numbers, but are {sound.dtype} instead. Divide 16-bit "
            "samples by 32768.0."
        )
    if sound.ndim != 1:
        raise SoundError(
            f"An utterance must have the shape (S,), one channel, but has {sound.shape} instead. "
            "Take the mean over the channels; several utterances go in as a list."
        )
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(sound, dtype=np.float32)
    if not np.isfinite(single).all():
        raise SoundError("Samples must be finite, but some are NaN or infinite instead.")
    return single
