"""Training features of every (fold, layer), standardised and turned to their principal axes.

An L2 penalty does not notice a rotation, and weights outside the span of the training features
are always 0: so heads solved on the principal axes are exactly the heads on the features. There
the Gram matrix is diagonal, which gives ridge regression in closed form for all strengths and
logistic regression a good preconditioner; and with fewer utterances than channels the problem
shrinks. N < D is solved through the (n, n) Gram matrix, N >= D through the (D, D) one.

Shapes: P problems, one per (fold, layer); N most utterances of a problem; D channels; R most axes;
K strengths; C outputs (classes or dimensions).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import torch
from einops import rearrange
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """P training sets on their principal axes, float64, zero-padded to N rows and R axes."""

    coordinates: Tensor
    """(P, N, R) centred and mutually orthogonal columns."""

    variances: Tensor
    """(P, R) mean square of each column."""

    valid: Tensor
    """(P, N) bool, False at padding."""

    basis: Tensor
    """(P, D, R): `basis @ weights` turns weights on the axes into weights on the features."""

    mean: Tensor
    """(P, D) mean of the features of the training set."""


@dataclass(frozen=True, kw_only=True)
class LinearHeads:
    """P x K linear heads on the features as they are."""

    weight: Tensor
    """(P, D, K, C)"""

    bias: Tensor
    """(P, K, C)"""

    def __call__(self, problem: int, features: Tensor) -> Tensor:
        """Returns the outputs of all strengths of one problem: (n, D) -> (n, K, C)."""
        return (
            torch.einsum("nd,dkc->nkc", features.double(), self.weight[problem])
            + (self.bias[problem])
        )


def rotate(training_sets: Sequence[Tensor]) -> Rotated:
    """Standardises and rotates P training sets, each (n_p, D), n_p >= 1.

    Channels get zero mean and variance 1/D, so that an utterance has a squared length of about 1
    and a strength means the same for every D. A channel that is constant in training is ignored.
    """
    parts = [_rotate_one(features.double()) for features in training_sets]
    num_rows = max(len(coordinates) for coordinates, *_ in parts)
    num_axes = max(coordinates.shape[1] for coordinates, *_ in parts)
    num_channels = training_sets[0].shape[1]
    coordinates_PNR = torch.zeros(len(parts), num_rows, num_axes, dtype=torch.float64)
    basis_PDR = torch.zeros(len(parts), num_channels, num_axes, dtype=torch.float64)
    variances_PR = torch.zeros(len(parts), num_axes, dtype=torch.float64)
    valid_PN = torch.zeros(len(parts), num_rows, dtype=torch.bool)
    for problem, (coordinates, variances, basis, _) in enumerate(parts):
        rows, axes = coordinates.shape
        coordinates_PNR[problem, :rows, :axes] = coordinates
        basis_PDR[problem, :, :axes] = basis
        variances_PR[problem, :axes] = variances
        valid_PN[problem, :rows] = True
    return Rotated(
        coordinates=coordinates_PNR,
        variances=variances_PR,
        valid=valid_PN,
        basis=basis_PDR,
        mean=torch.stack([mean for *_, mean in parts]),
    )


def standardisation(features_ND: Tensor) -> tuple[Tensor, Tensor]:
    """Returns mean (D,) and scale (D,) by which float64 training features get zero mean and
    variance 1/D; the scale of a channel that is constant in training is 0."""
    mean = features_ND.mean(0)
    deviation = (features_ND - mean).square().mean(0).sqrt()
    # What float32 leaves of a constant channel must not be blown up to unit variance.
    constant = deviation <= 1e-7 * mean.abs() + 1e-12
    scale = torch.where(constant, 0.0, 1.0 / deviation.masked_fill(constant, 1.0))
    return mean, scale / sqrt(features_ND.shape[1])


def _rotate_one(features_ND: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns coordinates (n, R), variances (R,), basis (D, R) and mean (D,)."""
    num_rows, num_channels = features_ND.shape
    mean, scale = standardisation(features_ND)
    standard = (features_ND - mean) * scale
    dual = num_rows < num_channels
    gram = standard @ standard.T if dual else standard.T @ standard
    eigenvalues, vectors = torch.linalg.eigh(gram)
    kept = eigenvalues > eigenvalues[-1].clamp(min=1e-30) * max(gram.shape) * 1e-15
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    if dual:
        coordinates = vectors * eigenvalues.sqrt()
        directions = standard.T @ (vectors / eigenvalues.sqrt())
    else:
        coordinates, directions = standard @ vectors, vectors
    return coordinates, eigenvalues / num_rows, directions * scale[:, None], mean


def heads_on_features(rotated: Rotated, weight_PRKC: Tensor, bias_PKC: Tensor) -> LinearHeads:
    """Returns the heads on the features of those on the axes (with centred inputs)."""
    num_strengths = weight_PRKC.shape[2]
    weight = rearrange(
        rotated.basis @ weight_PRKC.flatten(2), "p d (k c) -> p d k c", k=num_strengths
    )
    return LinearHeads(
        weight=weight, bias=bias_PKC - torch.einsum("pd,pdkc->pkc", rotated.mean, weight)
    )
