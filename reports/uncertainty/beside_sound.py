"""The report's first sentence where no row was pre-trained here: are these encoders needed?

Encoders of others differ from each other in everything, so that each is held against the baselines
of its table only, by the tests that every table has.
"""

from collections.abc import Sequence

from reports.read.records import row_words
from reports.read.scores import Grid
from reports.uncertainty.evidence import Difference, Evidence
from reports.uncertainty.intervals import BETTER, CANNOT_BE_DECIDED, WORSE
from reports.words import joined, number, too_few

METRIC = "ua"


def beside_sound(grid: Grid, found: Evidence) -> tuple[str, str]:
    """Returns a verdict on the encoders of a table without rows of ours, and what it rests on.

    An encoder beats the baselines when it is significantly better in UA than each of them that
    measures the sound.
    """
    names = [name for name in grid.names if grid.row(name).group != "baseline"]
    answers = {name: [x for x in found.of(METRIC) if x.question.first == name] for name in names}
    answers = {name: of_name for name, of_name in answers.items() if of_name}
    highest = _highest(grid, names)
    if not answers:
        reason = "nothing that measures the sound was tested beside the encoders"
        return "Not compared with baselines", "; ".join([reason, *highest])
    baselines = list(dict.fromkeys(x.question.second for x in found.of(METRIC)))
    levels = [_with_level(grid, name) for name in baselines]
    if all(_all(CANNOT_BE_DECIDED, of_name) for of_name in answers.values()):
        speakers = next(iter(answers.values()))[0].comparison.num_speakers
        reason = too_few(speakers, "an encoder", joined(levels, "or"))
        return "Cannot be decided", "; ".join([reason, *highest])
    better = [row_words(grid.row(name)) for name in answers if _all(BETTER, answers[name])]
    worse = [row_words(grid.row(name)) for name in answers if _all(WORSE, answers[name])]
    each = f"{'each of ' if len(levels) > 1 else ''}{joined(levels)}"
    if better:
        verdict = (
            "Encoders beat the baselines" if len(better) > 1 else "An encoder beats the baselines"
        )
        reason = (
            f"the UA of {_of(better, len(answers))} is significantly higher than that of {each}"
        )
    else:
        verdict = "No encoder is shown to beat the baselines"
        only = "the one encoder has no" if len(answers) == 1 else f"none of {len(answers)} has a"
        reason = f"{only} significantly higher UA than {each}"
    below = "each" if len(levels) > 1 else "it"
    lower = [f"significantly below {below}: {_of(worse, len(answers))}"] if worse else []
    return verdict, "; ".join([reason, *lower, *highest])


def _all(verdict: str, answers: Sequence[Difference]) -> bool:
    return all(x.comparison.verdict == verdict for x in answers)


def _highest(grid: Grid, names: Sequence[str]) -> list[str]:
    """Names the encoder with the highest number; a number only, since encoders are not tested
    against each other."""
    known = {name: value for name in names if (value := grid.value(name, METRIC)) is not None}
    if not known:
        return []
    first = max(known, key=lambda name: known[name])
    who = "it has" if len(known) == 1 else f"the highest number is {row_words(grid.row(first))}'s,"
    return [f"{who} {number(METRIC, known[first])}\u00a0%"]


def _with_level(grid: Grid, baseline: str) -> str:
    level = number(METRIC, grid.value(baseline, METRIC))
    return f"{baseline} ({level}\u00a0%)" if level else baseline


def _of(names: Sequence[str], number_of_all: int) -> str:
    """Names up to three of them."""
    if len(names) > 3:
        return f"{len(names)} of {number_of_all} encoders"
    return joined(names)
