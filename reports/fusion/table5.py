"""Table 5, the ablation: every variant and its scores, the paper's four rows beside."""

from collections.abc import Mapping
from typing import Any

from pretrain.objectives.known_rows import presentation_in
from reports.figures.names import shorten
from reports.fusion.evidence import FusionEvidence
from reports.fusion.paper import TABLE_5, TABLE_5_SOURCE
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import OPTIMISTIC, SEARCHED, Variant
from reports.read.paper import SESSION
from reports.table_data import Cell, Column, Line, Table
from reports.words import percent

OURS = "ours: selected on the dev part"

BLUE, ORANGE, PURPLE, GREEN, GREY = "#1b62a5", "#c8590b", "#6a3d9a", "#1d7a4f", "#4d4d4d"
COLOURS = {
    "tec": GREY,
    "sec-quantized": BLUE,
    "sec-continuous": ORANGE,
    "sec": ORANGE,
    "both": PURPLE,
    "derived": "#a17cc4",
    SEARCHED: GREEN,
}
"""One colour per variant in every figure; told apart with the common colour blindnesses."""


def table_5(grid: MfsnGrid, found: FusionEvidence, flags: Mapping[str, str]) -> Table:
    """Returns the ablation of one corpus and protocol, the paper's four rows beside.

    :param flags: Variant -> words of warning on its encoders and networks.
    """
    titles: list[tuple[str, str, str, bool]] = [
        ("variant", "network", "", True),
        ("tec", "TEC", "", True),
        ("sec", "SEC", "", True),
        ("parameters", "trained, M", "", False),
        ("ua", "UA, %", OURS, False),
        ("ua_interval", "95 %", OURS, False),
        ("wa", "WA, %", OURS, False),
        ("wa_interval", "95 %", OURS, False),
        ("seeds", "seeds", OURS, False),
    ]
    if any(grid.mean(variant.name, "ua", OPTIMISTIC) is not None for variant in grid.variants):
        titles += [("optimistic_ua", "UA, %", OPTIMISTIC, False)]
        titles += [("optimistic_wa", "WA, %", OPTIMISTIC, False)]
    paper = f"paper: {SESSION}"
    titles += [("paper_ua", "UA, %", paper, False), ("paper_wa", "WA, %", paper, False)]
    lines = [_line(grid, variant, found, flags) for variant in grid.variants]
    lines += [
        Line(part="Networks", cells={"variant": Cell(text=name, flag="not run"), **_paper(name)})
        for name in TABLE_5
        if name not in {variant.name for variant in grid.variants}
    ]
    return Table(
        name=f"table5-{grid.slug}",
        title=f"Table 5, the ablation, on {grid.title}",
        columns=[Column(key=k, title=t, group=g, text=x) for k, t, g, x in titles],
        lines=lines,
        notes=_notes(grid),
    )


def signed(value: float) -> str:
    """Returns a difference in points with its sign."""
    return f"{100 * value:+.1f}"


def bounds(low: float, high: float, *, sign: bool = False) -> str:
    """Returns an interval of fractions in percent or points."""
    show = signed if sign else percent
    return f"[{show(low)}, {show(high)}]"


def _line(
    grid: MfsnGrid, variant: Variant, found: FusionEvidence, flags: Mapping[str, str]
) -> Line:
    name = variant.name
    roles = [role for role in variant.streams if role != variant.sec]
    cells = {
        "variant": Cell(text=variant.label, flag=flags.get(name, "")),
        "tec": Cell(text=", ".join(_short(grid, role) for role in roles) or "none"),
        "sec": Cell(text=_with_mode(grid, variant.sec) if variant.sec else "none"),
        "parameters": Cell(text=_parameters(variant.parameters)),
        "seeds": Cell(text=str(len(grid.scores(name, "ua")) or "")),
        "optimistic_ua": Cell(text=percent(grid.mean(name, "ua", OPTIMISTIC))),
        "optimistic_wa": Cell(text=percent(grid.mean(name, "wa", OPTIMISTIC))),
        **_paper(name),
    }
    for metric in ("ua", "wa"):
        cells[metric] = Cell(text=percent(grid.mean(name, metric)))
        if (name, metric) in found.intervals:
            sure = found.intervals[name, metric]
            cells[f"{metric}_interval"] = Cell(text=bounds(sure.low, sure.high))
    return Line(part="Networks", cells=cells, colour=COLOURS.get(name, GREY))


def encoder_words(grid: MfsnGrid, role: str) -> str:
    """Returns the name and setting of the encoder in one role."""
    entry = grid.encoders.get(role)
    if entry is None:
        return role
    name = str(entry.get("name") or role)
    label = presentation_in(entry).label
    words = name if label in (name, "") else f"{name} ({label})"
    return words + (", CTC" if entry.get("finetuned_on") else "")


def _short(grid: MfsnGrid, role: str) -> str:
    """Returns an encoder's setting where it has one; the table of encoders has its name."""
    entry = grid.encoders.get(role)
    if entry is None:
        return role
    name = str(entry.get("name") or role)
    words = presentation_in(entry).label or name
    return shorten(words, 20) + (", CTC" if entry.get("finetuned_on") else "")


def _with_mode(grid: MfsnGrid, role: str) -> str:
    """Returns an encoder's setting and what its run says of its targets, whatever its role is."""
    mode = str((grid.encoders.get(role) or {}).get("mode") or "targets unknown")
    return f"{_short(grid, role)} ({mode})"


def _paper(name: str) -> dict[str, Cell]:
    if name not in TABLE_5:
        return {}
    ua, wa = TABLE_5[name]
    return {"paper_ua": Cell(text=f"{ua:.1f}"), "paper_wa": Cell(text=f"{wa:.1f}")}


def _parameters(value: Mapping[str, Any] | int | None) -> str:
    if isinstance(value, Mapping):
        counts = [number for number in value.values() if isinstance(number, int)]
        value = sum(counts) if counts else None
    return "" if value is None else f"{value / 1e6:.2f}"


def _notes(grid: MfsnGrid) -> list[str]:
    notes = [
        "UA and WA are computed on the pooled predictions of all test folds, per seed, and "
        "averaged over seeds. Every epoch, level and structure of these columns was chosen on "
        "the dev part of its fold.",
        "95 %: interval, speakers as the units, seeds crossed with them.",
        f"Paper: {SESSION} ({TABLE_5_SOURCE}); its encoders, corpus and size are others: compare "
        "the pattern, not the level. It gives no interval, and likely selects on the test part.",
    ]
    if any(grid.mean(variant.name, "ua", OPTIMISTIC) is not None for variant in grid.variants):
        notes.append(
            f'"{OPTIMISTIC}": the epoch was chosen by the very labels it is scored on, as in the '
            "public Co-attention code. It is too high by construction and no result."
        )
    if grid.is_partial:
        notes.insert(
            0, f"Only {grid.folds_words} {grid.were} run: no number here is one of the corpus."
        )
    if grid.first.faults:
        notes.append(f"Faults of the public code switched on: {', '.join(grid.first.faults)}.")
    return notes + grid.notes
