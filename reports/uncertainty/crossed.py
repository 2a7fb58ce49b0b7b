"""How far a mean over speakers and seeds may be off, when every seed meets every speaker.

Shapes: S seeds, C speakers, M sums; leading dimensions `...` are free.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.uncertainty.speaker_sums import Array, Score

SEEDS_EXPONENT = 1 / 3
"""Chosen by simulation (`tests/reports/uncertainty/test_coverage.py`): with 1 the interval of a
paired difference of UA with three seeds covers .924 at 24 speakers, with 1/3 .933, and with 0,
which is a step from no uncertainty of seeds to all of it, .940."""


def influence_values(sums: Array, score: Score) -> tuple[Array, Array]:
    """Returns what each speaker contributes to a metric (jackknife pseudo-values).

    C x metric - (C - 1) x metric without the speaker: the speaker's own value when the metric is a
    mean over speakers of equal size, and its linear part otherwise. Leaving a speaker out covers
    slightly better than the derivative at few speakers (UA, 4 speakers, one seed: .946 for .943).

    :param sums: (..., C, M), C at least 2.
    :returns: (...) the metric, and (..., C) the influence values.
    """
    num_speakers = sums.shape[-2]
    total = sums.sum(-2)
    metric = score(total)
    without = score(total[..., None, :] - sums)
    return metric, num_speakers * metric[..., None] - (num_speakers - 1) * without


@dataclass(frozen=True, kw_only=True)
class MeanSquares:
    """Analysis of variance of (..., S, C) values, one per cell; each field is (...)."""

    speakers: Array
    seeds: Array
    """0 with one seed."""

    residual: Array
    """0 with one seed: it is in `speakers`."""

    num_seeds: int
    num_speakers: int


def mean_squares(values: Array) -> MeanSquares:
    """Splits (..., S, C) values, C at least 2, by speakers, seeds and the rest."""
    num_seeds, num_speakers = values.shape[-2:]
    grand = values.mean((-2, -1), keepdims=True)
    of_speaker = values.mean(-2, keepdims=True) - grand
    of_seed = values.mean(-1, keepdims=True) - grand
    rest = values - grand - of_speaker - of_seed
    seed_freedom = max(num_seeds - 1, 1)
    return MeanSquares(
        speakers=num_seeds * (of_speaker**2).sum((-2, -1)) / (num_speakers - 1),
        seeds=num_speakers * (of_seed**2).sum((-2, -1)) / seed_freedom,
        residual=(rest**2).sum((-2, -1)) / (seed_freedom * (num_speakers - 1)),
        num_seeds=num_seeds,
        num_speakers=num_speakers,
    )


def standard_error(values: Array) -> tuple[Array, Array]:
    """Returns the standard error of the mean of (..., S, C) values, and its degrees of freedom.

    Other speakers and other seeds would have come out otherwise, so both count: its square is
    (MS speakers + MS seeds - MS residual) / (S C), the last two only where they add something.
    The degrees of freedom are Satterthwaite's, with what the seeds make uncertain in them by the
    weight (1 - MS residual / MS seeds) ^ `SEEDS_EXPONENT`: 0 where seeds add nothing, near 1 where
    they add much, and nowhere a step between. They are no fewer than the scarcer factor has
    alone, which the subtraction can fall below, and no more than speakers have alone. So an
    interval is never narrower than that of the speakers' means over seeds with C - 1 degrees
    of freedom, and is that one where seeds add nothing, as with one seed.
    """
    squares = mean_squares(values)
    num_seeds, num_speakers = squares.num_seeds, squares.num_speakers
    added = np.maximum(squares.seeds - squares.residual, 0.0)
    variance = squares.speakers + added
    share = added / np.maximum(squares.seeds, np.finfo(np.float64).tiny)
    of_added = squares.seeds**2 + squares.residual**2 / (num_speakers - 1)
    uncertainty = squares.speakers**2 / (num_speakers - 1)
    uncertainty = uncertainty + share**SEEDS_EXPONENT * of_added / max(num_seeds - 1, 1)
    known = uncertainty > 0
    freedom = np.where(known, variance**2 / np.where(known, uncertainty, 1.0), num_speakers - 1.0)
    fewest = min(num_seeds, num_speakers) - 1 if num_seeds > 1 else num_speakers - 1
    error = np.sqrt(variance / (num_seeds * num_speakers))
    return error, np.clip(freedom, fewest, num_speakers - 1)


def half_width(values: Array, level: float) -> Array:
    """Returns the (...) half width of the t interval for the mean of (..., S, C) values."""
    error, freedom = standard_error(values)
    width: Array = stats.t.ppf((1 + level) / 2, freedom) * error
    return width


def t_p_value(difference: Array, values: Array) -> Array:
    """Returns the (...) two-sided p of the t interval that just touches 0."""
    error, freedom = standard_error(values)
    known = error > 0
    ratio = np.abs(difference) / np.where(known, error, 1.0)
    p_value = 2 * stats.t.sf(ratio, freedom)
    certain = np.where(np.abs(difference) > 0, 0.0, 1.0)
    return np.where(known, p_value, certain)
