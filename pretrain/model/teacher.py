"""The continuous mode's teacher: a moving average of the context network (data2vec, section 3).

Shapes: B batch, T frames, D model dim.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn

from pretrain.model.context import ContextNetwork, ContextOutput


class Teacher(nn.Module):
    """An exponential moving average (EMA) of a context network: fp32, always in eval mode, in the
    state dict, never trained. The conv stack and the projection are the student's own."""

    def __init__(self, student: ContextNetwork) -> None:
        super().__init__()
        self.network = deepcopy(student).requires_grad_(False).float().eval()

    @torch.no_grad()
    def forward(self, x: Tensor, valid: Tensor, *, return_ffn: bool) -> ContextOutput:
        """Runs on unmasked frames `x` (B, T, D), of which `valid` (B, T) are real."""
        output: ContextOutput = self.network(x.detach(), valid, return_ffn=return_ffn)
        return output

    @torch.no_grad()
    def follow(self, student: ContextNetwork, decay: float) -> None:
        """Moves every weight: teacher = decay x teacher + (1 - decay) x student."""
        ours: list[Tensor] = list(self.network.parameters())
        theirs: list[Tensor] = list(student.parameters())
        torch._foreach_lerp_(ours, theirs, 1.0 - decay)

    def train(self, mode: bool = True) -> "Teacher":
        """Stays in eval mode: the targets must not depend on dropout."""
        super().train(False)
        return self
