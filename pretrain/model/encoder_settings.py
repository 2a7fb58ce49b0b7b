"""The unified encoder's sizes (paper, Table 3) and the frame arithmetic that follows from them."""

from math import prod
from typing import TypeVar

from torch import Tensor

from pretrain.settings_class import settings

CONV_KERNELS = (10, 3, 3, 3, 3, 2, 2)
"""Kernel of each of the 7 convolutions (paper, Table 3)."""

CONV_STRIDES = (5, 2, 2, 2, 2, 2, 2)
"""Stride of each of the 7 convolutions (paper, Table 3)."""

SAMPLE_RATE_HZ = 16_000

SAMPLES_PER_FRAME = prod(CONV_STRIDES)
"""320 samples, so 50 frames per second before the edges are lost."""

RECEPTIVE_FIELD_SAMPLES = 400
"""Fewest samples that give one frame."""

IntOrTensor = TypeVar("IntOrTensor", int, Tensor)


def num_frames_of(num_samples: IntOrTensor) -> IntOrTensor:
    """Returns how many frames the conv stack makes of `num_samples` samples (elementwise)."""
    num_frames = num_samples
    for kernel, stride in zip(CONV_KERNELS, CONV_STRIDES, strict=True):
        num_frames = (num_frames - kernel) // stride + 1
    return num_frames


@settings
class EncoderSettings:
    """Sizes of the unified encoder. The defaults are the paper's (Table 3)."""

    conv_dim: int = 512
    """Channels of every convolution."""

    model_dim: int = 512
    """Width of the Transformer."""

    ffn_dim: int = 2048
    """Inner width of the feed-forward networks."""

    num_layers: int = 4
    """Transformer layers."""

    num_heads: int = 8
    """Attention heads."""

    norm_order: str = "post"
    """Where the Transformer normalises: `post` or `pre`. Not specified by the paper."""

    position_kernel: int = 128
    """Kernel of the positional convolution (wav2vec 2.0's). Not specified by the paper."""

    position_groups: int = 16
    """Groups of the positional convolution (wav2vec 2.0's). Not specified by the paper."""

    conv_tap_correlation: float = 0.8
    """Correlation in [0, 1] between the initial taps of a kernel, from the second convolution on,
    the same in every mode. Not specified by the paper; 0 is wav2vec 2.0's and data2vec's.

    With independent taps the initial features of a frame follow the phase of the wave, and hardly
    anything about them can be told from their neighbours: masked prediction has no signal to start
    from. Correlated taps average over time, so that the untrained stack is a bank of random
    filters, rectified and smoothed: a rough spectrogram."""

    conv_gradient_scale: float = 0.1
    """Factor on the gradient that reaches the conv stack, the same in every mode. Not specified
    by the paper; wav2vec 2.0 has 0.1, data2vec 1."""

    dropout: float = 0.0
    """Dropout everywhere in the Transformer. Not specified by the paper. Above 0 the results
    depend on the number of processes."""

    def __post_init__(self) -> None:
        for name in ("conv_dim", "model_dim", "ffn_dim", "num_layers", "num_heads"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"`{name}` must be at least 1, but is {getattr(self, name)} instead."
                )
        for divisor in ("num_heads", "position_groups"):
            if self.model_dim % getattr(self, divisor):
                raise ValueError(
                    f"`model_dim` must be divisible by `{divisor}`, but they are {self.model_dim} "
                    f"and {getattr(self, divisor)}."
                )
        if not 0.0 <= self.conv_tap_correlation <= 1.0:
            raise ValueError(
                f"`conv_tap_correlation` must be in [0, 1], but is {self.conv_tap_correlation} "
                "instead."
            )
        if self.norm_order not in ("post", "pre"):
            raise ValueError(
                f"`norm_order` must be 'post' or 'pre', but is {self.norm_order!r} instead."
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"`dropout` must be in [0, 1), but is {self.dropout} instead.")
