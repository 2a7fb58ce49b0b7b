"""The report's first paragraphs: what was compared, and what came out, in words."""

from collections.abc import Mapping, Sequence, Set

from reports.read.health import COLLAPSED, is_flagged
from reports.read.records import NOT_CONTROLLED, PretrainRun, Row, families, row_words
from reports.read.scores import CCC, MSE, Grid, corpus_words, protocol_words
from reports.uncertainty.certainty import METRIC_WORDS, reach
from reports.uncertainty.evidence import Evidence
from reports.uncertainty.verdicts import verdicts
from reports.words import joined


def design(pretrain: Sequence[PretrainRun], grids: Sequence[Grid]) -> str:
    """Returns one sentence on what was compared, on which data.

    What counts are the rows that stand in a table; without tables, the runs that were given.
    """
    rows = [row for grid in grids for row in grid.rows if row.group != "baseline"]
    rows = rows or [run.row for run in pretrain]
    own = {(row.name, row.seed) for row in rows}
    runs = [run for run in pretrain if (run.row.name, run.row.seed) in own]
    words = [_encoders(rows)]
    if runs:
        words.append(_pretraining(runs, {row.seed for row in rows if row.seed is not None}))
    places = [
        f"{corpus_words(grid.corpus, grid.synthetic)} "
        f"({protocol_words(grid.protocol)}, {grid.head} head)"
        for grid in grids
    ]
    if places:
        frozen = "then frozen" if runs else "frozen"
        words.append(f"{frozen} and probed on {joined(places)}")
    text = ", ".join(words) + "."
    return text[0].upper() + text[1:]


def _encoders(rows: Sequence[Row]) -> str:
    names = {row.name: row for row in rows}
    controlled = [row.presentation.family.label for row in names.values() if row.group == "row"]
    counts = [
        f"{controlled.count(family.label)} with {family.label} targets"
        for family in families(names.values())
    ]
    for group in NOT_CONTROLLED:
        if number := sum(row.group == group for row in names.values()):
            counts.append(f"{number} {group}")
    if counts == [f"{len(names)} released"]:
        return _count(len(names), "released speech encoder")
    kinds = f" ({', '.join(counts)})" if counts else ""
    return f"{_count(len(names), 'speech encoder')}{kinds}"


def _pretraining(runs: Sequence[PretrainRun], seeds: Set[int]) -> str:
    updates = sorted({int(n) for run in runs if (n := run.record.get("updates"))})
    corpora: dict[str, None] = {}
    for run in runs:
        corpus = run.record.get("corpus") or {}
        hours = corpus.get("hours")
        name = corpus_words(
            str(corpus.get("name", "an unnamed corpus")), bool(corpus.get("synthetic"))
        )
        corpora[name + (f" ({hours:.2f} hours)" if isinstance(hours, int | float) else "")] = None
    text = "pre-trained"
    if updates:
        each = " each" if len(runs) > 1 else ""
        text += f" for {' or '.join(f'{n:,}' for n in updates)} updates{each}"
    text += f" on {' or '.join(corpora)}"
    return text + (f", {_count(len(seeds), 'seed')}" if seeds else "")


def conclusions(grid: Grid, found: Evidence, flags: Mapping[str, str]) -> list[str]:
    """Returns what one grid says, one sentence each; what is better only by a verdict.

    :param flags: Row name -> words of warning: a collapsed row is no row's better.
    """
    sentences = []
    rows = {row.name: row for row in grid.rows if row.group == "row"}
    collapsed = [name for name in rows if is_flagged(flags, name, COLLAPSED)]
    if collapsed:
        named = ", ".join(row_words(rows.pop(name)) for name in collapsed)
        sentences.append(f"Left out of the numbers named here, because collapsed: {named}.")
    measures = [("UA", ["ua"])] + ([("Mean CCC", list(CCC))] if grid.has_dimensions else [])
    for title, metrics in measures:
        values = {name: grid.average(name, metrics) for name in rows}
        known = {name: value for name, value in values.items() if value is not None}
        if known:
            sentences.append(_order(title, rows, known, found))
            sentences += _missing(grid, title, metrics)
    sentences += verdicts(grid, found, flags)
    sentences += _beside_constant(grid, list(rows), found)
    return sentences + reach(grid, found)


def _order(title: str, rows: Mapping[str, Row], known: Mapping[str, float], found: Evidence) -> str:
    """Describes the numbers; whether they differ is for the verdicts to say."""
    order = sorted(known, key=lambda name: -known[name])
    first = order[0]
    sure = found.intervals.get((first, "ua")) if title == "UA" else None
    text = f"{title}: the highest number is {_show(title, known[first])}"
    if sure and sure.low == sure.low:
        text += f" [{100 * sure.low:.1f}, {100 * sure.high:.1f}]"
    text += f" ({row_words(rows[first])})"
    if len(order) > 1:
        text += f", then {_show(title, known[order[1]])} ({row_words(rows[order[1]])}); the rows "
        text += f"span {_show(title, known[first] - known[order[-1]], gap=True)}"
    return text + (". CCC is not tested, MSE is." if title != "UA" else ".")


def _missing(grid: Grid, title: str, metrics: Sequence[str]) -> list[str]:
    absent = [name for name in _WORDS if grid.average(name, metrics) is None]
    if not absent:
        return []
    return [
        f"{title}: no score of {', '.join(_WORDS[name] for name in absent)}, so part of the "
        "question whether pre-training helps stays open."
    ]


def _beside_constant(grid: Grid, names: Sequence[str], found: Evidence) -> list[str]:
    """Names the measures in which rows are not clear of an answer that needs no features."""
    faults = []
    for metric, words in METRIC_WORDS.items():
        limit = grid.value("constant", metric)
        sure = [
            found.intervals[name, metric] for name in names if (name, metric) in found.intervals
        ]
        # With one speaker no interval is known at all, which is said elsewhere.
        if limit is None or not any(x.low == x.low for x in sure):
            continue
        lower = metric in MSE
        # Not "low < limit": an interval that is not known is not clear of anything.
        unclear = sum(not (x.high < limit if lower else x.low > limit) for x in sure)
        if unclear:
            faults.append(f"{words} {_share(unclear, len(sure))}")
    if not faults:
        return []
    return [
        f"Rows whose interval is not clear of the constant predictor's number: {', '.join(faults)}."
    ]


_WORDS = {
    "untrained": "the untrained encoder",
    "log-mel": "log-mel statistics",
    "constant": "the constant predictor",
}


def _show(title: str, value: float, *, gap: bool = False) -> str:
    if title == "UA":
        return f"{100 * value:.1f}\u00a0{'points' if gap else '%'}"
    return f"{value:.3f}"


def _share(number: int, of: int) -> str:
    return f"{number} of {of}" if number < of or of == 1 else f"all {of}"


def _count(number: int, thing: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    text = words[number] if number < len(words) else str(number)
    return f"{text} {thing}{'' if number == 1 else 's'}"
