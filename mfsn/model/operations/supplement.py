"""The Information Supplement Module (ISM), in the two variants that could be meant."""

import torch
from torch import Tensor, nn

from mfsn.model.operations.operation import Operation, linear_of_pair, only_valid


class GatedSupplement(nn.Module):
    """ISM as a gated supplement: x + sigmoid(W_g [x; y] + b_g) * (W_v y + b_v).

    [L]: the paper's formula is lost and no published code has it; this form is our own.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * dim, dim)
        self.value = nn.Linear(dim, dim)

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        gate = torch.sigmoid(linear_of_pair(self.gate, x, y))
        return only_valid(torch.addcmul(x, gate, self.value(y)), valid)


class ChannelSupplement(nn.Module):
    """ISM as a channel gate: x + y * sigmoid(conv(mean of y over its valid frames)), the
    convolution over neighbouring channels, width 3, without bias.

    [L]: the module of that name of STIL (deepfake detection), the only one whose code is public.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        num_valid = valid.sum(dim=1, keepdim=True).clamp(min=1)
        mean_BD = only_valid(y, valid).sum(dim=1) / num_valid
        gate_B1D = torch.sigmoid(self.conv(mean_BD[:, None, :]))
        return only_valid(torch.addcmul(x, gate_B1D, y), valid)


def make_supplement(dim: int, ism: str) -> nn.Module:
    """Builds the ISM of variant `ism` for states of `dim` dimensions."""
    return GatedSupplement(dim) if ism == "gated" else ChannelSupplement()


def formula(x: str, y: str, ism: str) -> str:
    """Returns what the variant `ism` computes, in a few signs."""
    if ism == "gated":
        return f"{x} + gate({x}, {y}) \u00b7 V {y}"
    return f"{x} + {y} \u00b7 \u03c3(conv(mean {y}))"


ISM = Operation(name="ism", make=make_supplement, formula=formula)
