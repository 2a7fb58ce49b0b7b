"""The branches of the emotion head: the spectrogram as an image for AlexNet-shaped convolutions,
and the MFCC through a bidirectional LSTM whose frames are laid side by side.

The convolutions are written from the layer sizes of A. Krizhevsky, "One weird trick for
parallelizing convolutional neural networks", 2014 (torchvision's AlexNet, which the public
Co-attention code uses).

Shapes: B batch, N spectral frames, F frequency bins, H and W height and width of the image, P
pooled frames, C coefficients.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pretrain.shared.errors import InputError

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_DEVIATION = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, by which its pre-trained weights expect images."""


class SpectrogramBranch(nn.Module):
    """Spectrogram to `out_features` numbers."""

    mean: Tensor
    deviation: Tensor
    pool_height: Tensor
    pool_width: Tensor

    def __init__(
        self,
        *,
        image_size: tuple[int, int],
        channels: Sequence[int],
        pooled: int,
        out_features: int,
        dropout: float,
        imagenet_weights: str = "",
    ) -> None:
        """Builds the branch for images of `image_size` (H, W) with five `channels`."""
        super().__init__()
        self.image_size = image_size
        self.features = alexnet_features(channels)
        height, width = (_size_after_features(size) for size in image_size)
        if min(height, width) < 1:
            raise InputError(
                f"`image_height` and `image_width` must be at least 63, but are {image_size} "
                "instead: nothing is left after the poolings."
            )
        # As matrices: torch's adaptive pooling has no deterministic gradient on a GPU.
        self.register_buffer("pool_height", average_bins(height, pooled), persistent=False)
        self.register_buffer("pool_width", average_bins(width, pooled), persistent=False)
        for name, values in (("mean", IMAGE_MEAN), ("deviation", IMAGE_DEVIATION)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels[-1] * pooled**2, out_features)
        if imagenet_weights:
            _load_imagenet(self.features, Path(imagenet_weights))

    def forward(self, spectrogram: Tensor, num_frames: Tensor) -> Tensor:
        """Maps `spectrogram` (B, N, F) in 0..1 with `num_frames` (B,) valid frames to
        (B, out_features)."""
        frames = self.features(self.image(spectrogram, num_frames))
        pooled = torch.einsum("ph,bchw,qw->bcpq", self.pool_height, frames, self.pool_width)
        flat = rearrange(pooled, "b c p q -> b (c p q)")
        return F.relu(self.linear(self.dropout(flat)))

    @torch.no_grad()
    def image(self, spectrogram: Tensor, num_frames: Tensor) -> Tensor:
        """Returns (B, 3, H, W): black beyond the valid frames, high frequencies on top, three
        equal channels, resized, then scaled as ImageNet's images."""
        positions = torch.arange(spectrogram.shape[1], device=spectrogram.device)
        beyond = positions >= num_frames[:, None]
        upright = rearrange(spectrogram.masked_fill(beyond[:, :, None], 0.0), "b n f -> b 1 f n")
        resized = F.interpolate(
            upright.flip(2), size=self.image_size, mode="bilinear", antialias=True
        )
        return (resized - self.mean) / self.deviation


def alexnet_features(channels: Sequence[int]) -> nn.Sequential:
    """Returns the five convolutions, numbered as in torchvision."""
    one, two, three, four, five = channels
    return nn.Sequential(
        nn.Conv2d(3, one, kernel_size=11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(one, two, kernel_size=5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(two, three, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(three, four, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(four, five, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )


def average_bins(size: int, num_bins: int) -> Tensor:
    """Returns (num_bins, size), the weights by which torch's adaptive average pooling maps `size`
    places to `num_bins`."""
    weights = torch.zeros(num_bins, size)
    for place in range(num_bins):
        start, end = place * size // num_bins, -(-(place + 1) * size // num_bins)
        weights[place, start:end] = 1.0 / (end - start)
    return weights


def _size_after_features(size: int) -> int:
    size = (size + 4 - 11) // 4 + 1
    for _ in range(3):
        size = (size - 3) // 2 + 1
    return size


def _load_imagenet(features: nn.Sequential, file: Path) -> None:
    """Copies the convolutions of torchvision's AlexNet; its classifier is left out."""
    remedy = (
        "`imagenet_weights` names a safetensors file with the keys of torchvision's AlexNet "
        "(features.0.weight and so on) and needs `channels` 64, 192, 384, 256, 256."
    )
    if not file.is_file():
        raise InputError(f"`{file}` does not exist. {remedy}")
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(f"`{file}` cannot be read ({error}). {remedy}") from error
    chosen: dict[str, Tensor] = {}
    for name, weight in features.state_dict().items():
        key = f"features.{name}"
        if key not in tensors:
            raise InputError(f"`{file}`: key `{key}` is missing. {remedy}")
        if tensors[key].shape != weight.shape:
            raise InputError(
                f"`{file}`: `{key}` must have shape {tuple(weight.shape)}, but has "
                f"{tuple(tensors[key].shape)} instead. {remedy}"
            )
        chosen[name] = tensors[key]
    features.load_state_dict(chosen)


class MfccBranch(nn.Module):
    """MFCC frames to `out_features` numbers."""

    def __init__(
        self,
        *,
        num_frames: int,
        num_mfcc: int,
        pool: int,
        hidden_dim: int,
        num_layers: int,
        lstm_dropout: float,
        out_features: int,
        dropout: float,
    ) -> None:
        """Builds the branch for segments of `num_frames` frames, `pool` of them averaged."""
        super().__init__()
        if num_frames % pool:
            raise InputError(
                f"`mfcc_pool` must divide the {num_frames} frames of a segment, but is {pool} "
                "instead."
            )
        self.pool = pool
        self.lstm_dropout = nn.Dropout(lstm_dropout)
        self.layers = nn.ModuleList(
            BidirectionalLSTM(2 * hidden_dim if layer else num_mfcc, hidden_dim)
            for layer in range(num_layers)
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(num_frames // pool * 2 * hidden_dim, out_features)

    def forward(self, mfcc: Tensor, num_frames: Tensor) -> Tensor:
        """Maps `mfcc` (B, N, C) with `num_frames` (B,) valid frames to (B, out_features)."""
        states, lengths = pooled_frames(mfcc, num_frames, self.pool)
        for number, layer in enumerate(self.layers):
            states = layer(self.lstm_dropout(states) if number else states, lengths)
        return F.relu(self.linear(self.dropout(rearrange(states, "b p h -> b (p h)"))))


class BidirectionalLSTM(nn.Module):
    """One bidirectional layer over rows of several lengths: the backward half reads every row from
    its own last frame.

    The rows are turned within their lengths: on a CPU torch's packed sequences take six times as
    long.
    """

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.ahead = nn.LSTM(input_dim, hidden_dim, batch_first=True)
        self.back = nn.LSTM(input_dim, hidden_dim, batch_first=True)

    def forward(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Maps (B, P, C) to (B, P, 2H), 0 from `lengths` (B,) on."""
        positions = torch.arange(states.shape[1], device=states.device)
        beyond = positions >= lengths[:, None]
        turned = torch.where(beyond, positions, lengths[:, None] - 1 - positions)
        ahead, _ = self.ahead(states)
        back, _ = self.back(_take(states, turned))
        both = torch.cat([ahead, _take(back, turned)], dim=-1)
        return both.masked_fill(beyond[:, :, None], 0.0)


def pooled_frames(mfcc: Tensor, num_frames: Tensor, pool: int) -> tuple[Tensor, Tensor]:
    """Averages every `pool` frames of (B, N, C), the last ones over those that are valid.

    Returns (B, N / pool, C), 0 beyond the valid frames, and the (B,) new lengths.
    """
    positions = torch.arange(mfcc.shape[1], device=mfcc.device)
    beyond = positions >= num_frames[:, None]
    sums = reduce(mfcc.masked_fill(beyond[:, :, None], 0.0), "b (p k) c -> b p c", "sum", k=pool)
    counts = reduce((~beyond).to(mfcc.dtype), "b (p k) -> b p 1", "sum", k=pool)
    return sums / counts.clamp(min=1.0), (num_frames + pool - 1) // pool


def _take(states: Tensor, places: Tensor) -> Tensor:
    """Returns `states` (B, P, C) with the frames in the order of `places` (B, P)."""
    return states.gather(1, places[:, :, None].expand(-1, -1, states.shape[2]))
