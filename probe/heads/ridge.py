"""Ridge regression of all folds, layers, strengths and dimensions at once, in closed form.

Minimises mean_n (y_n - x_n w - b)^2 + strength |w|^2 with a free intercept b, x standardised as
in `probe.heads.rotation`. On the principal axes the normal equations are diagonal.
"""

from torch import Tensor

from probe.heads.rotation import LinearHeads, Rotated, heads_on_features


def fit_ridge(rotated: Rotated, targets_PNC: Tensor, strengths_PK: Tensor) -> LinearHeads:
    """Solves P x K problems with C outputs each.

    Args:
        rotated: The P training sets.
        targets_PNC: (P, N, C) numbers; what stands at padding is ignored.
        strengths_PK: (P, K) penalties, > 0.
    """
    valid = rotated.valid[:, :, None]
    counts = valid.sum(1).double()  # (P, 1)
    targets = targets_PNC.double().masked_fill(~valid, 0.0)
    mean = targets.sum(1) / counts  # (P, C)
    centred = (targets - mean[:, None]).masked_fill(~valid, 0.0)
    moments = rotated.coordinates.mT @ centred / counts[:, None]  # (P, R, C)
    curvature = rotated.variances[:, :, None] + strengths_PK.double()[:, None]  # (P, R, K)
    weight = moments[:, :, None, :] / curvature[..., None]
    bias = mean[:, None, :].expand(-1, strengths_PK.shape[1], -1)
    return heads_on_features(rotated, weight, bias)
