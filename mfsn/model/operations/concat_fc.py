"""A layer on text and speech laid side by side."""

import torch.nn.functional as F
from torch import Tensor, nn

from mfsn.model.operations.operation import Operation, linear_of_pair, only_valid


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


CONCAT_FC = Operation(
    name="concat_fc",
    make=lambda dim, ism: ConcatFC(dim),
    formula=lambda x, y, ism: f"LN(ReLU(W [{x}; {y}]))",
)
