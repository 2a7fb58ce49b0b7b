"""What is asked at a masked frame, and what the answer costs. One class for each kind of question.

The head of V, C, I and P is the same linear map f from the state to the target space, with the same
initial weights: what differs is the target, or the loss.

Shapes: B batch, M masked frames, D values of a frame, C channels of a state, k centroids.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.objectives.frames.codebook import Codebook


@dataclass(frozen=True, kw_only=True)
class Target:
    """Masked frames in the target space."""

    values: Tensor
    """(B, M, D) standardised."""

    counted: Tensor
    """(B, M, D) or (B, M, 1) bool, which values are asked for."""

    codes: Tensor | None = None
    """(B, M) int64 index of the centroid that is asked for."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a head says of the masked frames, and what that costs."""

    loss: Tensor
    """(B, M) with graph, float32."""

    predictions: Tensor
    """(B, M, D) in the target space, or (B, M, k) logits."""

    chosen: Tensor | None = None
    """(B, M) the likeliest code."""


class Regression(nn.Module):
    """Squared error of f to the frame or its centroid, mean over the values that count."""

    def __init__(self, predict: nn.Linear, variances: Tensor) -> None:
        """`variances` (D,) are those of the target over the corpus, times how often each value
        counts: the loss of the mean."""
        super().__init__()
        self.predict = predict
        self.uninformed = float(variances.mean())

    def forward(self, states: Tensor, target: Target) -> Answers:
        f = self.predict(states).float()
        errors = torch.where(target.counted, (f - target.values).square(), 0.0)
        return Answers(loss=errors.mean(dim=-1), predictions=f)


class CentroidRegression(Regression):
    """Squared error of f to the frame (V), or to its centroid (C); f's own nearest centroid is what
    it takes the frame for."""

    def __init__(self, predict: nn.Linear, codebook: Codebook, *, to_frame: bool) -> None:
        wanted = torch.ones(len(codebook.mean)) if to_frame else codebook.centroid_variances()
        super().__init__(predict, wanted)
        self.to_frame = to_frame
        self.register_buffer("centroids", codebook.centroids)
        self.centroids: Tensor

    def forward(self, states: Tensor, target: Target) -> Answers:
        assert target.codes is not None
        if not self.to_frame:
            target = replace(target, values=self.centroids[target.codes])
        answers = super().forward(states, target)
        nearest = squared_distances(answers.predictions.detach(), self.centroids).argmin(dim=-1)
        return replace(answers, chosen=nearest)


class DistanceClassification(nn.Module):
    """Cross entropy of the index, logits -|f - c_j|^2 / tau over fixed centroids."""

    def __init__(self, predict: nn.Linear, codebook: Codebook, tau: float) -> None:
        super().__init__()
        self.predict = predict
        self.tau = tau
        self.register_buffer("centroids", codebook.centroids)
        self.centroids: Tensor
        self.uninformed = codebook.entropy()

    def forward(self, states: Tensor, target: Target) -> Answers:
        f = self.predict(states).float()
        logits = -squared_distances(f, self.centroids) / self.tau
        return _classified(logits, target)


class PosteriorMatch(DistanceClassification):
    """Divergence from the softmax over the frame's own distances: cross entropy less its floor."""

    def __init__(
        self, predict: nn.Linear, codebook: Codebook, tau: float, own_tau: float, uninformed: float
    ) -> None:
        super().__init__(predict, codebook, tau)
        self.own_tau = own_tau
        self.uninformed = uninformed

    def forward(self, states: Tensor, target: Target) -> Answers:
        f = self.predict(states).float()
        logits = -squared_distances(f, self.centroids) / self.tau
        wanted = posterior(target.values, self.centroids, self.own_tau)
        loss = F.kl_div(logits.log_softmax(dim=-1), wanted, reduction="none").sum(dim=-1)
        return Answers(loss=loss, predictions=logits, chosen=logits.detach().argmax(dim=-1))


class CosineClassification(nn.Module):
    """HuBERT's head: cross entropy of the index, cosines with learned embeddings."""

    def __init__(
        self, project: nn.Linear, embeddings: nn.Parameter, temperature: float, uninformed: float
    ) -> None:
        super().__init__()
        self.project = project
        self.embeddings = embeddings
        """(k, C') learned."""
        self.temperature = temperature
        self.uninformed = uninformed

    def forward(self, states: Tensor, target: Target) -> Answers:
        projected = F.normalize(self.project(states).float(), dim=-1)
        logits = projected @ F.normalize(self.embeddings.float(), dim=-1).T / self.temperature
        return _classified(logits, target)


FrameHead = Regression | DistanceClassification | CosineClassification


def squared_distances(x: Tensor, centroids: Tensor) -> Tensor:
    """(..., D), (k, D) -> (..., k), in float32 also where autocast is on."""
    with torch.autocast(x.device.type, enabled=False):
        x, centroids = x.float(), centroids.float()
        cross = x @ centroids.T
        return x.square().sum(-1, keepdim=True) - 2 * cross + centroids.square().sum(-1)


def posterior(values: Tensor, centroids: Tensor, tau: float) -> Tensor:
    """(..., D), (k, D) -> (..., k) softmax of -|x - c_j|^2 / tau."""
    return (-squared_distances(values, centroids) / tau).softmax(dim=-1)


def _classified(logits: Tensor, target: Target) -> Answers:
    assert target.codes is not None
    loss = F.cross_entropy(logits.transpose(1, 2), target.codes, reduction="none")
    return Answers(loss=loss, predictions=logits, chosen=logits.detach().argmax(dim=-1))
