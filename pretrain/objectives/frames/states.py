"""The target space `encoder`: the states of one layer of a trained encoder that stays as it is.

Centroids of such states are the targets of HuBERT's second iteration; the states themselves are
their continuous twin. The encoder hears the unmasked crop, as the row gets it. Not specified by
the paper.

Shapes: B batch, S samples, T frames, D dim of the encoder.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from pretrain.data.frames import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, num_frames_of
from pretrain.model.kinds.registry import find_kind, read_encoder_folder
from pretrain.shared.errors import InputError

CALLED = "`frames.encoder`"


class EncoderStates(nn.Module):
    """Gives the states of one layer. Its encoder is no part of the row that is trained: it is in no
    checkpoint, and a continued run reads it again and compares `digest`."""

    def __init__(self, folder: str, layer: int) -> None:
        """Reads the encoder in `folder`, of any kind that the probe takes.

        Raises:
            InputError: There is none, it has no such layer, or other frames than ours.
        """
        super().__init__()
        held = read_encoder_folder(Path(folder).expanduser(), called=CALLED)
        encoder = find_kind(held.path, called=CALLED)[1].load(held.path)
        if layer > encoder.num_layers:
            raise InputError(
                f"`frames.layer` must be at most {encoder.num_layers}, the layers of {folder}, but "
                f"is {layer} instead."
            )
        lengths = torch.arange(SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ, 37)
        if not torch.equal(encoder.num_frames(lengths), num_frames_of(lengths)):
            raise InputError(
                f"{CALLED} must have a frame every {SAMPLES_PER_FRAME} samples, as the encoder "
                f"that is trained, but {folder} has others."
            )
        self.dim = encoder.dim
        self.layer = layer
        self.digest = held.digest()
        # In a tuple, modules are no parts of a module.
        self._held = (encoder.eval().requires_grad_(False),)

    @torch.no_grad()
    def forward(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S), (B,) -> (B, S / 320, D) float32, also where autocast is on; zeros where a row has
        no frame."""
        (encoder,) = self._held
        encoder.to(waveforms.device)
        with torch.autocast(waveforms.device.type, enabled=False):
            states = encoder(waveforms.float(), num_samples).layers[self.layer].float()
        missing = waveforms.shape[-1] // SAMPLES_PER_FRAME - states.shape[1]
        padded: Tensor = nn.functional.pad(states, (0, 0, 0, missing))
        return padded
