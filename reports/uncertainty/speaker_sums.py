"""Metrics as functions of sums over speakers, so that a speaker can be left out or swapped.

Every metric of `probe/metrics.py` follows from a few sums over utterances. Kept per speaker, they
give the metric without a speaker, or with the predictions of another row for a speaker, by one
subtraction; nothing is counted again.

Shapes: S seeds, C speakers, K classes, M sums; leading dimensions `...` are free.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from einops import rearrange

from pretrain.shared.errors import InputError

Array = npt.NDArray[np.float64]
Score = Callable[[Array], Array]
"""From (..., M) sums to (...) values of a metric."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How a metric is computed, and how it may be read."""

    score: Score
    of_classes: bool
    """Whether targets are class names, rather than numbers."""

    low: float
    high: float
    """Range of possible values."""

    lower_is_better: bool = False


def ua(sums: Array) -> Array:
    """Mean recall of the classes that occur as target."""
    target, _, hit = _counts(sums)
    return _mean_ratio(hit, target)


def wa(sums: Array) -> Array:
    """Share of right answers."""
    target, _, hit = _counts(sums)
    accuracy: Array = hit.sum(-1) / target.sum(-1)
    return accuracy


def macro_f1(sums: Array) -> Array:
    """Mean F1 of the classes that occur as target or prediction."""
    target, predicted, hit = _counts(sums)
    return _mean_ratio(2 * hit, target + predicted)


def mse(sums: Array) -> Array:
    """Mean squared error."""
    error: Array = sums[..., 4] / sums[..., 0]
    return error


def ccc(sums: Array) -> Array:
    """Concordance correlation (Lin 1989); 0 where targets or predictions are constant.

    The denominator, var + var + (difference of the means)^2, is MSE + 2 cov.
    """
    number = sums[..., 0]
    double_covariance = 2 * (sums[..., 3] / number - sums[..., 1] * sums[..., 2] / number**2)
    spread = sums[..., 4] / number + double_covariance
    # What rounding leaves of the covariance with a constant is none.
    varies = np.abs(double_covariance) > 1e-12 * spread
    return np.where(varies, double_covariance / np.where(varies, spread, 1.0), 0.0)


def _counts(sums: Array) -> tuple[Array, Array, Array]:
    """Returns (..., K) utterances of each class, predictions of it, and right predictions."""
    target, predicted, hit = rearrange(sums, "... (kind K) -> kind ... K", kind=3)
    return target, predicted, hit


def _mean_ratio(part: Array, whole: Array) -> Array:
    """Averages part / whole over the classes whose whole is not 0; `part` is 0 where it is."""
    present = whole > 0
    mean: Array = (part / np.where(present, whole, 1.0)).sum(-1) / present.sum(-1)
    return mean


METRICS = {
    "ua": Metric(score=ua, of_classes=True, low=0.0, high=1.0),
    "wa": Metric(score=wa, of_classes=True, low=0.0, high=1.0),
    "macro_f1": Metric(score=macro_f1, of_classes=True, low=0.0, high=1.0),
    "mse": Metric(score=mse, of_classes=False, low=0.0, high=np.inf, lower_is_better=True),
    "ccc": Metric(score=ccc, of_classes=False, low=-1.0, high=1.0),
}


def metric_named(name: str) -> Metric:
    """Returns a metric by its name, with or without the dimension: "mse" or "mse_valence".

    Raises:
        ValueError: There is no such metric.
    """
    found = METRICS.get(name) or METRICS.get(name.partition("_")[0])
    if found is None:
        raise InputError(f"`metric` must be one of {', '.join(METRICS)}, but is {name!r} instead.")
    return found


@dataclass(frozen=True, kw_only=True)
class SpeakerSums:
    """What one row's predictions come to, per seed and speaker."""

    values: Array
    """(S, C, M)"""

    num_seeds: int
    """0 for a row without seeds, whose S is 1."""


def speaker_sums(metric: Metric, tables: Sequence[pd.DataFrame]) -> list[SpeakerSums]:
    """Sums up the predictions of rows that were tested on the same speakers.

    :param tables: Columns speaker, target, prediction, and seed for a row that has seeds.
    :raises ValueError: A column is missing or not complete, the seeds of a row were not tested on
        the same utterances, or the rows not on the same speakers.
    """
    for table in tables:
        _check(table)
    speakers = [sorted(set(table["speaker"].astype(str))) for table in tables]
    if any(found != speakers[0] for found in speakers):
        names = sorted(set.symmetric_difference(*map(set, speakers[:2])))
        raise InputError(f"Both rows must have the same speakers, but only one has {names}.")
    if metric.of_classes:
        labels = [table[["target", "prediction"]].astype(str).to_numpy() for table in tables]
        classes = np.unique(np.concatenate([pair.ravel() for pair in labels]))
        features = [_class_features(pair, classes) for pair in labels]
    else:
        numbers = [table[["target", "prediction"]].astype(np.float64) for table in tables]
        # Any one origin gives the same metric; one near the targets loses the least to rounding.
        origin = float(numbers[0]["target"].mean())
        features = [_number_features(pair.to_numpy() - origin) for pair in numbers]
    return [_sums(*pair, speakers[0]) for pair in zip(tables, features, strict=True)]


def has_seeds(table: pd.DataFrame) -> bool:
    """Tells whether a row has seeds; the seed of a row without is missing or not named."""
    return "seed" in table and not bool(table["seed"].isna().all())


def _check(table: pd.DataFrame) -> None:
    for column in ("speaker", "target", "prediction"):
        if column not in table:
            raise InputError(f"A table must have the column `{column}`, but has {list(table)}.")
        if table[column].isna().any():
            raise InputError(f"`{column}` must be known for every utterance, but is missing.")
    if not len(table):
        raise InputError("A table must have at least one prediction, but is empty.")
    if not has_seeds(table):
        return
    keys = [column for column in ("speaker", "id", "target") if column in table]
    frames = [
        frame[keys].astype(str).sort_values(keys).to_numpy() for _, frame in table.groupby("seed")
    ]
    if table["seed"].isna().any() or any(not np.array_equal(frames[0], x) for x in frames[1:]):
        raise InputError(
            "Every seed of a row must be tested on the same utterances, but the seeds "
            f"{sorted(table['seed'].dropna().unique())} are not: run the missing ones."
        )


def _class_features(pair: npt.NDArray[np.str_], classes: npt.NDArray[np.str_]) -> Array:
    target, predicted = pair[:, 0, None] == classes, pair[:, 1, None] == classes
    return np.concatenate([target, predicted, target & predicted], axis=1).astype(np.float64)


def _number_features(pair: Array) -> Array:
    if not np.isfinite(pair).all():
        raise InputError("`target` and `prediction` must be finite, but have other values.")
    target, predicted = pair.T
    ones = np.ones_like(target)
    return np.stack([ones, target, predicted, target * predicted, (target - predicted) ** 2], 1)


def _sums(table: pd.DataFrame, features: Array, speakers: Sequence[str]) -> SpeakerSums:
    seed = pd.factorize(table["seed"])[0] if has_seeds(table) else np.zeros(len(table), dtype=int)
    speaker = np.searchsorted(np.asarray(speakers), table["speaker"].astype(str).to_numpy(str))
    num_seeds = int(seed.max()) + 1
    values = np.zeros((num_seeds, len(speakers), features.shape[1]))
    np.add.at(values, (seed, speaker), features)
    return SpeakerSums(values=values, num_seeds=num_seeds if has_seeds(table) else 0)
