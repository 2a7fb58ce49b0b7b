"""How well log-mel frames can be read off the states of masked frames, by ridge regression.

Each half of the speakers is predicted by what was fitted on the other half, so that every frame is
predicted once, by somebody else's. The same for all objectives. Not specified by the paper.

Shapes: N frames, C channels of a state, D bands, k centroids.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PENALTY = 1e-3
"""Of ridge regression on standardised states, per frame. Not specified by the paper."""


@dataclass(frozen=True, kw_only=True)
class ReadOff:
    """What was read off each frame."""

    errors: Floats
    """(N,) squared error, sum over bands."""

    powers: Floats
    """(N,) squared distance from the corpus' mean: the error of one answer for all frames."""

    hits: npt.NDArray[np.bool_]
    """(N,) whether the centroid nearest to the prediction is the frame's own."""


def read_off(
    states: Floats, frames: Floats, centroids: Floats, halves: npt.NDArray[np.bool_]
) -> ReadOff:
    """Predicts frames from states.

    Args:
        states: (N, C) of masked frames.
        frames: (N, D) what was masked, standardised over the corpus.
        centroids: (k, D) of the corpus.
        halves: (N,) in which half the speaker of each frame is. Both must occur.
    """
    predicted = np.empty_like(frames)
    for test in (halves, ~halves):
        predicted[test] = _ridge(states[~test], frames[~test], states[test])
    return ReadOff(
        errors=np.square(frames - predicted).sum(1),
        powers=np.square(frames).sum(1),
        hits=_nearest(predicted, centroids) == _nearest(frames, centroids),
    )


def _ridge(states: Floats, frames: Floats, wanted: Floats) -> Floats:
    mean, std = states.mean(0), states.std(0).clip(min=1e-6)
    x, y_mean = (states - mean) / std, frames.mean(0)
    gram = x.T @ x / len(x) + PENALTY * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (frames - y_mean) / len(x))
    predicted: Floats = (wanted - mean) / std @ weights + y_mean
    return predicted


def _nearest(frames: Floats, centroids: Floats) -> npt.NDArray[np.intp]:
    distances = np.square(centroids).sum(1) - 2 * frames @ centroids.T
    return np.asarray(distances.argmin(1), dtype=np.intp)
