"""How well log-mel frames can be read off the states of masked frames, by ridge regression.

Each half of the speakers is predicted by what was fitted on the other half, whose own halves chose
the penalty: every frame is predicted once, from other speakers' frames. The same for all
objectives. Not specified by the paper.

Shapes: N frames, C channels of a state, D bands, k centroids.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PENALTIES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
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
    states: Floats, frames: Floats, centroids: Floats, speakers: npt.NDArray[np.intp]
) -> ReadOff:
    """Predicts frames from states.

    Args:
        states: (N, C) of masked frames.
        frames: (N, D) what was masked, standardised over the corpus.
        centroids: (k, D) of the corpus.
        speakers: (N,) numbers of the speakers, from 0; at least 4 of them.
    """
    predicted = np.empty_like(frames)
    for half in (0, 1):
        test = speakers % 2 == half
        fitted = (states[~test], frames[~test])
        penalty = _best_penalty(*fitted, speakers[~test] // 2 % 2 == 0)
        predicted[test] = _ridge(*fitted, states[test], penalty)
    return ReadOff(
        errors=np.square(frames - predicted).sum(1),
        powers=np.square(frames).sum(1),
        hits=_nearest(predicted, centroids) == _nearest(frames, centroids),
    )


def _best_penalty(states: Floats, frames: Floats, inner: npt.NDArray[np.bool_]) -> float:
    """Returns the penalty with which two halves of the speakers predict each other best."""

    def error(penalty: float) -> float:
        return sum(
            float(np.square(frames[t] - _ridge(states[~t], frames[~t], states[t], penalty)).sum())
            for t in (inner, ~inner)
        )

    return min(PENALTIES, key=error)


def _ridge(states: Floats, frames: Floats, wanted: Floats, penalty: float) -> Floats:
    mean, std = states.mean(0), states.std(0).clip(min=1e-6)
    x, y_mean = (states - mean) / std, frames.mean(0)
    gram = x.T @ x / len(x) + penalty * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (frames - y_mean) / len(x))
    predicted: Floats = (wanted - mean) / std @ weights + y_mean
    return predicted


def _nearest(frames: Floats, centroids: Floats) -> npt.NDArray[np.intp]:
    distances = np.square(centroids).sum(1) - 2 * frames @ centroids.T
    return np.asarray(distances.argmin(1), dtype=np.intp)
