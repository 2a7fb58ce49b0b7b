"""What an operation of the Fusion Cell is: how speech (y) may adjust text (x).

Shapes: B batch, T frames, D model dim. Every operation maps x and y (B, T, D) with `valid` (B, T)
bool to (B, T, D); what stands at invalid frames changes nothing, and they come out 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One that a Fusion Cell chooses from."""

    name: str
    """In run.json, genotypes, tables and figures; its initial weights are drawn by it."""

    make: Callable[[int, str], nn.Module]
    """Builds it for states of so many dimensions and the setting `fusion.ism`."""

    formula: Callable[[str, str, str], str]
    """What it computes of things called x and y under the setting `fusion.ism`, in a few signs for
    figures."""

    def reversed(self) -> "Operation":
        """Returns the operation with its arguments exchanged, and with weights of its own (paper,
        section 2.2: Attention, ConcatFC and ISM have reverse versions)."""
        return Operation(
            name=f"{self.name}_reverse",
            make=lambda dim, ism: Reverse(self.make(dim, ism)),
            formula=lambda x, y, ism: self.formula(y, x, ism),
        )


class Reverse(nn.Module):
    """An operation with its arguments exchanged."""

    def __init__(self, operation: nn.Module) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        reversed_: Tensor = self.operation(y, x, valid)
        return reversed_


def only_valid(states: Tensor, valid: Tensor) -> Tensor:
    """Returns `states` (B, T, D) with 0 where `valid` (B, T) is False."""
    return states.masked_fill(~valid[:, :, None], 0.0)


def linear_of_pair(linear: nn.Linear, x: Tensor, y: Tensor) -> Tensor:
    """Returns `linear` of [x; y] without laying the two side by side, which takes half as long
    again on a CPU."""
    dim = x.shape[-1]
    of_x, of_y = linear.weight[:, :dim], linear.weight[:, dim:]
    return F.linear(x, of_x, linear.bias) + F.linear(y, of_y)
