"""The two encoders of MFSN, TEC and SEC, as training reads them: states that are kept of every
segment, or waveforms for an encoder that is trained.

Shapes: B segments, S samples of a segment, T frames of the encoders, D dimensions, L layers.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.data.fold_data import SegmentBatch
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.segments import CutUtterance, halved
from mfsn.data.spectra import Spectra, valid_frames
from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES, SAMPLES_PER_FRAME
from pretrain.data.loader import pad_waveforms
from pretrain.model.encode import EncoderOutput
from pretrain.model.frozen import FrozenEncoder, load_frozen
from pretrain.shared.errors import InputError


def load_frame_encoder(folder: Path | str, *, device: torch.device | None = None) -> FrozenEncoder:
    """Loads an encoder of any kind, on the GPU if there is one and no other `device` is given.
    Raises `ValueError`: the folder holds none that can be loaded, or its frames are not 20 ms
    apart."""
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder = load_frozen(folder, device=device)
    if (samples := encoder.module.samples_per_frame) != SAMPLES_PER_FRAME:
        raise InputError(
            f"An encoder must have a frame every {SAMPLES_PER_FRAME} samples, as the other stream "
            f"has, but {folder} has one every {samples} instead. Choose another encoder."
        )
    return encoder


def levels_of(num_layers: int) -> tuple[int, int, int]:
    """Returns the layers of the early, middle and last level: 1, N / 2 and N of N blocks.

    Layer 0 is the input of block 1. The paper's symbols are lost in its text; with data2vec's 12
    blocks these are 1, 6 and 12.
    """
    return (1, max(1, num_layers // 2), num_layers)


@dataclass(frozen=True, kw_only=True)
class StreamPair:
    """The encoders of the two streams; a single-stream network has only one."""

    tec: FrozenEncoder | None = None
    sec: FrozenEncoder | None = None

    @property
    def levels(self) -> tuple[int, ...]:
        """Layers of the SEC encoder's three levels; none without it."""
        return () if self.sec is None else levels_of(self.sec.num_layers)


def fitted_states(layer: Tensor, num_frames: Tensor, width: int) -> Tensor:
    """(B, T', D) of an encoder -> (B, width, D) float32, 0 at invalid frames.

    Encoders differ in whether they return a meaningless frame behind the last one.
    """
    layer = F.pad(layer[:, :width].float(), (0, 0, 0, max(0, width - layer.shape[1])))
    # Such a frame may be non-finite, which 0 times does not remove.
    return layer.masked_fill(~valid_frames(num_frames, width)[..., None], 0.0)


class CachedStreams(nn.Module):
    """Frozen encoders: the states are in the batch already."""

    def forward(self, batch: SegmentBatch) -> SegmentBatch:
        return batch


class LiveStreams(nn.Module):
    """The paper's setting: the SEC encoder is trained along with the head (section 3).

    It starts as a copy of the given one, so that every fold starts from the same weights. The TEC
    encoder is frozen: its states are in the batch already, which saves its pass through every
    epoch.
    """

    def __init__(self, streams: StreamPair) -> None:
        super().__init__()
        assert streams.sec is not None, "there is no SEC encoder to train"
        self.sec = copy.deepcopy(streams.sec.module).requires_grad_(True)
        self._levels = streams.levels

    def forward(self, batch: SegmentBatch) -> SegmentBatch:
        """Fills `sec` (each (B, T, D), with gradient) from `waveforms`."""
        output: EncoderOutput = self.sec(batch.waveforms, batch.num_samples)
        width = batch.valid.shape[1]
        levels = {
            layer: fitted_states(output.layers[layer], output.num_frames, width)
            for layer in set(self._levels)
        }
        return replace(batch, sec=tuple(levels[layer] for layer in self._levels))


class EncoderWaveforms:
    """Waveforms as an encoder hears them."""

    name = "waveforms"

    def __init__(
        self, encoder: FrozenEncoder, inputs: InputSettings, faults: FaultSettings
    ) -> None:
        # Encoders that hear the same share what is kept.
        self.key = f"waveforms-{encoder.module.heard_as()}"
        self._encoder = encoder
        self._inputs = inputs
        self._faults = faults
        self._spectra = Spectra(inputs)

    def valid_samples(self, utterance: CutUtterance) -> list[Waveform]:
        """Returns the valid samples of every segment, prepared for the encoder."""
        waveform = utterance.waveform
        if self._faults.emphasised_encoders:
            waveform = self._spectra.emphasised(torch.from_numpy(waveform)).numpy()
        return [
            self._encoder.prepare(self._padded(waveform[start:stop]))
            for start, stop in utterance.bounds
        ]

    def _padded(self, piece: Waveform) -> Waveform:
        if self._faults.front_padded_waveform:
            return np.pad(piece, (self._inputs.segment_samples - len(piece), 0))
        # Only with `tiny_tails` can a piece be too short for one frame.
        return np.pad(piece, (0, max(0, RECEPTIVE_FIELD_SAMPLES - len(piece))))

    def __call__(self, utterances: list[CutUtterance]) -> dict[str, Tensor]:
        pieces = [piece for utterance in utterances for piece in self.valid_samples(utterance)]
        padded, _ = pad_waveforms(pieces)
        return {"waveforms": F.pad(padded, (0, self._inputs.segment_samples - padded.shape[1]))}


class EncoderStates:
    """States (B, T, D) of chosen layers of a frozen encoder, named by their layer."""

    def __init__(
        self,
        encoder: FrozenEncoder,
        layers: Sequence[int],
        inputs: InputSettings,
        faults: FaultSettings,
    ) -> None:
        self._encoder = encoder
        self._layers = sorted(set(layers))
        self._num_frames = inputs.num_frames
        self._waveforms = EncoderWaveforms(encoder, inputs, faults)
        self.name = f"states of {encoder.name}"
        self.key = f"{encoder.key}-{'-'.join(str(layer) for layer in self._layers)}"

    def __call__(self, utterances: list[CutUtterance]) -> dict[str, Tensor]:
        pieces = [self._waveforms.valid_samples(utterance) for utterance in utterances]
        padded, num_samples = pad_waveforms([piece for group in pieces for piece in group])
        output = self._encoder(padded, num_samples)
        states = {}
        for layer in self._layers:
            values = fitted_states(output.layers[layer], output.num_frames, self._num_frames).cpu()
            finite = values.isfinite().flatten(1).all(1)
            if not finite.all():
                owners = [u.id for u, group in zip(utterances, pieces, strict=True) for _ in group]
                raise InputError(
                    f"The states of {self._encoder.name} are not finite for utterance "
                    f"{owners[int(finite.int().argmin())]!r}: its weights are damaged, or its "
                    "training diverged."
                )
            states[layer_name(layer)] = halved(values)
        return states


def layer_name(layer: int) -> str:
    """The name of a layer's tensor among the kept ones."""
    return f"layer-{layer}"
