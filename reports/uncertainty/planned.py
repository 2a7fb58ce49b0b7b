"""Planned comparisons of rows on several corpora together: intervals, Holm, and equivalence.

Every question is a weighted sum of rows' UA: a difference has the weights 1 and -1, a slope over x
those of least squares. The corpora count by their numbers of speakers, so that a question's value
is the mean over all speakers of their influence values, which are crossed with seeds as everywhere
(`crossed.py`).

Shapes: S seeds, C speakers of all corpora.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from reports.uncertainty.crossed import MeanSquares, mean_squares, standard_error, t_p_value
from reports.uncertainty.intervals import holm
from reports.uncertainty.speaker_sums import Array

DIFFERS = "differs"
EQUAL = "equal"
UNDECIDED = "undecided"
NOT_LEARNED = "not learned"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came out of one question; in the unit of its value (UA as a fraction, or a slope)."""

    name: str
    value: float
    low: float
    high: float
    """95 % interval over speakers and seeds."""

    p_value: float
    adjusted_p: float
    """After Holm over all questions of the study that can be asked."""

    margin: float
    """Smallest margin at which two one-sided tests hold at 5 %."""

    verdict: str
    """`DIFFERS`, `EQUAL`, `UNDECIDED` or `NOT_LEARNED`."""

    num_seeds: int
    num_speakers: int
    squares: MeanSquares
    """Why the value varies."""

    not_learned: tuple[str, ...] = ()
    """Rows of which nothing is said."""


def slope_weights(x: Mapping[str, float]) -> dict[str, float]:
    """Returns the weights of the rows' values in the least-squares slope over `x`."""
    mean = float(np.mean(list(x.values())))
    power = sum((value - mean) ** 2 for value in x.values())
    return {name: (value - mean) / power for name, value in x.items()}


def finding(
    name: str, weights: Mapping[str, float], values: Mapping[str, Array], alpha: float = 0.05
) -> Finding:
    """Asks one question; `decide` judges several together.

    Args:
        name: Of the question.
        weights: By row.
        values: (S, C) influence values of every row, same seeds and speakers.
        alpha: 1 - the level of the interval.
    """
    combined = sum((weight * values[row] for row, weight in weights.items()), np.zeros(()))
    value = float(combined.mean())
    error, freedom = (float(x) for x in standard_error(combined))
    width = float(stats.t.ppf(1 - alpha / 2, freedom)) * error
    margin = abs(value) + float(stats.t.ppf(0.95, freedom)) * error
    p_value = float(t_p_value(np.asarray(value), combined))
    return Finding(
        name=name,
        value=value,
        low=value - width,
        high=value + width,
        p_value=p_value,
        adjusted_p=p_value,
        margin=margin,
        verdict="",
        num_seeds=combined.shape[0],
        num_speakers=combined.shape[1],
        squares=mean_squares(combined),
    )


def decide(
    findings: Sequence[Finding], margins: Sequence[float | None], alpha: float = 0.05
) -> list[Finding]:
    """Says of each question what its tests allow: Holm over those that can be asked.

    Args:
        findings: Those with rows in `not_learned` get that verdict, and cost the others nothing.
        margins: For each, the largest margin at which "equal" is said; None where it never is.
        alpha: Of the two-sided tests, after Holm.
    """
    asked = [place for place, one in enumerate(findings) if not one.not_learned]
    adjusted = dict(zip(asked, holm([findings[k].p_value for k in asked]), strict=True))
    decided = []
    for place, (one, margin) in enumerate(zip(findings, margins, strict=True)):
        if one.not_learned:
            verdict = NOT_LEARNED
        elif adjusted[place] <= alpha:
            verdict = DIFFERS
        elif margin is not None and one.margin <= margin:
            verdict = EQUAL
        else:
            verdict = UNDECIDED
        decided.append(replace(one, adjusted_p=adjusted.get(place, np.nan), verdict=verdict))
    return decided


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What a study of this size can see, by simulation from what was found to vary."""

    false_positives: float
    """Share of studies in which a difference of 0 has p at most alpha, before Holm."""

    coverage: float
    """Share of intervals that cover the true value."""

    detectable: float
    """True value that has p at most alpha in 80 % of studies."""


def resolution(
    squares: MeanSquares, *, alpha: float = 0.05, studies: int = 2000, seed: int = 0
) -> Resolution:
    """Simulates studies with the seeds and speakers of `squares`, normal, with its components."""
    num_seeds, num_speakers = squares.num_seeds, squares.num_speakers
    residual = float(squares.residual)
    of_speakers = max(float(squares.speakers) - residual, 0.0) / num_seeds
    of_seeds = max(float(squares.seeds) - residual, 0.0) / num_speakers
    draw = np.random.default_rng(seed)
    shape = (studies, num_seeds, num_speakers)
    values = (
        draw.normal(0, np.sqrt(of_speakers), (studies, 1, num_speakers))
        + draw.normal(0, np.sqrt(of_seeds), (studies, num_seeds, 1))
        + draw.normal(0, np.sqrt(residual), shape)
    )
    error, freedom = standard_error(values)
    limit = stats.t.ppf(1 - alpha / 2, freedom) * error
    means = values.mean((-2, -1))
    # A true value moves every mean alike: found where |mean + value| passes its limit.
    low, high = 0.0, float(20 * error.max()) or 1.0
    for _ in range(40):
        middle = (low + high) / 2
        found = float((np.abs(means + middle) > limit).mean())
        low, high = (middle, high) if found < 0.8 else (low, middle)
    covered = float((np.abs(means) <= limit).mean())
    return Resolution(false_positives=1 - covered, coverage=covered, detectable=high)
