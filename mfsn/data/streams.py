"""The two encoders of MFSN, TEC and SEC, as training reads them.

Shapes: B segments, S samples, T frames, D model dim, L layers.
"""

import copy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.data.normalization import valid_frames
from mfsn.data.segment_batch import SegmentBatch
from pretrain.data.frames import SAMPLES_PER_FRAME
from pretrain.model.encode import EncoderOutput
from pretrain.model.frozen import FrozenEncoder, load_frozen
from pretrain.shared.errors import InputError


def load_frame_encoder(folder: Path | str, *, device: torch.device | None = None) -> FrozenEncoder:
    """Loads an encoder of any kind, on the GPU if there is one and no other `device` is given.

    Raises:
        ValueError: The folder holds none that can be loaded, or its frames are not 20 ms apart.
    """
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
