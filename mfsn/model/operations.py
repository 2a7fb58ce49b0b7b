"""The eight operations a Fusion Cell chooses from: how speech (y) may adjust text (x).

The paper's five formulas are partly lost in its text (its section 2.2), so each class says how sure
its formula is: [M-H] strong, [M] medium, [L] a guess, as in the facts of the reference code.

Shapes: B batch, T frames, D model dim. Every operation maps x and y (B, T, D) with `valid` (B, T)
bool to (B, T, D); what stands at invalid frames changes nothing, and they come out 0.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SUPPLEMENTS = ("gated", "channel")
"""The variants of the Information Supplement Module (ISM)."""


class Zero(nn.Module):
    """0: the text stream is dropped. The paper lists it among operations without a reverse; [M],
    after `none` of BM-NAS."""

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        return torch.zeros_like(x)


class Sum(nn.Module):
    """x + y. [M-H], after `Sum` of BM-NAS."""

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        return only_valid(x + y, valid)


class Attention(nn.Module):
    """softmax(x y^T / sqrt(D)) y: x asks, y answers; one head, no projections. [M-H]."""

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D); frames of y that are not valid get no weight."""
        scores_BTT = torch.bmm(x * x.shape[-1] ** -0.5, y.mT)
        scores_BTT = scores_BTT.masked_fill(~valid[:, None, :], torch.finfo(scores_BTT.dtype).min)
        return only_valid(torch.bmm(scores_BTT.softmax(dim=-1).to(y.dtype), y), valid)


class ConcatFC(nn.Module):
    """LayerNorm(ReLU([x; y] W + b)) with W (2D, D). [M-H], after `ConcatFC` of BM-NAS; LayerNorm
    in place of its BatchNorm, which would mix segments and padding."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        joined: Tensor = self.norm(F.relu(linear_of_pair(self.linear, x, y)))
        return only_valid(joined, valid)


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


class Reverse(nn.Module):
    """An operation with its arguments exchanged, and with weights of its own (paper, section 2.2:
    Attention, ConcatFC and ISM have reverse versions)."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        reversed_: Tensor = self.operation(y, x, valid)
        return reversed_


def supplement(ism: str, dim: int) -> nn.Module:
    """Builds the ISM of variant `ism`, one of `SUPPLEMENTS`, for states of `dim` dimensions."""
    assert ism in SUPPLEMENTS, ism
    return GatedSupplement(dim) if ism == "gated" else ChannelSupplement()


_MAKERS: dict[str, Callable[[int, str], nn.Module]] = {
    "zero": lambda dim, ism: Zero(),
    "sum": lambda dim, ism: Sum(),
    "attention": lambda dim, ism: Attention(),
    "attention_reverse": lambda dim, ism: Reverse(Attention()),
    "concat_fc": lambda dim, ism: ConcatFC(dim),
    "concat_fc_reverse": lambda dim, ism: Reverse(ConcatFC(dim)),
    "ism": lambda dim, ism: supplement(ism, dim),
    "ism_reverse": lambda dim, ism: Reverse(supplement(ism, dim)),
}

OPERATIONS: tuple[str, ...] = tuple(_MAKERS)
"""Their names, in the order of alpha."""


def make_operation(name: str, dim: int, ism: str) -> nn.Module:
    """Builds the operation `name` for states of `dim` dimensions with the ISM variant `ism`."""
    return _MAKERS[name](dim, ism)


def only_valid(states: Tensor, valid: Tensor) -> Tensor:
    """Returns `states` (B, T, D) with 0 where `valid` (B, T) is False."""
    return states.masked_fill(~valid[:, :, None], 0.0)


def linear_of_pair(linear: nn.Linear, x: Tensor, y: Tensor) -> Tensor:
    """Returns `linear` of [x; y] without laying the two side by side, which takes half as long
    again on a CPU."""
    dim = x.shape[-1]
    of_x, of_y = linear.weight[:, :dim], linear.weight[:, dim:]
    return F.linear(x, of_x, linear.bias) + F.linear(y, of_y)
