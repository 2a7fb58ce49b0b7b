"""What the tests came to, in sentences: one per question and metric."""

from collections.abc import Sequence

from reports.certainty import METRIC_WORDS, signed
from reports.evidence import TESTED, Difference, Evidence
from reports.fusion.table5 import p_words
from reports.questions import AGAINST_LOG_MEL, AGAINST_UNTRAINED, FAMILIES
from reports.records import row_words
from reports.scores import Grid
from reports.statistics import BETTER, CANNOT_BE_DECIDED, NO_DIFFERENCE, WORSE
from reports.tables import PERCENT, number

_AGAINST = {
    AGAINST_UNTRAINED: "the untrained encoder",
    AGAINST_LOG_MEL: "log-mel statistics",
}
_MAX_NAMED = 3
"""Pairs of a family that are written out; the table has all."""


def verdicts(grid: Grid, found: Evidence) -> list[str]:
    """Returns one sentence per question and metric, none of it beyond the verdicts."""
    said = []
    for metric in TESTED:
        everything = found.of(metric)
        if len(everything) > 1 and len({x.comparison.verdict for x in everything}) == 1:
            counts = _counts(everything)
            if counts:
                pairs = " and quantized against continuous rows" * bool(found.of(metric, FAMILIES))
                said.append(
                    f"{METRIC_WORDS[metric]}, rows against baselines{pairs}: "
                    f"{'; '.join(counts)} questions."
                )
                continue
        for kind, reference in _AGAINST.items():
            if answers := found.of(metric, kind):
                level = grid.value(kind, metric)
                unit = "\u00a0%" if metric in PERCENT else ""
                words = f"{reference} ({number(metric, level)}{unit})"
                said.append(_rows(grid, metric, words, answers))
        if answers := found.of(metric, FAMILIES):
            said.append(_families(grid, metric, answers))
    if not said:
        said.append("No difference could be tested, so no row is called better than another.")
    return said


def _rows(grid: Grid, metric: str, reference: str, answers: Sequence[Difference]) -> str:
    parts = []
    for verdict in (BETTER, WORSE):
        members = [x for x in answers if x.comparison.verdict == verdict]
        if members:
            named = ", ".join(
                f"{row_words(grid.row(x.question.first))} ({_amount(metric, x)})" for x in members
            )
            parts.append(f"{verdict}: {named}")
    parts += _counts(answers)
    return f"{METRIC_WORDS[metric]}, rows against {reference}: {'; '.join(parts)}."


def _families(grid: Grid, metric: str, answers: Sequence[Difference]) -> str:
    pairs = "pair" if len(answers) == 1 else "pairs"
    parts = []
    for verdict in (BETTER, WORSE):
        members = [x for x in answers if x.comparison.verdict == verdict]
        if not members:
            continue
        members.sort(key=lambda x: x.comparison.adjusted_p)
        named = ", ".join(
            f"{row_words(grid.row(x.question.first))} than "
            f"{row_words(grid.row(x.question.second))} ({_amount(metric, x)})"
            for x in members[:_MAX_NAMED]
        )
        more = ", ..." if len(members) > _MAX_NAMED else ""
        parts.append(f"quantized {verdict} in {len(members)}: {named}{more}")
    parts += _counts(answers)
    return (
        f"{METRIC_WORDS[metric]}, quantized against continuous rows, {len(answers)} {pairs}: "
        f"{'; '.join(parts)}."
    )


def _counts(answers: Sequence[Difference]) -> list[str]:
    """Says how many questions have no verdict of better or worse."""
    found = []
    for verdict in (NO_DIFFERENCE, CANNOT_BE_DECIDED):
        having = sum(x.comparison.verdict == verdict for x in answers)
        if having:
            count = f"all {having}" if having == len(answers) > 1 else str(having)
            few = f" with {answers[0].comparison.num_speakers} speakers"
            found.append(f"{verdict}{few if verdict == CANNOT_BE_DECIDED else ''}: {count}")
    return found


def _amount(metric: str, answer: Difference) -> str:
    comparison = answer.comparison
    p_value = p_words(comparison.adjusted_p)
    return (
        f"{signed(metric, comparison.difference)}{' points' if metric in PERCENT else ''} "
        f"[{signed(metric, comparison.low)}, {signed(metric, comparison.high)}], "
        f"p {p_value if p_value.startswith('<') else f'= {p_value}'} after Holm"
    )
