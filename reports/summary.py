"""The report's first paragraphs: what was compared, and what came out, in words."""

from collections.abc import Sequence

from reports.records import PretrainRun, Row, setting_label
from reports.scores import CCC, Grid, corpus_words, protocol_words

NOT_TESTED = (
    "No difference between rows is tested in this version: with one seed and few speakers, gaps of "
    "a few points can be chance."
)


def design(pretrain: Sequence[PretrainRun], grids: Sequence[Grid]) -> str:
    """Returns one sentence or two on what was compared, on which data."""
    runs = [run for run in pretrain if run.row.group == "row"]
    names: dict[str, str] = {run.row.name: run.row.mode for run in runs}
    for grid in grids:
        names |= {row.name: row.mode for row in grid.rows if row.group == "row"}
    counts = [
        f"{number} with {mode} targets"
        for mode in ("quantized", "continuous")
        if (number := sum(found == mode for found in names.values()))
    ]
    words = [f"{_count(len(names), 'speech encoder')} ({', '.join(counts) or 'no known targets'})"]
    if runs:
        first = runs[0].record
        corpus = first.get("corpus") or {}
        seeds = sorted({str(run.row.seed) for run in runs})
        updates = sorted({int(run.record.get("updates") or 0) for run in runs})
        hours = corpus.get("hours")
        size = f" ({hours:.2f} hours)" if isinstance(hours, int | float) else ""
        name = corpus_words(
            str(corpus.get("name", "an unnamed corpus")), bool(corpus.get("synthetic"))
        )
        words.append(
            f"pre-trained for {' or '.join(f'{n:,}' for n in updates)} updates each on "
            f"{name}{size}, {_count(len(seeds), 'seed')}"
        )
    places = [
        f"{corpus_words(grid.corpus, grid.synthetic)} "
        f"({protocol_words(grid.protocol)}, {grid.head} head)"
        for grid in grids
    ]
    if places:
        words.append("then frozen and probed on " + " and ".join(places))
    text = ", ".join(words) + "."
    return text[0].upper() + text[1:]


def conclusions(grid: Grid) -> list[str]:
    """Returns what one grid says, one sentence each, from the numbers alone."""
    sentences = []
    rows = {row.name: row for row in grid.rows if row.group == "row"}
    measures = [("UA", ["ua"])] + ([("Mean CCC", list(CCC))] if grid.has_dimensions else [])
    for title, metrics in measures:
        values = {name: grid.average(name, metrics) for name in rows}
        known = {name: value for name, value in values.items() if value is not None}
        if not known:
            continue
        order = sorted(known, key=lambda name: -known[name])
        text = f"{title}: best is {_label(rows[order[0]])} with {_show(title, known[order[0]])}"
        if len(order) > 1:
            text += (
                f", then {_label(rows[order[1]])} with {_show(title, known[order[1]])}; the rows "
                f"span {_show(title, known[order[0]] - known[order[-1]], gap=True)}"
            )
        sentences.append(text + ".")
        sentences += _families(title, rows, order, known)
        sentences += _against_baselines(grid, title, metrics, known)
    sentences += _worse_than_constant(grid, list(rows))
    return sentences


def _families(
    title: str, rows: dict[str, Row], order: Sequence[str], known: dict[str, float]
) -> list[str]:
    """The paper's question in one sentence: the best of each family side by side."""
    best = {
        mode: next((name for name in order if rows[name].mode == mode), None)
        for mode in ("quantized", "continuous")
    }
    quantized, continuous = best["quantized"], best["continuous"]
    if quantized is None or continuous is None:
        return []
    gap = known[continuous] - known[quantized]
    ahead = "continuous" if gap > 0 else "quantized"
    return [
        f"{title}, best of each family: quantized {_show(title, known[quantized])}, continuous "
        f"{_show(title, known[continuous])}; {ahead} is ahead by "
        f"{_show(title, abs(gap), gap=True)}."
    ]


def _against_baselines(
    grid: Grid, title: str, metrics: Sequence[str], known: dict[str, float]
) -> list[str]:
    parts, absent = [], []
    for name in ("untrained", "log-mel", "constant"):
        level = grid.average(name, metrics)
        if level is None:
            absent.append(name)
            continue
        above = sum(value > level for value in known.values())
        number = f"all {above}" if above == len(known) else f"{above or 'none'} of {len(known)}"
        parts.append(f"{number} above {_WORDS[name]} ({_show(title, level)})")
    sentences = (
        [f"{title}, pre-trained rows against baselines: {'; '.join(parts)}."] if parts else []
    )
    if absent:
        sentences.append(
            f"{title}: no score of {', '.join(_WORDS[name] for name in absent)}, so part of the "
            "question whether pre-training helps stays open."
        )
    return sentences


def _worse_than_constant(grid: Grid, names: Sequence[str]) -> list[str]:
    faults = []
    for metric in ("mse_valence", "mse_arousal", "mse_dominance"):
        limit = grid.value("constant", metric)
        values = [grid.value(name, metric) for name in names]
        known = [value for value in values if value is not None]
        if limit is not None and known:
            worse = sum(value >= limit for value in known)
            faults += [f"{metric.removeprefix('mse_')} {worse} of {len(known)}"] if worse else []
    if not faults:
        return []
    return [f"MSE no better than the constant predictor: {', '.join(faults)} rows."]


_WORDS = {
    "untrained": "the untrained encoder",
    "log-mel": "log-mel statistics",
    "constant": "the constant predictor",
}


def _label(row: Row) -> str:
    label = setting_label(row.mode, row.setting, row.name)
    return row.name if label == row.name else f"{row.mode} {label}"


def _show(title: str, value: float, *, gap: bool = False) -> str:
    if title == "UA":
        return f"{100 * value:.1f}\u00a0{'points' if gap else '%'}"
    return f"{value:.3f}"


def _count(number: int, thing: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    text = words[number] if number < len(words) else str(number)
    return f"{text} {thing}{'' if number == 1 else 's'}"
