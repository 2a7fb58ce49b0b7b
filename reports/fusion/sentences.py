"""What MFSN's comparison came to, in words that claim no more than the intervals allow."""

from collections.abc import Sequence

from mfsn.roles import SEC_CONTENT, TEC_CONTENT
from reports.fusion.evidence import METRICS, FusionEvidence
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import OPTIMISTIC, SEARCHED, TEC_ALONE
from reports.fusion.table5 import bounds, signed
from reports.uncertainty.intervals import (
    BETTER,
    CANNOT_BE_DECIDED,
    NO_DIFFERENCE,
    WORSE,
)
from reports.words import p_words, percent

SHORT = {
    "tec": "TEC alone",
    "sec": "SEC alone",
    "sec-quantized": "quantized SEC alone",
    "sec-continuous": "continuous SEC alone",
    "both": "both without search",
    "derived": "the derived structure trained from scratch",
}
"""Variants in sentences."""

SINGLE_STREAM = ("tec", "sec", "sec-quantized", "sec-continuous")

VERDICTS = {
    BETTER: "better",
    WORSE: "worse",
    NO_DIFFERENCE: "no significant difference",
    CANNOT_BE_DECIDED: "cannot be decided with so few speakers",
}


def design(grids: Sequence[MfsnGrid]) -> str:
    """Returns one sentence on what was searched, on which data."""
    places = []
    for grid in grids:
        trained = grid.first.record.get("trained_parts") or []
        words = f"{grid.title}: {len(grid.variants)} networks"
        words += f", trained: {', '.join(map(str, trained))}" if trained else ""
        places.append(words)
    return (
        f"MFSN, which fuses {TEC_CONTENT} (TEC) and {SEC_CONTENT} (SEC), each of an encoder, by a "
        "searched structure, beside networks without search or with one stream, on "
        f"{'; '.join(places)}."
    )


def sentences(grid: MfsnGrid, found: FusionEvidence) -> list[str]:
    """Returns the comparison of one table, the headline first."""
    ua = grid.mean(SEARCHED, "ua")
    said = []
    if grid.first.faults:
        said.append(
            "With faults of the public code switched on: " + ", ".join(grid.first.faults) + "."
        )
    if ua is None:
        return [*said, _without_search(grid, found)]
    sure = found.intervals.get((SEARCHED, "ua"))
    seeds = len(grid.scores(SEARCHED, "ua"))
    if grid.is_partial:
        said.append(
            f"Only {grid.folds_words} {grid.were} run: these are numbers of the speakers tested "
            "there, not of the corpus, and no published number may be held against them."
        )
    said.append(
        f"MFSN: UA {percent(ua)}\u00a0%"
        + (f" {bounds(sure.low, sure.high)}" if sure else "")
        + f", WA {percent(grid.mean(SEARCHED, 'wa'))}\u00a0%; mean over "
        f"{seeds} {'seed' if seeds == 1 else 'seeds'}"
        + (f", {sure.num_speakers} speakers." if sure else ".")
    )
    names = [variant.name for variant in grid.variants if variant.name != SEARCHED]
    # The single streams are the question; TEC alone is the paper's Co-attention baseline.
    names.sort(key=lambda name: (name != TEC_ALONE, name not in SINGLE_STREAM))
    for name in names:
        said += _difference(name, found)
        if name in found.open:
            said.append(f"MFSN is not compared with {_short(name)}: {found.open[name]}.")
    if not names:
        said.append("No other network was run here, so MFSN is compared with nothing.")
    else:
        said += _together(names, found)
    return said


def _difference(name: str, found: FusionEvidence) -> list[str]:
    parts = []
    for metric in METRICS:
        comparison = found.differences.get((name, metric))
        if comparison is None:
            continue
        interval = bounds(comparison.low, comparison.high, sign=True)
        p_value = p_words(comparison.adjusted_p)
        parts.append(
            f"{metric.upper()} {signed(comparison.difference)}\u00a0points {interval}, "
            f"p {p_value if p_value.startswith('<') else f'= {p_value}'} (Holm): "
            f"{VERDICTS[comparison.verdict]}"
        )
    return [f"MFSN minus {_short(name)}: {'; '.join(parts)}."] if parts else []


def _together(names: list[str], found: FusionEvidence) -> list[str]:
    """The ablation's question: is the searched network better than every single stream?"""
    single = [name for name in names if name in SINGLE_STREAM]
    judged = [name for name in single if (name, "ua") in found.differences]
    if not judged:
        return []
    better = [name for name in judged if found.differences[name, "ua"].verdict == BETTER]
    if len(better) == len(judged) == len(single) and len(single) > 1:
        return [f"On UA, MFSN is better than each of the {len(single)} single streams."]
    rest = [name for name in single if name not in better]
    if not better:
        return ["That MFSN is better on UA than any single stream is not shown here."]
    return [
        f"On UA, MFSN is better than {', '.join(map(_short, better))}"
        + (f"; for {', '.join(map(_short, rest))} this is not shown." if rest else ".")
    ]


def _without_search(grid: MfsnGrid, found: FusionEvidence) -> str:
    scores = []
    for variant in grid.variants:
        ua = grid.mean(variant.name, "ua")
        if ua is not None:
            sure = found.intervals.get((variant.name, "ua"))
            scores.append(
                f"{_short(variant.name)} {percent(ua)}\u00a0%"
                + (f" {bounds(sure.low, sure.high)}" if sure else "")
            )
    if scores:
        return f"No searched network here. UA: {'; '.join(scores)}."
    if any(grid.mean(variant.name, "ua", OPTIMISTIC) is not None for variant in grid.variants):
        return (
            f"Only {OPTIMISTIC} numbers: the test labels chose the epochs, so nothing is concluded."
        )
    return "No scores: only the exhaustive check was run."


def _short(name: str) -> str:
    return SHORT.get(name, name)
