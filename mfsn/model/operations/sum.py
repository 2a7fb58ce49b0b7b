"""x + y."""

from torch import Tensor, nn

from mfsn.model.operations.operation import Operation, only_valid


class Sum(nn.Module):
    """x + y. [M-H], after `Sum` of BM-NAS."""

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D)."""
        return only_valid(x + y, valid)


SUM = Operation(name="sum", make=lambda dim, ism: Sum(), formula=lambda x, y, ism: f"{x} + {y}")
