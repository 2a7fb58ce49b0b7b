"""Collapses and other findings: what the engine wrote down, and the report's own look.

The limits are those of the run's own objective, as its run.json has them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pretrain.objectives.known_rows import rules_in
from pretrain.objectives.presentation import COLLAPSED, NOT_LEARNED, CollapseRule
from reports.read.records import PretrainRun

__all__ = [
    "COLLAPSED",
    "NOT_LEARNED",
    "Finding",
    "findings",
    "flags",
    "has_collapsed",
    "is_flagged",
]

MIN_EXPLAINED = 0.01
"""A row that saves less of an uninformed predictor's loss has not begun to learn its task (not
specified by the paper)."""

_BEGUN = CollapseRule(
    metric="explained",
    limit=MIN_EXPLAINED,
    meaning="Give it more updates.",
    finding="the encoder has hardly begun to predict its targets, so that the row says little "
    "about them",
    flag=NOT_LEARNED,
)


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
    """Returns row name -> the gravest flag: a collapse, then that nothing was learned."""
    worst: dict[str, str] = {}
    for finding in sorted(found, key=_gravity):
        worst.setdefault(finding.row, finding.flag)
    return worst


def _gravity(finding: Finding) -> int:
    grave = (COLLAPSED, NOT_LEARNED)
    return grave.index(finding.flag) if finding.flag in grave else len(grave)


def is_flagged(flags: Mapping[str, str], row: str, flag: str) -> bool:
    """Tells whether a row's words of warning have this one among them."""
    return flag in flags.get(row, "").split(", ")


def has_collapsed(run: PretrainRun) -> bool:
    """Tells whether a run's own numbers show a collapse."""
    return any(flag == COLLAPSED for _, flag in _own(run))


def _own(run: PretrainRun) -> list[tuple[str, str]]:
    late = run.metrics.iloc[len(run.metrics) // 2 :]
    early = run.metrics.iloc[: max(1, len(run.metrics) // 20)]
    # What was held out tells more than what was trained on, see `reports/uncertainty/held_out.py`.
    begun = (_BEGUN,) if run.held_out.empty else ()
    faults = []
    for rule in (*rules_in(run.record), *begun, *run.row.presentation.learned):
        if rule.metric not in late or late[rule.metric].dropna().empty:
            continue
        if rule.of_start:
            start = float(early[rule.metric].median())
            rule = rule.model_copy(update={"limit": rule.limit * start})
        median = float(late[rule.metric].median())
        if rule.is_beyond(median):
            found = rule.finding or f"{rule.metric} is beyond its limit"
            faults.append(
                (
                    f"{found}: median {rule.metric} over the second half of the updates is "
                    f"{median:.4g}, limit {rule.limit:.4g}",
                    rule.flag,
                )
            )
    return faults


def _finding(run: PretrainRun, text: str, flag: str) -> Finding:
    return Finding(
        row=run.row.name, seed=run.row.seed, folder=str(run.folder), text=text, flag=flag
    )
