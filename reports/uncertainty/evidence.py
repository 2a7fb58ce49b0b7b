"""How sure the probes' numbers are: intervals, tests and the variance split of one grid.

Computed from predictions.csv, pooled over folds, at the selected layer. Speakers are the units;
see `intervals.py`. Everything that cannot be computed is named, never left out in silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pretrain.shared.errors import InputError
from reports.read.scores import CCC, MSE, Grid
from reports.uncertainty.intervals import (
    Comparison,
    Interval,
    VarianceSplit,
    compare_sums,
    decide,
    interval_of,
    split_of,
)
from reports.uncertainty.questions import Question, questions
from reports.uncertainty.speaker_sums import SpeakerSums, metric_named, speaker_sums

TASKS: Mapping[str, tuple[str, ...]] = {
    "emotion": ("ua", "wa", "macro_f1"),
    **{
        error.removeprefix("mse_"): (error, agreement)
        for error, agreement in zip(MSE, CCC, strict=True)
    },
}
"""Task of predictions.csv -> its metrics; the first is the one in which rows are compared."""

TESTED = tuple(metrics[0] for metrics in TASKS.values())

_COLUMNS = ("row", "seed", "task", "id", "speaker", "target", "prediction")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One answered question: first minus second."""

    question: Question
    metric: str
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that is known of how sure one grid's numbers are."""

    intervals: Mapping[tuple[str, str], Interval]
    """(row, metric) -> interval."""

    splits: Mapping[tuple[str, str], VarianceSplit]
    """(row, metric) -> variance split, for rows with at least two seeds."""

    differences: Sequence[Difference]
    """Judged together per metric: Holm over all questions that are asked in it."""

    faults: Sequence[str]
    """What could not be computed, and why."""

    def of(
        self, metric: str, kind: str = "", families: tuple[str, str] | None = None
    ) -> list[Difference]:
        """Returns the differences in one metric, of one kind of question or of all; between two
        families, or all of them."""
        return [
            found
            for found in self.differences
            if found.metric == metric
            and kind in ("", found.question.kind)
            and families in (None, found.question.families)
        ]

    @property
    def num_speakers(self) -> int:
        """0 when there is no interval."""
        return max((found.num_speakers for found in self.intervals.values()), default=0)

    @property
    def num_seeds(self) -> int:
        """Of the row that has most; 0 when there is no interval."""
        return max((found.num_seeds for found in self.intervals.values()), default=0)


@dataclass(frozen=True, kw_only=True)
class _Tested:
    """One row on one task."""

    sums: SpeakerSums
    seeds: tuple[int, ...]
    """Empty for a row that no seed can change."""


def evidence(grid: Grid) -> Evidence:
    """Computes all that the predictions of one grid allow."""
    intervals: dict[tuple[str, str], Interval] = {}
    splits: dict[tuple[str, str], VarianceSplit] = {}
    differences: list[Difference] = []
    faults: list[str] = []
    if any(column not in grid.predictions for column in _COLUMNS):
        faults.append("predictions.csv is missing or incomplete: no intervals and no tests.")
        return Evidence(intervals={}, splits={}, differences=(), faults=tuple(faults))
    for task, metrics in TASKS.items():
        if not (grid.scores["metric"].isin(metrics)).any():
            continue
        try:
            rows = _tested(grid, task, faults)
        except ValueError as error:
            faults.append(f"{task}: no intervals and no tests. {error}")
            continue
        for metric in metrics:
            chosen = metric_named(metric)
            for name, row in rows.items():
                found = interval_of(chosen, row.sums)
                if not _agrees(grid, name, metric, found.value, faults):
                    continue
                intervals[name, metric] = found
                if row.sums.num_seeds > 1:
                    splits[name, metric] = split_of(chosen, row.sums)
        differences += _differences(grid, metrics[0], rows, intervals, faults)
    return Evidence(
        intervals=intervals, splits=splits, differences=tuple(differences), faults=tuple(faults)
    )


def _tested(grid: Grid, task: str, faults: list[str]) -> dict[str, _Tested]:
    """Returns the rows that were tested on the same utterances with every seed."""
    table = grid.predictions
    table = table[(table["task"] == task) & table["row"].isin(grid.names)]
    if table.empty:
        raise InputError("predictions.csv has none of it.")
    if (table["speaker"].astype(str).str.strip() == "").any():
        raise InputError("predictions.csv names no speaker for some utterances.")
    table = table.assign(seed=pd.to_numeric(table["seed"], errors="coerce"))
    table = table.sort_values("seed", kind="stable")
    lines = pd.util.hash_pandas_object(table[["id", "speaker", "target"]].astype(str), index=False)
    # Sums of hashes do not depend on the order of the lines.
    tested = lines.groupby([table["row"], table["seed"]], dropna=False).sum()
    usual = tested.mode().iloc[0]
    other = set(tested.index[tested != usual].get_level_values(0))
    names = [name for name in grid.names if name not in other and (table["row"] == name).any()]
    faults += [
        f"{task}: {name} was tested on other utterances than most rows, so it has no interval "
        "and is not compared. Probe it again."
        for name in grid.names
        if name in other
    ]
    parts = [_without_idle_seeds(grid, name, table[table["row"] == name]) for name in names]
    seeds = [
        () if part["seed"].isna().all() else tuple(part["seed"].astype(int).unique())
        for part in parts
    ]
    sums = speaker_sums(metric_named(TASKS[task][0]), parts)
    return {
        name: _Tested(sums=own, seeds=of_row)
        for name, own, of_row in zip(names, sums, seeds, strict=True)
    }


def _without_idle_seeds(grid: Grid, name: str, part: pd.DataFrame) -> pd.DataFrame:
    """Leaves one copy of a baseline without an encoder: it is the same for every seed."""
    row = grid.row(name)
    if row.group != "baseline" or row.encoder_run or part["seed"].isna().all():
        return part
    of_one_seed: pd.DataFrame = part[part["seed"] == part["seed"].iloc[0]]
    return of_one_seed.assign(seed=float("nan"))


def _agrees(grid: Grid, name: str, metric: str, value: float, faults: list[str]) -> bool:
    """Tells whether predictions.csv gives the score that Table 4 shows, which scores.csv has."""
    shown = grid.value(name, metric)
    if shown is not None and abs(shown - value) <= 1e-4 * max(abs(shown), 1.0):
        return True
    said = "no score" if shown is None else f"{shown:.4f}"
    faults.append(
        f"{name}: scores.csv has {said} for {metric}, but predictions.csv gives {value:.4f}, so "
        "it has no interval and is not compared. Probe it again."
    )
    return False


def _differences(
    grid: Grid,
    metric: str,
    rows: Mapping[str, _Tested],
    intervals: Mapping[tuple[str, str], Interval],
    faults: list[str],
) -> list[Difference]:
    """Answers the questions in one metric, and judges them together."""
    asked, answers = [], []
    for question in questions(grid):
        names = (question.first, question.second)
        if any((name, metric) not in intervals for name in names):
            continue
        pair = _paired(*(rows[name] for name in names))
        if pair is None:
            faults.append(f"{names[0]} and {names[1]} have no seed in common: not compared.")
            continue
        asked.append(question)
        answers.append(compare_sums(metric_named(metric), *pair))
    return [
        Difference(question=question, metric=metric, comparison=comparison)
        for question, comparison in zip(asked, decide(answers), strict=True)
    ]


def _paired(first: _Tested, second: _Tested) -> tuple[SpeakerSums, SpeakerSums] | None:
    """Leaves the seeds that both have; a row without seeds goes with every seed."""
    if not first.seeds or not second.seeds:
        return first.sums, second.sums
    common = sorted(set(first.seeds) & set(second.seeds))
    if not common:
        return None
    kept = [
        SpeakerSums(
            values=row.sums.values[[row.seeds.index(seed) for seed in common]],
            num_seeds=len(common),
        )
        for row in (first, second)
    ]
    return kept[0], kept[1]
