"""What the tests came to, in sentences: one per question and metric."""

from collections.abc import Mapping, Sequence

from reports.read.health import COLLAPSED, is_flagged
from reports.read.records import row_words
from reports.read.scores import MSE, Grid
from reports.uncertainty.certainty import METRIC_WORDS, signed
from reports.uncertainty.evidence import TESTED, Difference, Evidence
from reports.uncertainty.intervals import BETTER, CANNOT_BE_DECIDED, NO_DIFFERENCE, WORSE
from reports.uncertainty.questions import AGAINST_LOG_MEL, AGAINST_UNTRAINED, FAMILIES, family_pairs
from reports.words import PERCENT, joined, number, p_words

_AGAINST = {
    AGAINST_UNTRAINED: "the untrained encoder",
    AGAINST_LOG_MEL: "log-mel statistics",
}
_MSE = "MSE of "
_MAX_NAMED = 3
"""Pairs of a family that are written out; the table has all."""


def verdicts(grid: Grid, found: Evidence, flags: Mapping[str, str]) -> list[str]:
    """Returns one sentence per question and metric, none of it beyond the verdicts.

    :param flags: Row name -> words of warning, for rows that collapsed.
    """
    said: dict[tuple[str, bool], list[str]] = {}
    for metric in TESTED:
        for sentence in _of_metric(grid, found, metric, flags):
            # What is the same for valence, arousal and dominance is said once.
            said.setdefault((sentence, metric in MSE), []).append(metric)
    if not said:
        return ["No difference could be tested, so no row is called better than another."]
    return [f"{_metrics(metrics)}, {sentence}" for (sentence, _), metrics in said.items()]


def _metrics(metrics: Sequence[str]) -> str:
    """Names metrics of one kind: "UA", "MSE of valence and arousal"."""
    first, *others = (METRIC_WORDS[metric] for metric in metrics)
    words = [first, *(word.removeprefix(_MSE) for word in others)]
    return joined(words)


def _of_metric(grid: Grid, found: Evidence, metric: str, flags: Mapping[str, str]) -> list[str]:
    """Returns the sentences of one metric, without its name."""
    everything = found.of(metric)
    compared = {
        pair: answers
        for pair in family_pairs(grid)
        if (answers := found.of(metric, FAMILIES, pair))
    }
    if len(everything) > 1 and len({x.comparison.verdict for x in everything}) == 1:
        counts = _counts(everything)
        if counts:
            num_compared = sum(map(len, compared.values()))
            asked = ["rows against baselines"] * (len(everything) > num_compared)
            asked += [f"{first} against {second} rows" for first, second in compared]
            return [f"{' and '.join(asked)}: {'; '.join(counts)} questions."]
    said = []
    of_baselines = [x for x in everything if x.question.kind != FAMILIES]
    for baseline in dict.fromkeys(x.question.second for x in of_baselines):
        reference = _AGAINST.get(baseline, f"{baseline} statistics")
        level = number(metric, grid.value(baseline, metric))
        unit = "\u00a0%" if metric in PERCENT else ""
        words = f"{reference} ({level}{unit})" if level else reference
        answers = [x for x in of_baselines if x.question.second == baseline]
        said.append(_rows(grid, metric, words, answers, flags))
    return said + [_families(grid, metric, *found, flags) for found in compared.items()]


def _rows(
    grid: Grid,
    metric: str,
    reference: str,
    answers: Sequence[Difference],
    flags: Mapping[str, str],
) -> str:
    parts = []
    for verdict in (BETTER, WORSE):
        members = [x for x in answers if x.comparison.verdict == verdict]
        if members:
            named = ", ".join(
                f"{_name(grid, x.question.first, flags)} ({_amount(metric, x)})" for x in members
            )
            parts.append(f"{verdict}: {named}")
    parts += _counts(answers)
    return f"rows against {reference}: {'; '.join(parts)}."


def _families(
    grid: Grid,
    metric: str,
    families: tuple[str, str],
    answers: Sequence[Difference],
    flags: Mapping[str, str],
) -> str:
    first, second = families
    pairs = "pair" if len(answers) == 1 else "pairs"
    parts = []
    for verdict in (BETTER, WORSE):
        members = [x for x in answers if x.comparison.verdict == verdict]
        if not members:
            continue
        members.sort(key=lambda x: x.comparison.adjusted_p)
        named = ", ".join(
            f"{_name(grid, x.question.first, flags)} than "
            f"{_name(grid, x.question.second, flags)} ({_amount(metric, x)})"
            for x in members[:_MAX_NAMED]
        )
        more = ", ..." if len(members) > _MAX_NAMED else ""
        parts.append(f"{first} {verdict} in {len(members)}: {named}{more}")
    parts += _counts(answers)
    return f"{first} against {second} rows, {len(answers)} {pairs}: {'; '.join(parts)}."


def _name(grid: Grid, row: str, flags: Mapping[str, str]) -> str:
    """Returns a row in words; that it collapsed is never left out."""
    words = row_words(grid.row(row))
    return f"{words} ({COLLAPSED})" if is_flagged(flags, row, COLLAPSED) else words


def _counts(answers: Sequence[Difference]) -> list[str]:
    """Says how many questions have no verdict of better or worse."""
    found = []
    for verdict in (NO_DIFFERENCE, CANNOT_BE_DECIDED):
        having = sum(x.comparison.verdict == verdict for x in answers)
        if having:
            count = f"all {having}" if having == len(answers) > 1 else str(having)
            speakers = answers[0].comparison.num_speakers
            few = f" with {speakers} speaker{'' if speakers == 1 else 's'}"
            words = f"{verdict}{few if verdict == CANNOT_BE_DECIDED else ''}"
            found.append(words if len(answers) == 1 else f"{words}: {count}")
    return found


def _amount(metric: str, answer: Difference) -> str:
    comparison = answer.comparison
    p_value = p_words(comparison.adjusted_p)
    return (
        f"{signed(metric, comparison.difference)}{' points' if metric in PERCENT else ''} "
        f"[{signed(metric, comparison.low)}, {signed(metric, comparison.high)}], "
        f"p {p_value if p_value.startswith('<') else f'= {p_value}'} after Holm"
    )
