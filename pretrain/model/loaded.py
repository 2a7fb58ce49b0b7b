"""An encoder as notebooks use it: sound in, arrays of frames out."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pretrain.model.encode import Sound
from pretrain.model.frozen import load_frozen
from pretrain.model.kinds.places import encoder_place
from pretrain.model.kinds.registry import read_encoder_folder

Layers = list[npt.NDArray[np.float32]]
"""L + 1 times (T, D): the input of the first block, then the output of each."""


class LoadedEncoder:
    """A frozen encoder of any kind. Make it with `pretrain.load_encoder`."""

    def __init__(self, place: str | Path, *, device: str = "cpu") -> None:
        """Loads it; see `pretrain.load_encoder`."""
        found = encoder_place(place, option="load_encoder")
        held = read_encoder_folder(found.folder, called="load_encoder")
        self.folder = held.path
        self.name = found.name or held.described.name
        self.mode = held.described.mode
        """What it was trained for; empty where its folder does not say."""

        self._frozen = load_frozen(held.path, name=self.name, device=torch.device(device))
        self.dim, self.num_layers = self._frozen.dim, self._frozen.num_layers

    @overload
    def layers(self, waveform: Sound, sample_rate: int) -> Layers: ...

    @overload
    def layers(self, waveform: Sequence[Sound], sample_rate: int) -> list[Layers]: ...

    def layers(self, waveform: Sound | Sequence[Sound], sample_rate: int) -> Layers | list[Layers]:
        """Returns the frames of every layer.

        Args:
            waveform: (S,) floating-point samples of one channel as they were recorded, or a list
                of them, which may differ in length; no utterance changes another's frames.
            sample_rate: In Hz, of all of it.

        Returns:
            `num_layers` + 1 times (T, `dim`) float32, valid frames only; of a list, a list of that.

        Raises:
            ValueError: It is no sound of one channel, not finite, shorter than one frame, or longer
                than 120 s.
        """
        module = self._frozen.module
        if isinstance(waveform, list | tuple):
            found = module.encode(list(waveform), sample_rate_hz=sample_rate)
            return [_arrays(one) for one in found]
        return _arrays(module.encode(waveform, sample_rate_hz=sample_rate))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<encoder {self.name}: {self.num_layers} layers of {self.dim}>"


def _arrays(layers: Sequence[Tensor]) -> Layers:
    return [layer.float().cpu().numpy() for layer in layers]
