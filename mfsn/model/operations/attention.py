"""Attention of every frame of text to all frames of speech."""

import torch
from torch import Tensor, nn

from mfsn.model.operations.operation import Operation, only_valid


class Attention(nn.Module):
    """softmax(x y^T / sqrt(D)) y: x asks, y answers; one head, no projections. [M-H]."""

    def forward(self, x: Tensor, y: Tensor, valid: Tensor) -> Tensor:
        """Returns (B, T, D); frames of y that are not valid get no weight."""
        scores_BTT = torch.bmm(x * x.shape[-1] ** -0.5, y.mT)
        scores_BTT = scores_BTT.masked_fill(~valid[:, None, :], torch.finfo(scores_BTT.dtype).min)
        return only_valid(torch.bmm(scores_BTT.softmax(dim=-1).to(y.dtype), y), valid)


ATTENTION = Operation(
    name="attention",
    make=lambda dim, ism: Attention(),
    formula=lambda x, y, ism: f"softmax({x} {y}^T / \u221aD) {y}",
)
