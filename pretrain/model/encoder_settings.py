"""The unified encoder's sizes (paper, Table 3)."""

from dataclasses import asdict
from typing import Annotated, Any

from pretrain.data.frames import (
    CONV_KERNELS,
)
from pretrain.shared.checked_settings import settings, within

MOST_PARAMETERS = 10_000_000_000
"""Of an encoder: 40 GB of weights, several times the largest speech encoder that there is."""

UNSAID_EPSILON = 1e-5
"""`normalize_epsilon` of encoders and runs that do not say it."""


@settings
class EncoderSettings:
    """Sizes of the unified encoder. The defaults are the paper's (Table 3)."""

    conv_dim: Annotated[int, within("[1, 65536]")] = 512
    """Channels of every convolution."""

    model_dim: Annotated[int, within("[1, 65536]")] = 512
    """Width of the Transformer."""

    ffn_dim: Annotated[int, within("[1, 262144]")] = 2048
    """Inner width of the feed-forward networks."""

    num_layers: Annotated[int, within("[1, 1000]")] = 4
    """Transformer layers."""

    num_heads: Annotated[int, within("[1, 1024]")] = 8
    """Attention heads."""

    norm_order: str = "post"
    """Where the Transformer normalises: `post` or `pre`. Not specified by the paper."""

    position_kernel: Annotated[int, within("[1, 8192]")] = 128
    """Kernel of the positional convolution (wav2vec 2.0's). Not specified by the paper."""

    position_groups: Annotated[int, within("[1, 65536]")] = 16
    """Groups of the positional convolution (wav2vec 2.0's). Not specified by the paper."""

    conv_tap_correlation: Annotated[float, within("[0, 1]")] = 0.8
    """Correlation in [0, 1] between the initial taps of a kernel, from the second convolution on,
    the same in every mode. Not specified by the paper; 0 is wav2vec 2.0's and data2vec's.

    With independent taps the initial features of a frame follow the phase of the wave, and hardly
    anything about them can be told from their neighbours: masked prediction has no signal to start
    from. Correlated taps average over time, so that the untrained stack is a bank of random
    filters, rectified and smoothed: a rough spectrogram."""

    conv_gradient_scale: Annotated[float, within("[0, 1000]")] = 0.1
    """Factor on the gradient that reaches the conv stack, the same in every mode. Not specified
    by the paper; wav2vec 2.0 has 0.1, data2vec 1."""

    normalize_epsilon: Annotated[float, within("[1e-12, 1]")] = 1e-7
    """On the variance by which a waveform is normalised before the encoder hears it. Not specified
    by the paper; that of transformers' feature extractors. Where it is not small beside the
    variance, quiet recordings stay quiet."""

    dropout: Annotated[float, within("[0, 1)")] = 0.0
    """Dropout everywhere in the Transformer. Not specified by the paper. Above 0 the results
    depend on the number of processes."""

    def __post_init__(self) -> None:
        for divisor in ("num_heads", "position_groups"):
            if self.model_dim % getattr(self, divisor):
                raise ValueError(
                    f"`model_dim` must be divisible by `{divisor}`, but they are {self.model_dim} "
                    f"and {getattr(self, divisor)}."
                )
        if self.norm_order not in ("post", "pre"):
            raise ValueError(
                f"`norm_order` must be 'post' or 'pre', but is {self.norm_order!r} instead."
            )
        if (num_parameters := self._num_parameters()) > MOST_PARAMETERS:
            raise ValueError(
                f"`num_layers` ({self.num_layers}) Transformer layers of `model_dim` "
                f"({self.model_dim}) and `ffn_dim` ({self.ffn_dim}) behind convolutions of "
                f"`conv_dim` ({self.conv_dim}) must have at most {MOST_PARAMETERS:,} parameters, "
                f"but have some {num_parameters:,} instead."
            )

    def tree(self) -> dict[str, Any]:
        """Returns them as plain values; without the epsilon where it is what unsaid means, so that
        they equal those of runs that do not say it."""
        values = asdict(self)
        if self.normalize_epsilon == UNSAID_EPSILON:
            del values["normalize_epsilon"]
        return values

    def _num_parameters(self) -> int:
        """Returns how many weights there are in all matrices."""
        conv = self.conv_dim * (CONV_KERNELS[0] + self.conv_dim * sum(CONV_KERNELS[1:]))
        position = self.position_kernel * self.model_dim**2 // self.position_groups
        layer = 4 * self.model_dim**2 + 2 * self.model_dim * self.ffn_dim
        return conv + self.conv_dim * self.model_dim + position + self.num_layers * layer
