"""The two encoders of MFSN, TEC and SEC, as training reads them.

Shapes: B segments, S samples, T frames, D model dim, L layers.
"""

import copy
import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.data.normalization import valid_frames
from mfsn.data.segment_batch import SegmentBatch
from pretrain.config.settings import hash_of
from pretrain.model.encoder import Encoder, EncoderOutput
from pretrain.model.weights import WeightsError, load_encoder, weights_hash


class FrameEncoder(Protocol):
    """An encoder as it was trained, which is never changed."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str:
        """Hash of everything that its numbers depend on, fit for a file name."""
        ...

    @property
    def dim(self) -> int: ...

    @property
    def num_layers(self) -> int:
        """L Transformer blocks; its output has L + 1 layers."""
        ...

    @property
    def module(self) -> nn.Module:
        """Makes an `EncoderOutput` of waveforms (B, S) and num_samples (B,)."""
        ...

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        """Encodes normalised waveforms, frozen and in evaluation mode."""
        ...


@dataclass(frozen=True, kw_only=True)
class LoadedEncoder:
    """An encoder read from a folder."""

    name: str
    key: str
    dim: int
    num_layers: int
    module: nn.Module
    device: torch.device

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        with torch.no_grad():
            output: EncoderOutput = self.module(
                waveforms.to(self.device), num_samples.to(self.device)
            )
        return output


def load_frame_encoder(folder: Path | str, *, device: torch.device | None = None) -> LoadedEncoder:
    """Loads the encoder of a run folder of ours, or a released one in transformers' format.

    Args:
        folder: With encoder.json and encoder.safetensors, or config.json and model.safetensors.
        device: Where it computes; the GPU if there is one, by default.

    Raises:
        ValueError: The folder is neither, or a file is missing or damaged.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise WeightsError(f"An encoder must be a folder, but {folder} does not exist.")
    # Imported here because transformers, behind it, takes seconds and need not be installed.
    from pretrain.model.released import CONFIG_FILE, is_released, load_released

    name = folder.resolve().name
    if is_released(folder):
        config = (folder / CONFIG_FILE).read_text(encoding="utf-8")
        return wrap_encoder(load_released(folder), name=name, device=device, config=config)
    return wrap_encoder(load_encoder(folder), name=name, device=device)


def wrap_encoder(
    encoder: nn.Module, *, name: str, device: torch.device | None = None, config: str = ""
) -> LoadedEncoder:
    """Freezes an encoder and finds out its sizes by trying it.

    Args:
        encoder: Ours, or a module that answers as ours does.
        name: For progress bars and messages.
        device: Where it computes; the GPU if there is one, by default.
        config: What its numbers depend on besides its weights, if it is not ours.
    """
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    encoder = encoder.to(device).eval().requires_grad_(False)
    with torch.no_grad():
        tried: EncoderOutput = encoder(
            torch.zeros(1, 1600, device=device), torch.tensor([1600], device=device)
        )
    # Equal weights compute something else with another number of heads.
    if isinstance(encoder, Encoder):
        sizes = hash_of(dataclasses.asdict(encoder.settings))
    else:
        sizes = hash_of([type(encoder).__name__, config])
    return LoadedEncoder(
        name=name,
        key=f"{weights_hash(encoder)[:16]}-{sizes[:8]}-{device.type}",
        dim=tried.layers[-1].shape[2],
        num_layers=len(tried.layers) - 1,
        module=encoder,
        device=device,
    )


def levels_of(num_layers: int) -> tuple[int, int, int]:
    """Returns the layers of the early, middle and last level: 1, N / 2 and N of N blocks.

    Layer 0 is the input of block 1. The paper's symbols are lost in its text; with data2vec's 12
    blocks these are 1, 6 and 12.
    """
    return (1, max(1, num_layers // 2), num_layers)


@dataclass(frozen=True, kw_only=True)
class StreamPair:
    """The encoders of the two streams; a single-stream network has only one."""

    tec: FrameEncoder | None = None
    sec: FrameEncoder | None = None

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
