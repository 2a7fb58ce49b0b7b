"""Scores of pooled predictions: pure functions of two arrays, numpy only.

Every score is computed once over the predictions of all test folds together, never per batch or
fold and then averaged, so it depends on neither batch size nor fold sizes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pretrain.shared.concordance import concordance
from pretrain.shared.errors import InputError

DIMENSIONS = ("valence", "arousal", "dominance")
"""Tasks with a number as label; `emotion` is the task with a class as label."""

ATTRIBUTES = ("speaker", "gender")
"""Tasks that are not emotion: what else a layer knows. Never part of a table's headline."""


def _numbers(
    target: ArrayLike, prediction: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pair = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    _check(*pair)
    for name, values in zip(("target", "prediction"), pair, strict=True):
        if not np.isfinite(values).all():
            raise InputError(f"`{name}` must be finite, but has NaN or infinite values.")
    return pair


def _labels(target: ArrayLike, prediction: ArrayLike) -> tuple[NDArray[np.str_], ...]:
    pair = np.asarray(target, dtype=np.str_), np.asarray(prediction, dtype=np.str_)
    _check(*pair)
    return pair


def _check(target: NDArray[np.generic], prediction: NDArray[np.generic]) -> None:
    if target.ndim != 1 or target.shape != prediction.shape:
        raise InputError(
            "`target` and `prediction` must be flat and of the same length, but have the shapes "
            f"{target.shape} and {prediction.shape} instead."
        )
    if not len(target):
        raise InputError("`target` must have at least one value, but is empty.")


def mse(target: ArrayLike, prediction: ArrayLike) -> float:
    """Returns the mean squared error of (N,) numbers, in squared units of the scale."""
    targets, predictions = _numbers(target, prediction)
    return float(np.mean((targets - predictions) ** 2))


def ccc(target: ArrayLike, prediction: ArrayLike) -> float:
    """Returns the concordance correlation coefficient of (N,) numbers, in [-1, 1].

    Constant predictions (or targets) agree with nothing: 0.
    """
    return concordance(*_numbers(target, prediction))


def wa(target: ArrayLike, prediction: ArrayLike) -> float:
    """Returns the weighted accuracy (the share of right answers) of (N,) labels, in [0, 1]."""
    targets, predictions = _labels(target, prediction)
    return float(np.mean(targets == predictions))


def ua(target: ArrayLike, prediction: ArrayLike) -> float:
    """Returns the unweighted accuracy of (N,) labels, in [0, 1].

    It is the mean over the classes that occur in `target` of their recall; a class never
    predicted counts with recall 0.
    """
    targets, predictions = _labels(target, prediction)
    recalls = [np.mean(predictions[targets == label] == label) for label in np.unique(targets)]
    return float(np.mean(recalls))


def macro_f1(target: ArrayLike, prediction: ArrayLike) -> float:
    """Returns the mean F1 of (N,) labels over the classes in target or prediction, in [0, 1].

    A class that is never predicted, or predicted but never right, has F1 = 0.
    """
    targets, predictions = _labels(target, prediction)
    scores = []
    for label in np.union1d(targets, predictions):
        hits = np.sum((targets == label) & (predictions == label))
        scores.append(2 * hits / (np.sum(targets == label) + np.sum(predictions == label)))
    return float(np.mean(scores))


def confusion(target: ArrayLike, prediction: ArrayLike, classes: ArrayLike) -> NDArray[np.int64]:
    """Returns (C, C) counts, a row per class of the target and a column per predicted class.

    Raises:
        ValueError: A label is not in `classes`.
    """
    targets, predictions = _labels(target, prediction)
    place = {str(label): index for index, label in enumerate(np.asarray(classes))}
    if unknown := sorted({*map(str, targets), *map(str, predictions)} - set(place)):
        raise InputError(f"`classes` must hold every label, but {unknown} are missing.")
    counts = np.zeros((len(place), len(place)), dtype=np.int64)
    np.add.at(counts, ([place[str(t)] for t in targets], [place[str(p)] for p in predictions]), 1)
    return counts


def score_task(task: str, target: ArrayLike, prediction: ArrayLike) -> dict[str, float]:
    """Returns every metric of `task` by name; those of attributes carry its name."""
    if task == "emotion":
        scores = {"ua": ua, "wa": wa, "macro_f1": macro_f1}
    elif task in DIMENSIONS:
        scores = {f"mse_{task}": mse, f"ccc_{task}": ccc}
    elif task in ATTRIBUTES:
        scores = {f"{task}_ua": ua, f"{task}_wa": wa}
    else:
        known = ", ".join(("emotion", *DIMENSIONS, *ATTRIBUTES))
        raise InputError(f"`task` must be one of {known}, but is {task!r} instead.")
    return {name: score(target, prediction) for name, score in scores.items()}
