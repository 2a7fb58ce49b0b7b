"""What models of `transformers` have in common as encoders, whatever they hear.

Shapes: B batch, S samples, T frames, D model dim, L layers.
"""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.data.audio.waveforms import Waveform
from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.kinds.released import (
    PREPROCESSOR_FILE,
    LoadedModel,
    ReleasedError,
    ReleasedWarning,
)

RECORDED = "recorded"
"""How sound is heard that is not changed before the encoder gets it."""


class ReleasedModel(SoundEncoder):
    """A model of `transformers` that answers as our `Encoder` does, one utterance at a time; sound
    is heard as it was recorded."""

    heard_by_default = "as 80 mel bands"
    """How it hears sound where its folder does not say, for a warning."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__()
        if loaded.preprocessor is None:
            _say_default(loaded.folder, self.heard_by_default)
        self.model: Any = loaded.model
        config: Any = loaded.model.config
        self.dim, self.num_layers = int(config.hidden_size), int(config.num_hidden_layers)
        self._said = [loaded.config, loaded.preprocessor]

    @abstractmethod
    def states(self, waveform: Tensor) -> Sequence[Tensor]:
        """Returns L + 1 times (1, T, D) of one whole utterance (S,), `num_frames` frames at least.

        It is as `prepare` gave it.
        """

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """Encodes `waveforms` (B, S) with `num_samples` (B,) valid samples.

        Returns L + 1 layers (B, T, D): the input of block 1, then the output of every block.
        Frames beyond a row's valid ones are 0.
        """
        rows = [
            self.states(waveform[:count])
            for waveform, count in zip(waveforms, num_samples.tolist(), strict=True)
        ]
        width = -(-waveforms.shape[1] // self.samples_per_frame)
        layers = [
            torch.cat([fitted(state, width) for state in states])
            for states in zip(*rows, strict=True)
        ]
        return self.without_padding(layers, num_samples)

    def without_padding(self, layers: Sequence[Tensor], num_samples: Tensor) -> EncoderOutput:
        """Returns layers (B, T, D) with 0 beyond the valid frames of every row."""
        num_frames = self.num_frames(num_samples)
        positions = torch.arange(layers[0].shape[1], device=layers[0].device)
        valid = positions < num_frames.to(layers[0].device)[:, None]
        return EncoderOutput(
            layers=[torch.where(valid[:, :, None], layer, 0.0) for layer in layers],
            num_frames=num_frames,
        )

    def prepare(self, waveform: Waveform) -> Waveform:
        return waveform

    def heard_as(self) -> str:
        return RECORDED

    def beside_weights(self) -> object:
        return [type(self).__name__, *self._said]


def check_bands(loaded: LoadedModel, values: Mapping[str, tuple[int, int]]) -> None:
    """Raises `ReleasedError` where preprocessor_config.json does not fit the model; `values` are
    key -> (what it has, what the model needs)."""
    for key, (found, wanted) in values.items():
        if found != wanted:
            raise ReleasedError(
                f"`{loaded.folder / PREPROCESSOR_FILE}` must have `{key}` {wanted}, as the model "
                f"needs, but has {found} instead. Copy it again."
            )


def in_fp32_on_cpus(tensor: Tensor) -> AbstractContextManager[Any]:
    """In bf16 a CPU with AMX computes a positional convolution wrongly, see
    `pretrain.model.fairseq2_parts.run_position_encoder`; in a model it cannot be singled out."""
    on_cpu = tensor.device.type == "cpu"
    return torch.autocast("cpu", enabled=False) if on_cpu else nullcontext()


def fitted(states: Tensor, width: int) -> Tensor:
    """(B, T, D) -> (B, width, D), cut or zero-padded."""
    return F.pad(states[:, :width], (0, 0, 0, max(0, width - states.shape[1])))


@cache
def _say_default(folder: Path, heard: str) -> None:
    """Warns once a process: a folder is loaded to be checked, and again to be heard."""
    warnings.warn(
        f"{folder} has no {PREPROCESSOR_FILE}: sound is heard {heard}, the default of "
        "transformers.",
        ReleasedWarning,
        stacklevel=3,
    )
