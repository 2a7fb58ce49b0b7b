"""Released encoders that hear waveforms: wav2vec 2.0, HuBERT, WavLM, data2vec and the like, with
conv stacks of any kernels and strides.

Shapes: B batch, S samples, T frames, D model dim, L layers.
"""

import math
from collections.abc import Sequence
from typing import Any

import soxr
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import normalize_waveform
from pretrain.model.encode import EncoderOutput
from pretrain.model.kinds.released import (
    PREPROCESSOR_FILE,
    LoadedModel,
    ReleasedError,
)
from pretrain.model.kinds.row_by_row import ReleasedModel, fitted, in_fp32_on_cpus
from pretrain.model.transformers_format import PRETRAINING, RELEASED_EPSILON
from pretrain.shared.json_files import JsonError, Schema, made_of


class _Preprocessor(Schema):
    """preprocessor_config.json."""

    sampling_rate: int = SAMPLE_RATE_HZ
    do_normalize: bool = True


class WaveformModel(ReleasedModel):
    """A model whose conv stack hears the waveform, at the rate that its folder says."""

    heard_by_default = "normalised to mean 0 and variance 1"

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        wanted = _wanted(loaded)
        self.rate_hz = wanted.sampling_rate
        self.input_epsilon = _epsilon(loaded, normalized=wanted.do_normalize)
        """On the variance by which sound is normalised; None where it is not."""

        config = self.model.config
        self._convs = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        stride = math.prod(config.conv_stride) * SAMPLE_RATE_HZ
        if stride % self.rate_hz:
            raise ReleasedError(
                f"`{loaded.folder}` has a frame every {stride / self.rate_hz:g} samples at "
                f"{SAMPLE_RATE_HZ} Hz, but that must be a whole number. Choose another encoder."
            )
        self.samples_per_frame = stride // self.rate_hz
        self.row_by_row = (
            not loaded.architecture.padding_is_kept_out
            or config.feat_extract_norm == "group"
            or self.rate_hz != SAMPLE_RATE_HZ
        )

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        if self.row_by_row:
            return super().forward(waveforms, num_samples)
        positions = torch.arange(waveforms.shape[1], device=waveforms.device)
        width = -(-waveforms.shape[1] // self.samples_per_frame)
        states = self._encode(waveforms, (positions < num_samples[:, None]).long())
        return self.without_padding([fitted(state, width) for state in states], num_samples)

    def states(self, waveform: Tensor) -> Sequence[Tensor]:
        heard = self._at_own_rate(waveform)
        # One frame needs the whole receptive field of these convolutions.
        return self._encode(F.pad(heard, (0, max(0, self._field - len(heard))))[None], None)

    def prepare(self, waveform: Waveform) -> Waveform:
        if self.rate_hz != SAMPLE_RATE_HZ:
            return waveform  # it is normalised at its own rate
        return self._normalized(waveform)

    def heard_as(self) -> str:
        if self.input_epsilon is None or self.rate_hz != SAMPLE_RATE_HZ:
            return super().heard_as()
        return f"normalised-{self.input_epsilon:g}"

    def num_frames(self, num_samples: Tensor) -> Tensor:
        count = num_samples * self.rate_hz // SAMPLE_RATE_HZ
        for kernel, stride in self._convs:
            count = (count - kernel) // stride + 1
        return count.clamp(min=1)

    def input_layers(self) -> list[nn.Module]:
        return [self.model.feature_extractor, self.model.feature_projection.layer_norm]

    @property
    def _field(self) -> int:
        """Samples, at its own rate, of which one frame is made."""
        samples = 1
        for kernel, stride in reversed(self._convs):
            samples = (samples - 1) * stride + kernel
        return samples

    def _at_own_rate(self, waveform: Tensor) -> Tensor:
        if self.rate_hz == SAMPLE_RATE_HZ:
            return waveform
        heard = soxr.resample(waveform.cpu().numpy(), SAMPLE_RATE_HZ, self.rate_hz)
        heard = heard[: len(waveform) * self.rate_hz // SAMPLE_RATE_HZ]
        return torch.from_numpy(self._normalized(heard)).to(waveform.device)

    def _normalized(self, waveform: Waveform) -> Waveform:
        if self.input_epsilon is None:
            return waveform
        return normalize_waveform(waveform, self.input_epsilon)

    def _encode(self, waveforms: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
        with in_fp32_on_cpus(waveforms):
            output = self.model(waveforms, attention_mask=mask, output_hidden_states=True)
        states: tuple[Tensor, ...] = output.hidden_states
        return states


def _wanted(loaded: LoadedModel) -> _Preprocessor:
    """Returns how the model wants its sound; without a file as transformers does."""
    file = loaded.folder / PREPROCESSOR_FILE
    try:
        found = made_of(_Preprocessor, loaded.preprocessor or {}, str(file))
    except JsonError as error:
        raise ReleasedError(f"{error} Copy it again.") from error
    if not 1000 <= found.sampling_rate <= 192_000:
        raise ReleasedError(
            f"`{file}` must have a `sampling_rate` of 1000 to 192000 Hz, but has "
            f"{found.sampling_rate} instead. Copy it again."
        )
    return found


def _epsilon(loaded: LoadedModel, *, normalized: bool) -> float | None:
    if not normalized:
        return None
    exported: dict[str, Any] = loaded.config.get(PRETRAINING) or {}
    return float(exported.get("normalize_epsilon", RELEASED_EPSILON))
