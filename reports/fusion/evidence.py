"""How sure the numbers are: the interval of each variant, and the searched one against the others.

Speakers are the units; see reports/uncertainty/intervals.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import SEARCHED
from reports.uncertainty.intervals import Comparison, Interval, compare, decide, interval

METRICS = ("ua", "wa")


@dataclass(frozen=True, kw_only=True)
class FusionEvidence:
    """Everything that is tested for one table."""

    intervals: Mapping[tuple[str, str], Interval]
    """(variant, metric) -> interval of the score."""

    differences: Mapping[tuple[str, str], Comparison]
    """(other variant, metric) -> searched minus other, judged with all others of the metric."""

    open: Mapping[str, str]
    """Variant -> why it could not be compared."""


def evidence(grid: MfsnGrid) -> FusionEvidence:
    """Computes intervals and comparisons from the predictions chosen on the dev part."""
    intervals: dict[tuple[str, str], Interval] = {}
    differences: dict[tuple[str, str], Comparison] = {}
    unpaired: dict[str, str] = {}
    searched = grid.predictions(SEARCHED)
    for variant in grid.variants:
        own = grid.predictions(variant.name)
        if own.empty:
            continue
        if own["speaker"].nunique() > 1:
            for metric in METRICS:
                intervals[variant.name, metric] = interval(own, metric)
        if variant.name == SEARCHED or searched.empty:
            continue
        ours, theirs, reason = _paired(searched, own)
        if reason:
            unpaired[variant.name] = reason
            continue
        for metric in METRICS:
            differences[variant.name, metric] = compare(ours, theirs, metric)
    for metric in METRICS:
        keys = [key for key in differences if key[1] == metric]
        judged = decide([differences[key] for key in keys])
        differences |= dict(zip(keys, judged, strict=True))
    return FusionEvidence(intervals=intervals, differences=differences, open=unpaired)


def _paired(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Leaves the seeds that both have; the utterances must be the same, or a reason is given."""
    seeds = set(a["seed"]) & set(b["seed"])
    if not seeds:
        return a, b, "no seed in common"
    a, b = (_one_line_each(frame[frame["seed"].isin(seeds)]) for frame in (a, b))
    if a["speaker"].nunique() < 2:
        return a, b, "only one speaker"
    columns = ["seed", "id", "speaker", "target"]
    lines = [frame[columns].sort_values(columns).reset_index(drop=True) for frame in (a, b)]
    if not lines[0].equals(lines[1]):
        return a, b, "other test utterances"
    return a, b, ""


def _one_line_each(frame: pd.DataFrame) -> pd.DataFrame:
    """Tells apart the answers that the networks of several folds gave to one utterance."""
    if not frame.duplicated(["id", "seed"]).any():
        return frame
    return frame.assign(id=frame["fold"] + "/" + frame["id"])
