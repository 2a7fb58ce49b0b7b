"""From samples to frames: what the encoder's conv stack (paper, Table 3) makes of a length."""

from math import prod
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

CONV_KERNELS = (10, 3, 3, 3, 3, 2, 2)
"""Kernel of each of the 7 convolutions (paper, Table 3)."""

CONV_STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Stride of each of the 7 convolutions (paper, Table 3)."""

SAMPLE_RATE_HZ = 16_000

SAMPLES_PER_FRAME = prod(CONV_STRIDES)
"""320 samples, so 50 frames per second before the edges are lost."""

RECEPTIVE_FIELD_SAMPLES = 400
"""Fewest samples that give one frame."""

IntOrTensor = TypeVar("IntOrTensor", int, "Tensor")


def num_frames_of(num_samples: IntOrTensor) -> IntOrTensor:
    """Returns how many frames the conv stack makes of `num_samples` samples (elementwise)."""
    num_frames = num_samples
    for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True):
        num_frames = (num_frames - kernel) // stride + 1
    return num_frames
