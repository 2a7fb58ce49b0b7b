"""0: the text stream is dropped."""

import torch
from torch import Tensor, nn

from mfsn.model.operations.operation import Operation


class Zero(nn.Module):
    """0. The paper lists it among operations without a reverse; [M], after `none` of BM-NAS."""

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        return torch.zeros_like(x)


ZERO = Operation(name="zero", make=lambda dim, ism: Zero(), formula=lambda x, y, ism: "0")
