"""What a number of a table, or a difference between two, is worth.

Speakers are the units, and few; every seed meets every speaker. An interval is a t interval on
speaker-level influence values (`crossed.py`) that says how far the number would move with
other speakers *and* other seeds. Simulated coverage of 95 % intervals of a row / of a paired
difference (3,000 to 8,000 tables each, speakers and classes of uneven size; the settings are in
`tests/reports/uncertainty/simulated_tables.py`):

    metric, seeds   4 speakers    10            24
    UA, 1           .943 / .954   .942 / .949   .946 / .948
    UA, 2           .964 / .965   .958 / .948   .948 / .914
    UA, 3           .961 / .966   .957 / .954   .949 / .933
    MSE, 1          .951 / .954   .948 / .941   .949 / .951
    MSE, 2          .970 / .974   .957 / .961   .960 / .953
    MSE, 3          .962 / .971   .954 / .963   .948 / .952
    MSE, 5          .962 / .966   .948 / .958   .946 / .953
    WA, 1           .944 / .956   .943 / .946   .947 / .948
    WA, 2           .967 / .963   .955 / .946   .946 / .910
    WA, 3           .957 / .964   .956 / .949   .949 / .934
    CCC, 1          .948 / .952   .953 / .943   .947 / .947
    CCC, 2          .965 / .971   .956 / .965   .960 / .954
    CCC, 3          .961 / .966   .949 / .958   .961 / .958
    CCC, 5          .955 / .955   .952 / .954   .956 / .954

What does not hold:

- One seed speaks for itself only. Read as a statement on other seeds, its interval for UA covers
  .935 / .944, .911 / .886, .865 / .799 where seeds have a quarter of the speakers' SD (logits).
- Two seeds are few: .914 for a paired difference of UA at 24 speakers. Where seeds do not differ
  at all, three cost something: .957 / .970 at 4 speakers, .958 / .968 at 24.
- Averaging the seeds and taking the t interval over speakers, without what seeds add, covers only
  .942 / .941, .930 / .898, .912 / .820 with three seeds.
- With three seeds, 10 speakers and equal rows, p is at most .05 in .024 / .037 / .061 of tables
  where the seeds' SD is 0 / a quarter / half of the speakers'; the permutation test alone in
  .043 / .094 / .232 (2,000 tables each).
- An MSE that comes mostly from a few speakers' biases (SD .59 beside .77 of an utterance) is so
  skewed that its interval covers .89 / .89 / .92; the paired difference still covers .95 to .97.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pretrain.shared.errors import InputError
from reports.uncertainty.crossed import half_width, influence_values, mean_squares, t_p_value
from reports.uncertainty.sign_flips import sign_flip_p, smallest_p
from reports.uncertainty.speaker_sums import (
    Array,
    Metric,
    SpeakerSums,
    has_seeds,
    metric_named,
    speaker_sums,
)

BETTER = "better"
WORSE = "worse"
NO_DIFFERENCE = "no significant difference"
CANNOT_BE_DECIDED = "cannot be decided"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A metric of one row, and where it might lie with other speakers and seeds."""

    value: float
    """The metric of pooled predictions, averaged over seeds."""

    low: float
    high: float
    """NaN with one speaker."""

    num_speakers: int
    num_seeds: int
    """0 for a row without seeds."""

    method: str
    """How the limits were found, in words."""


@dataclass(frozen=True, kw_only=True)
class VarianceSplit:
    """Why the numbers of one row vary: components of variance of one speaker with one seed.

    With C speakers and S seeds the variance of their mean is speakers / C + seeds / S +
    residual / (C S), so this tells whether more seeds or more speakers would help.
    """

    speakers: float
    """Between speakers, for all seeds alike; with one seed the residual is in it."""

    seeds: float
    """Between seeds, for all speakers alike; NaN with one seed. Negative estimates become 0."""

    residual: float
    """Of one seed on one speaker; NaN with one seed."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How much one row differs from another on the same utterances."""

    difference: float
    """Metric of the first row minus that of the second, averaged over seeds."""

    low: float
    high: float
    """t interval for other speakers and, with several, other seeds. NaN with one speaker."""

    p_value: float
    """The larger of `p_speakers` and the t interval's p, so that neither a difference of these
    few speakers nor one of these few seeds passes for one of the rows."""

    p_speakers: float
    """Of the permutation test over speakers (`sign_flips.py`), given these seeds."""

    smallest_p: float
    """The smallest p that so many speakers can give."""

    adjusted_p: float
    """`p_value`, until `decide` adjusts it for the other comparisons of a table."""

    effect_size: float
    """`difference` over the SD between speakers of its influence values, seeds averaged (Cohen's
    d_z): 1 means that the rows differ by as much as speakers disagree about it. NaN without SD."""

    verdict: str
    """Of the first row: better, worse, no significant difference, cannot be decided."""

    num_speakers: int
    num_seeds: int
    """0 when neither row has seeds. With 0 or 1 nothing is known of other seeds."""

    lower_is_better: bool


def interval(table: pd.DataFrame, metric: str, level: float = 0.95) -> Interval:
    """Returns a metric of one row with its limits.

    :param table: One line per seed and utterance: speaker, target, prediction, and seed unless the
        row has none. Text or numbers, as in predictions.csv.
    :param metric: ua, wa, macro_f1, mse or ccc; also mse_valence and the like.
    :param level: Share of intervals that are to cover the true value.
    """
    chosen = metric_named(metric)
    (sums,) = speaker_sums(chosen, [table])
    return interval_of(chosen, sums, level)


def interval_of(chosen: Metric, sums: SpeakerSums, level: float = 0.95) -> Interval:
    """Like `interval`, from speaker sums, which one call makes for all rows of a table."""
    _check_level(level)
    num_speakers = sums.values.shape[-2]
    if num_speakers == 1:
        value = float(chosen.score(sums.values.sum(-2)).mean())
        low, high, method = np.nan, np.nan, "no interval: 1 speaker"
    else:
        scores, values = influence_values(sums.values, chosen.score)
        value = float(scores.mean())
        low, high = (float(x) for x in limits(chosen, scores.mean(-1), values, level))
        method = f"{level:.0%} t interval, {num_speakers} speakers" + {
            0: "",
            1: ", of this seed only",
        }.get(sums.num_seeds, f" x {sums.num_seeds} seeds")
    return Interval(
        value=value,
        low=low,
        high=high,
        num_speakers=num_speakers,
        num_seeds=sums.num_seeds,
        method=method,
    )


def limits(metric: Metric, value: Array, values: Array, level: float) -> tuple[Array, Array]:
    """Returns the (...) limits of an interval from (...) metrics and (..., S, C) influence values.

    An error is positive and skewed, so its limits are symmetric in its logarithm, which covers
    better; other limits end where the metric does.
    """
    width = half_width(values, level)
    if metric.lower_is_better:
        # No t interval of use is wider than that; it only keeps the exponential finite.
        factor = np.exp(np.minimum(width / np.where(value > 0, value, 1.0), 50.0))
        return value / factor, value * factor
    return np.clip(value - width, metric.low, None), np.clip(value + width, None, metric.high)


def split_of(chosen: Metric, sums: SpeakerSums) -> VarianceSplit:
    """Returns what share seeds and speakers have in a metric's variance; see `interval`."""
    num_seeds, num_speakers, _ = sums.values.shape
    if num_speakers == 1:
        return VarianceSplit(speakers=np.nan, seeds=np.nan, residual=np.nan)
    squares = mean_squares(influence_values(sums.values, chosen.score)[1])
    if num_seeds == 1:
        return VarianceSplit(speakers=float(squares.speakers), seeds=np.nan, residual=np.nan)
    residual = float(squares.residual)
    return VarianceSplit(
        speakers=max(float(squares.speakers) - residual, 0.0) / num_seeds,
        seeds=max(float(squares.seeds) - residual, 0.0) / num_speakers,
        residual=residual,
    )


def compare(
    first: pd.DataFrame, second: pd.DataFrame, metric: str, level: float = 0.95
) -> Comparison:
    """Compares two rows that were tested on the same utterances; `decide` judges several at once.

    A row without seeds (a constant, log-mel features) is compared with every seed of the other.

    :param first: As in `interval`, with the column id.
    :param level: 1 - alpha, for the interval and the verdict.
    :raises ValueError: The rows have different utterances, targets or seeds.
    """
    chosen = metric_named(metric)
    _check_pairs(first, second)
    ours, theirs = speaker_sums(chosen, [_in_order(table) for table in (first, second)])
    return compare_sums(chosen, ours, theirs, level)


def compare_sums(
    chosen: Metric, first: SpeakerSums, second: SpeakerSums, level: float = 0.95
) -> Comparison:
    """Like `compare`, from speaker sums of the same utterances, with seeds in the same order."""
    _check_level(level)
    num_seeds = max(first.num_seeds, second.num_seeds)
    shape = (max(num_seeds, 1), *first.values.shape[1:])
    ours, theirs = (np.broadcast_to(row.values, shape) for row in (first, second))
    num_speakers = shape[1]
    difference = float((chosen.score(ours.sum(-2)) - chosen.score(theirs.sum(-2))).mean())
    p_speakers = float(sign_flip_p(ours, theirs, chosen.score))
    width = effect = p_interval = np.nan
    if num_speakers > 1:
        values = influence_values(ours, chosen.score)[1] - influence_values(theirs, chosen.score)[1]
        width = float(half_width(values, level))
        p_interval = float(t_p_value(np.asarray(difference), values))
        spread = float(values.mean(0).std(ddof=1))
        effect = difference / spread if spread > 0 else np.nan
    p_value = float(np.fmax(p_speakers, p_interval))
    result = Comparison(
        difference=difference,
        low=difference - width,
        high=difference + width,
        p_value=p_value,
        p_speakers=p_speakers,
        smallest_p=smallest_p(num_speakers),
        adjusted_p=p_value,
        effect_size=effect,
        verdict="",
        num_speakers=num_speakers,
        num_seeds=num_seeds,
        lower_is_better=chosen.lower_is_better,
    )
    return decide([result], level)[0]


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns the p values adjusted for being the best of several (Holm 1979), in their order."""
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"`p_values` must be between 0 and 1, but are {list(p_values)} instead.")
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def decide(comparisons: Sequence[Comparison], level: float = 0.95) -> list[Comparison]:
    """Judges the comparisons of one table together: Holm over their p values, then words.

    "cannot be decided" means that even a difference of the same sign for every speaker would
    not have been significant beside the other comparisons as they are: too few speakers.
    """
    _check_level(level)
    alpha = 1 - level + 1e-12
    p_values = [comparison.p_value for comparison in comparisons]
    decided = []
    for place, (comparison, adjusted) in enumerate(zip(comparisons, holm(p_values), strict=True)):
        at_best = [*p_values[:place], comparison.smallest_p, *p_values[place + 1 :]]
        if holm(at_best)[place] > alpha:
            verdict = CANNOT_BE_DECIDED
        elif adjusted > alpha:
            verdict = NO_DIFFERENCE
        else:
            verdict = WORSE if (comparison.difference > 0) == comparison.lower_is_better else BETTER
        decided.append(replace(comparison, adjusted_p=adjusted, verdict=verdict))
    return decided


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"`level` must be between 0 and 1, but is {level} instead.")


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sorts by seed, so that the seeds of both rows stand in the same place."""
    return table.sort_values("seed", kind="stable") if has_seeds(table) else table


def _check_pairs(first: pd.DataFrame, second: pd.DataFrame) -> None:
    keys = ["id", "speaker", "target"]
    cells = []
    for table in (first, second):
        if missing := [key for key in keys if key not in table]:
            raise InputError(f"A table must have the columns {missing}, but has {list(table)}.")
        of_one_seed = table[table["seed"] == table["seed"].iloc[0]] if has_seeds(table) else table
        if of_one_seed["id"].duplicated().any():
            raise InputError("Every `id` must be tested once per seed, but some are twice.")
        cells.append(of_one_seed[keys].astype(str).sort_values("id").reset_index(drop=True))
    if set(cells[0]["id"]) != set(cells[1]["id"]):
        num = len(set(cells[0]["id"]) ^ set(cells[1]["id"]))
        raise InputError(
            f"Both rows must be tested on the same utterances, but {num} are in one only: "
            "compare rows of the same corpus and protocol."
        )
    if not cells[0].equals(cells[1]):
        raise InputError("Both rows must have the same speaker and target for each utterance.")
    seeds = [set(table["seed"]) for table in (first, second) if has_seeds(table)]
    if len(seeds) == 2 and seeds[0] != seeds[1]:
        raise InputError(
            f"Both rows must have the same seeds, but have {sorted(seeds[0])} and "
            f"{sorted(seeds[1])} instead: run the missing ones."
        )
