"""Collapses and other findings: what the engine wrote down, and the report's own look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.read.records import PretrainRun

COLLAPSED = "collapsed"
"""Flag of a row whose scores say nothing about its target, however high they are."""

NOT_LEARNED = "not learned"
"""Flag of a row that has hardly begun to learn its task."""

MIN_CENTRE_PERPLEXITY = 1.5
"""A quantized row that stays below is collapsed (not specified by the paper)."""

MAX_WITHOUT_NEGATIVES = 0.05
"""A larger share of masked frames without a differing frame starves the loss (not specified by
the paper)."""

MIN_EXPLAINED = 0.01
"""A row that saves less of an uninformed predictor's loss has not begun to learn its task (not
specified by the paper)."""

MIN_VARIANCE = 1e-4
"""Targets, predictions or conv outputs below are constant for all purposes (not specified by the
paper)."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with one run."""

    row: str
    seed: int | None
    folder: str
    text: str
    flag: str
    """One or two words for the tables."""


def findings(runs: Sequence[PretrainRun]) -> list[Finding]:
    """Returns the engine's findings, then those of the second half of the logged updates."""
    found = []
    for run in runs:
        for entry in run.record.get("health") or []:
            text = (
                f"update {entry.get('update')}: {entry.get('meaning') or 'unhealthy'} "
                f"({entry.get('metric')})"
            )
            found.append(_finding(run, text, "see health"))
        found += [_finding(run, text, flag) for text, flag in _own(run)]
    return found


def flags(found: Sequence[Finding]) -> dict[str, str]:
    """Returns row name -> the gravest flag; a collapse outweighs everything else."""
    worst: dict[str, str] = {}
    for finding in found:
        if finding.flag == COLLAPSED or finding.row not in worst:
            worst[finding.row] = finding.flag
    return worst


def is_flagged(flags: Mapping[str, str], row: str, flag: str) -> bool:
    """Tells whether a row's words of warning have this one among them."""
    return flag in flags.get(row, "").split(", ")


def has_collapsed(run: PretrainRun) -> bool:
    """Tells whether a run's own numbers show a collapse."""
    return any(flag == COLLAPSED for _, flag in _own(run))


def _own(run: PretrainRun) -> list[tuple[str, str]]:
    late = run.metrics.iloc[len(run.metrics) // 2 :]
    rules = (
        (
            "centre_perplexity",
            MIN_CENTRE_PERPLEXITY,
            True,
            COLLAPSED,
            "the codebook has collapsed to one live centre",
        ),
        (
            "frames_without_negatives",
            MAX_WITHOUT_NEGATIVES,
            False,
            "few negatives",
            "too many masked frames have no differing frame to be told from",
        ),
        (
            "explained",
            MIN_EXPLAINED,
            True,
            NOT_LEARNED,
            "the encoder has hardly begun to predict its targets, so that the row says little "
            "about them",
        ),
        ("target_variance", MIN_VARIANCE, True, COLLAPSED, "the targets have collapsed"),
        ("prediction_variance", MIN_VARIANCE, True, COLLAPSED, "the predictions have collapsed"),
        ("conv_variance", MIN_VARIANCE, True, COLLAPSED, "the conv stack has collapsed"),
    )
    faults = []
    for metric, limit, below, flag, meaning in rules:
        if metric not in late or late[metric].dropna().empty:
            continue
        median = float(late[metric].median())
        if median < limit if below else median > limit:
            faults.append(
                (
                    f"{meaning}: median {metric} over the second half of the updates is "
                    f"{median:.4g}, limit {limit:g}",
                    flag,
                )
            )
    return faults


def _finding(run: PretrainRun, text: str, flag: str) -> Finding:
    return Finding(
        row=run.row.name, seed=run.row.seed, folder=str(run.folder), text=text, flag=flag
    )
