"""What every encoder is, ours or another's: from sound to the frames of every layer.

Shapes: B utterances, S samples, T frames, D model dim, L Transformer blocks.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pretrain.data.audio.waveforms import MAX_WHOLE_SECONDS, Waveform, to_16k_mono
from pretrain.data.frames import (
    RECEPTIVE_FIELD_SAMPLES,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    num_frames_of,
)
from pretrain.data.loader import NORMALIZE_EPS, normalize_waveform, pad_waveforms
from pretrain.shared.errors import InputError

RATES_HZ = (1_000, 768_000)
"""Lowest and highest rate of sound that is taken."""

Sound = npt.NDArray[np.floating[Any]] | Tensor


class SoundError(InputError):
    """What was given is no sound that an encoder can take; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class EncoderOutput:
    """Every layer's view of the unmasked waveforms, for the probe."""

    layers: list[Tensor]
    """L + 1 times (B, T, D): the input of block 1, then the output of every block."""

    num_frames: Tensor
    """(B,) int64, valid frames per row."""


class SoundEncoder(nn.Module, ABC):
    """An encoder of any kind. It says all that a user of its frames has to know, and takes sound
    as it is (`encode`), besides batches (`forward`). It takes 400 samples or more.

    A kind of its own sets `dim` and `num_layers`, implements `forward` and `beside_weights`, and
    overrides what differs.
    """

    dim: int
    """D, of every layer."""

    num_layers: int
    """L; the output has L + 1 layers."""

    samples_per_frame: int = SAMPLES_PER_FRAME
    """At 16 kHz, from one frame to the next."""

    @abstractmethod
    def forward(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """Encodes a batch; neither padding nor other rows may change a row's valid frames.

        Args:
            waveforms: (B, S) at 16 kHz, each as `prepare` gave it, zero-padded at the end.
            num_samples: (B,) valid samples.
        """

    @abstractmethod
    def beside_weights(self) -> object:
        """Returns what its numbers depend on besides its weights, in plain values."""

    def prepare(self, waveform: Waveform) -> Waveform:
        """(S,) at 16 kHz as it was recorded -> as `forward` takes it, of the same length."""
        return normalize_waveform(waveform)

    def heard_as(self) -> str:
        """Returns in short what `prepare` does: the same for encoders that hear the same."""
        return f"normalised-{NORMALIZE_EPS:g}"

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """Returns how many frames utterances of so many samples have (elementwise)."""
        return num_frames_of(num_samples)

    def input_layers(self) -> Sequence[nn.Module]:
        """Returns what is below the Transformer, which fine-tuning may leave as it is."""
        return ()

    @overload
    def encode(self, sound: Sound, *, sample_rate_hz: int) -> list[Tensor]: ...

    @overload
    def encode(self, sound: Sequence[Sound], *, sample_rate_hz: int) -> list[list[Tensor]]: ...

    def encode(
        self, sound: Sound | Sequence[Sound], *, sample_rate_hz: int
    ) -> list[Tensor] | list[list[Tensor]]:
        """Encodes raw sound of any rate, in evaluation mode and without gradients.

        It is brought to 16 kHz and prepared as in training. Each utterance is encoded alone, so
        that no other has a part in the result.

        Args:
            sound: (S,) floating-point samples of one channel, an array or a tensor; or a list of
                them, which may differ in length.
            sample_rate_hz: Of all of it.

        Returns:
            L + 1 times (T, D) float32, valid frames only, on the encoder's device: the input of
            the first block, then the output of each. For a list of utterances, a list of that.

        Raises:
            SoundError: It is no sound of one channel, not finite, shorter than one frame, or longer
                than 120 s.
        """
        if isinstance(sound, list | tuple):
            return [self._frames_of(one, sample_rate_hz) for one in sound]
        return self._frames_of(sound, sample_rate_hz)

    @torch.no_grad()
    def _frames_of(self, sound: object, sample_rate_hz: int) -> list[Tensor]:
        waveform = self.prepare(_at_16k(sound, sample_rate_hz))
        waveforms, num_samples = pad_waveforms([waveform])
        device = next(iter(self.state_dict().values())).device
        # Each module's own, since parts of it may be frozen in another mode than the whole.
        modes = [(module, module.training) for module in self.modules()]
        try:
            output = self.eval()(waveforms.to(device), num_samples.to(device))
        finally:
            for module, was_training in modes:
                module.training = was_training
        num_frames = int(output.num_frames[0])
        return [layer[0, :num_frames] for layer in output.layers]


def _at_16k(sound: object, sample_rate_hz: int) -> Waveform:
    samples = _checked(sound, sample_rate_hz)
    if len(samples) > MAX_WHOLE_SECONDS * sample_rate_hz:
        raise SoundError(
            f"An utterance must be at most {MAX_WHOLE_SECONDS:g} s long, since an encoder takes it "
            f"as a whole, but is {len(samples) / sample_rate_hz:.0f} s long instead. Cut it."
        )
    at_16k = to_16k_mono(samples[:, None], sample_rate_hz)
    if len(at_16k) < RECEPTIVE_FIELD_SAMPLES:
        raise SoundError(
            f"An utterance must be at least {RECEPTIVE_FIELD_SAMPLES / SAMPLE_RATE_HZ:g} s long, "
            f"one frame, but is {len(samples) / sample_rate_hz:g} s long instead ({len(samples)} "
            f"samples at {sample_rate_hz} Hz)."
        )
    return at_16k


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
