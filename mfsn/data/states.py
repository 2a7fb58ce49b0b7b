"""What is kept of every segment: spectral inputs, waveforms, states of a frozen encoder.

Shapes: B segments, S samples of a segment, F frames of 10 ms, T frames of the encoders, D dim.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mfsn.data.faults import FaultSettings
from mfsn.data.head_inputs import HOP_SAMPLES, InputSettings
from mfsn.data.segment_cache import CutUtterance, halved
from mfsn.data.spectra import Spectra
from mfsn.data.streams import fitted_states
from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES
from pretrain.data.loader import pad_waveforms
from pretrain.model.encode import SoundEncoder
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.errors import InputError


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


class EncoderWaveforms:
    """Waveforms as an encoder hears them."""

    name = "waveforms"

    def __init__(
        self, encoder: FrozenEncoder, inputs: InputSettings, faults: FaultSettings
    ) -> None:
        # Encoders that hear the same share what is kept.
        is_common = type(encoder.module).prepare is SoundEncoder.prepare
        self.key = "waveforms" if is_common else f"waveforms-{encoder.key}"
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
        waveforms = torch.zeros(len(pieces), self._inputs.segment_samples)
        for row, piece in zip(waveforms, pieces, strict=True):
            row[: len(piece)] = torch.from_numpy(piece)
        return {"waveforms": waveforms}


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
