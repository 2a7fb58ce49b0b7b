"""The report's first sentence: what came of the question, and no more than the tests allow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.read.health import COLLAPSED, NOT_LEARNED, is_flagged
from reports.read.records import families, row_words
from reports.read.scores import Grid, corpus_words
from reports.uncertainty.beside_sound import beside_sound
from reports.uncertainty.certainty import signed
from reports.uncertainty.evidence import Difference, Evidence
from reports.uncertainty.intervals import BETTER, CANNOT_BE_DECIDED, WORSE
from reports.uncertainty.questions import FAMILIES, family_pairs
from reports.words import too_few

METRIC = "ua"
"""In which the question is answered; the tables answer it in the other metrics, too."""

MAX_IN_FULL = 2
"""Tables of which the numbers are given; of more, only the verdicts."""

NOTHING_PROBED = "Not answered here: no quantized and continuous encoders were probed side by side."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one table says of the question."""

    verdict: str
    """How the sentence begins: "Cannot be decided", for example."""

    reason: str
    """What it rests on, without a full stop; never empty."""

    place: str
    """Corpus, or whatever tells this table from the others."""


def answer(tables: Sequence[tuple[Grid, Evidence, Mapping[str, str]]]) -> str:
    """Returns one sentence on every two families of targets, or on encoders of others.

    :param tables: Each with its tests, and row name -> words of warning.
    """
    if not tables:
        return NOTHING_PROBED
    corpora = [corpus_words(grid.corpus, grid.synthetic) for grid, _, _ in tables]
    distinct = len(set(corpora)) == len(corpora)
    found = [
        one
        for table, corpus in zip(tables, corpora, strict=True)
        for one in _answers(*table, corpus if distinct else table[0].title)
    ]
    if len(found) <= MAX_IN_FULL:
        parts = [f"{one.verdict} on {one.place}: {one.reason}" for one in found]
    else:
        places: dict[str, list[str]] = {}
        for one in found:
            places.setdefault(one.verdict, []).append(one.place)
        parts = [f"{verdict} on {'; '.join(names)}" for verdict, names in places.items()]
    parts = [parts[0], *(part[0].lower() + part[1:] for part in parts[1:])]
    return "; ".join(parts) + "."


def _answers(grid: Grid, found: Evidence, flags: Mapping[str, str], place: str) -> Iterator[Answer]:
    """Yields one answer for every two families of the table."""
    compared = family_pairs(grid)
    if not compared:
        only = [f"only {family.label} rows were probed" for family in families(grid.rows)]
        if only:
            yield Answer(verdict="Not asked", reason=only[0], place=place)
        else:
            verdict, reason = beside_sound(grid, found)
            yield Answer(verdict=verdict, reason=reason, place=place)
    for first, second in compared:
        where = f"{place} ({first} against {second})" if len(compared) > 1 else place
        if pairs := found.of(METRIC, FAMILIES, (first, second)):
            verdict, reason = _of_pairs(grid, pairs, flags)
        else:
            verdict, reason = "Cannot be tested", "intervals and tests are missing, see below"
        yield Answer(verdict=verdict, reason=reason, place=where)


def _of_pairs(grid: Grid, pairs: Sequence[Difference], flags: Mapping[str, str]) -> tuple[str, str]:
    """Answers from the pairs whose rows both learned something."""
    left, without = list(pairs), []
    for flag, words in ((COLLAPSED, "collapsed"), (NOT_LEARNED, "learned next to nothing")):
        ill = [name for name in grid.names if is_flagged(flags, name, flag)]
        ill = [name for name in ill if any(name in _names(pair) for pair in pairs)]
        kept = [pair for pair in left if not set(_names(pair)) & set(ill)]
        asked = {name for pair in pairs for name in _names(pair)}
        named = ", ".join(row_words(grid.row(name)) for name in ill)
        named = f"all {len(ill)} encoders" if set(ill) == asked else named
        if ill and not kept:
            verdict = "Cannot be answered" if flag == COLLAPSED else "Not learned"
            return verdict, f"{named} {words}, so that no pair of targets is left to compare"
        without += (
            [f"{named} {words} and {'is' if len(ill) == 1 else 'are'} left out"] if ill else []
        )
        left = kept
    verdict, reason = _verdict(left)
    return verdict, "; ".join([f"{reason} ({_amount(left)})", *without])


def _verdict(pairs: Sequence[Difference]) -> tuple[str, str]:
    count = len(pairs)
    first, second = pairs[0].question.families
    verdicts = [pair.comparison.verdict for pair in pairs]
    better, worse = verdicts.count(BETTER), verdicts.count(WORSE)
    if better and worse:
        return "It depends on the setting", (
            f"of {count} pairs of {_a(first)} and {_a(second)} encoder, the {first} one has the "
            f"significantly higher UA in {better} and the lower one in {worse}"
        )
    if better or worse:
        higher, lower = (first, second) if better else (second, first)
        where = "in the one pair" if count == 1 else f"in {better or worse} of {count} pairs"
        return f"{higher.capitalize()} targets are better", (
            f"their UA is significantly higher than that of {lower} ones {where}"
            + (", and lower in none" if count > 1 else "")
        )
    if set(verdicts) == {CANNOT_BE_DECIDED}:
        speakers = pairs[0].comparison.num_speakers
        return "Cannot be decided", too_few(speakers, first, f"{second} targets")
    where = "the one pair" if count == 1 else f"none of {count} pairs"
    verb = "does not differ" if count == 1 else "differs"
    return "No difference is shown", (
        f"{where} of {_a(first)} and {_a(second)} encoder {verb} significantly in UA"
    )


def _amount(pairs: Sequence[Difference]) -> str:
    """Returns how large the differences are, and on how many speakers and seeds."""
    differences = [pair.comparison.difference for pair in pairs]
    first = pairs[0].comparison
    families = " minus ".join(pairs[0].question.families)
    size = signed(METRIC, differences[0])
    if len(pairs) > 1:
        size = f"{signed(METRIC, min(differences))} to {signed(METRIC, max(differences))}"
    elif first.low == first.low:
        size += f" [{signed(METRIC, first.low)}, {signed(METRIC, first.high)}]"
    units = [(first.num_seeds, "seed")]
    if first.verdict != CANNOT_BE_DECIDED:  # which has named the speakers
        units.insert(0, (first.num_speakers, "speaker"))
    words = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in units if number]
    return "; ".join(filter(None, [f"{families} {size} points", ", ".join(words)]))


def _a(label: str) -> str:
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def _names(pair: Difference) -> tuple[str, str]:
    return pair.question.first, pair.question.second
