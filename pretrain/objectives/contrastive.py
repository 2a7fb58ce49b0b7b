"""Losses that tell a masked frame's code from negatives: binary cross entropy and InfoNCE.

Shapes: B batch, M masked frames, K negatives per frame, D dim of predictions and targets.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pretrain.model.negatives import Negatives


def contrastive_logits(
    predictions: Tensor, targets: Tensor, negatives: Negatives, temperature: float
) -> tuple[Tensor, Tensor]:
    """Returns cosine / `temperature` to a frame's own target (B, M) and to its negatives'
    (B, M, K), minus infinity where a negative is not usable. In fp32 also under autocast.

    All pairs of an utterance are compared and then picked from: cheaper than gathering a target
    vector for every negative.
    """
    with torch.autocast(predictions.device.type, enabled=False):
        predictions = F.normalize(predictions.float(), dim=-1)
        targets = F.normalize(targets.float(), dim=-1)
        similarity = predictions @ targets.transpose(1, 2) / temperature  # (B, M, M)
    positive = similarity.diagonal(dim1=1, dim2=2)
    negative = similarity.gather(2, negatives.index)
    return positive, negative.masked_fill(~negatives.usable, -torch.inf)


def bce_per_frame(positive: Tensor, negative: Tensor, contributes: Tensor) -> Tensor:
    """Returns (B, M) softplus(-positive) + the sum of softplus(negative); the paper's "BCE loss".

    Frames that do not `contribute` (B, M) get 0. An unusable negative adds nothing.
    """
    usable = negative > -torch.inf
    # softplus of a finite stand-in: the gradient at minus infinity is not to be relied on.
    against = torch.where(usable, F.softplus(negative.masked_fill(~usable, 0.0)), 0.0)
    return torch.where(contributes, F.softplus(-positive) + against.sum(dim=-1), 0.0)


def infonce_per_frame(positive: Tensor, negative: Tensor, contributes: Tensor) -> Tensor:
    """Returns (B, M) cross entropy of the positive among all candidates (wav2vec 2.0, eq. 3).

    Frames that do not `contribute` (B, M) get 0.
    """
    logits = torch.cat([positive[:, :, None], negative], dim=-1)
    return torch.where(contributes, logits.logsumexp(dim=-1) - positive, 0.0)


def uninformed_bce(num_negatives: int) -> float:
    """Returns the least `bce_per_frame` of a model that gives every candidate the same logit."""
    return math.log(num_negatives + 1) + num_negatives * math.log1p(1 / num_negatives)


def uninformed_infonce(num_negatives: int) -> float:
    """Returns the `infonce_per_frame` of a model that gives every candidate the same logit."""
    return math.log(num_negatives + 1)
