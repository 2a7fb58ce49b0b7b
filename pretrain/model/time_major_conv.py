"""The 7-layer conv stack as matrix products in a flat, time-major layout.

Shapes: B batch, S samples, T frames (S / 320), R rows of the flat layout, C channels in,
O channels out, k kernel.

All B utterances lie end to end as one (R, C) matrix, each as long as it is, so that padding costs
nothing. A convolution whose kernel equals its stride
is a reshape and one product; kernel 3 with stride 2 is one product on pairs of frames plus one on
the frames that follow each pair; kernel 10 with stride 5 is one product on pairs of 5-sample
blocks. Nothing is unfolded and LayerNorm needs no transposes. In every layer the last row of an
utterance mixes in the next utterance: no valid row ever reads it (the next layer's valid rows end
before it), so its gradient is 0, and `num_frames_of(S)` is always less than T.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import pad_sequence

from pretrain.data.frames import CONV_KERNELS, CONV_STRIDES, SAMPLES_PER_FRAME


class TimeMajorConv(nn.Module):
    """Seven times [convolution without bias, LayerNorm, GELU] (paper, Table 3).

    Weights keep the shape of `torch.nn.Conv1d`, (O, C, k), so that they export as they are. Under
    autocast the whole stack, norms included, runs in autocast's type.
    """

    weights: nn.ParameterList
    norms: nn.ModuleList

    def __init__(self, conv_dim: int, *, tap_correlation: float = 0.0) -> None:
        """Initial weights are Kaiming-normal; from the second layer on, the taps of a kernel are
        correlated by `tap_correlation` in [0, 1], see `EncoderSettings.conv_tap_correlation`."""
        super().__init__()
        self.weights = nn.ParameterList()
        self.norms = nn.ModuleList()
        num_channels = 1
        for kernel in CONV_KERNELS:
            weight = torch.empty(conv_dim, num_channels, kernel)
            nn.init.kaiming_normal_(weight)
            if num_channels > 1 and tap_correlation > 0.0:
                shared = torch.empty(conv_dim, num_channels, 1)
                nn.init.normal_(shared, std=(2.0 / (num_channels * kernel)) ** 0.5)
                own_share = (1.0 - tap_correlation) ** 0.5
                weight = own_share * weight + tap_correlation**0.5 * shared
            self.weights.append(nn.Parameter(weight))
            self.norms.append(nn.LayerNorm(conv_dim))
            num_channels = conv_dim

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """Returns (B, T, O) of `waveforms` (B, S) with `num_samples` (B,) valid samples.

        T is S / 320 rounded up. Frames from `num_frames_of(num_samples)` on are meaningless.
        Waits for the device to read `num_samples`, before it queues any work.
        """
        device_type = waveforms.device.type
        dtype = waveforms.dtype
        if torch.is_autocast_enabled(device_type):
            dtype = torch.get_autocast_dtype(device_type)
        if surplus := waveforms.shape[1] % SAMPLES_PER_FRAME:
            waveforms = F.pad(waveforms, (0, SAMPLES_PER_FRAME - surplus))
        width = waveforms.shape[1] // SAMPLES_PER_FRAME
        lengths = [-(-count // SAMPLES_PER_FRAME) for count in num_samples.tolist()]
        rows = zip(waveforms.to(dtype), lengths, strict=True)
        x = torch.cat([row[: length * SAMPLES_PER_FRAME] for row, length in rows])[:, None]
        layers = zip(self.weights, self.norms, CONV_KERNELS, CONV_STRIDES, strict=True)
        with torch.autocast(device_type, enabled=False):
            for weight, norm, kernel, stride in layers:
                assert isinstance(norm, nn.LayerNorm)
                x = _convolve(x, weight.to(dtype), kernel, stride)
                # Casting the norm's weights keeps it in one type: CUDA has no mixed LayerNorm.
                scale, shift = norm.weight.to(dtype), norm.bias.to(dtype)
                x = F.gelu(F.layer_norm(x, scale.shape, scale, shift, norm.eps))
        out = pad_sequence(list(torch.split(x, lengths)), batch_first=True)
        return F.pad(out, (0, 0, 0, width - out.shape[1]))


def _convolve(x: Tensor, weight: Tensor, kernel: int, stride: int) -> Tensor:
    """Returns (R / stride, O) of `x` (R, C) and `weight` (O, C, k)."""
    match kernel, stride:
        case 2, 2:
            return x.view(-1, 2 * x.shape[1]) @ _flat(weight)
        case 3, 2:
            pair_weight, next_weight = _flat(weight[:, :, :2]), weight[:, :, 2].t()
            y: Tensor = _Kernel3Stride2.apply(x, pair_weight, next_weight)  # type: ignore[no-untyped-call]
            return y
        case 10, 5:
            assert x.shape[1] == 1, "only the first convolution, with one channel, is this wide"
            blocks = x.view(-1, 5)
            following = F.pad(blocks[1:], (0, 0, 0, 1))
            return torch.cat([blocks, following], dim=1) @ weight.view(-1, 10).t()
        case _:
            raise AssertionError(f"no layout for kernel {kernel} with stride {stride}")


def _flat(weight: Tensor) -> Tensor:
    # (O, C, k) -> (k x C, O)
    return weight.permute(2, 1, 0).reshape(-1, weight.shape[0])


class _Kernel3Stride2(torch.autograd.Function):
    """`y[i] = [x[2i], x[2i + 1]] @ pair_weight + x[2i + 2] @ next_weight`, without `x[R]`.

    A function of its own because autograd would materialise the shifted operand's gradient
    as large as x and add it; here the second product accumulates in place.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pair_weight: Tensor, next_weight: Tensor) -> Tensor:
        num_channels = next_weight.shape[0]
        pairs = x.view(-1, 2 * num_channels)
        y = pairs @ pair_weight
        y[:-1].addmm_(pairs[1:, :num_channels], next_weight)
        ctx.save_for_backward(x, pair_weight, next_weight)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, pair_weight, next_weight = ctx.saved_tensors
        num_channels = next_weight.shape[0]
        pairs = x.view(-1, 2 * num_channels)
        dy = dy.contiguous()
        d_pair_weight = pairs.t() @ dy
        d_next_weight = pairs[1:, :num_channels].t() @ dy[:-1]
        dx = None
        if ctx.needs_input_grad[0]:
            d_pairs = dy @ pair_weight.t()
            d_pairs[1:, :num_channels].addmm_(dy[:-1], next_weight.t())
            dx = d_pairs.view_as(x)
        return dx, d_pair_weight, d_next_weight
