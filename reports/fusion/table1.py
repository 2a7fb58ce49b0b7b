"""Table 1: the published systems as cited, and ours as measured, each with its selection rule."""

from collections.abc import Mapping, Sequence

from reports.fusion.evidence import FusionEvidence
from reports.fusion.paper import TABLE_1, TABLE_1_SOURCE
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import OPTIMISTIC, SEARCHED
from reports.fusion.table5 import COLOURS, bounds
from reports.table_data import Cell, Column, Line, Table
from reports.words import percent

OURS = ("tec", SEARCHED)
"""Variants of ours that stand beside the published systems where they were run."""

DEV_RULE = "dev part of each fold"


def table_1(
    grids: Sequence[MfsnGrid],
    found: Mapping[str, FusionEvidence],
    flags: Mapping[str, Mapping[str, str]],
) -> Table:
    """Returns one part per set-up of the paper, then one per corpus and protocol of ours.

    :param found: Slug of the grid -> its intervals.
    :param flags: Slug of the grid -> variant -> words of warning.
    """
    columns = [
        Column(key="system", title="system", text=True),
        Column(key="ua", title="UA, %"),
        Column(key="ua_interval", title="95 %"),
        Column(key="wa", title="WA, %"),
        Column(key="wa_interval", title="95 %"),
        Column(key="folds", title="folds", text=True),
        Column(key="selection", title="epoch selected on", text=True),
        Column(key="source", title="source", text=True),
    ]
    optimistic = [g for g in grids if any(_has(g, v.name, OPTIMISTIC) for v in g.variants)]
    if optimistic:
        columns[5:5] = [
            Column(key="optimistic_ua", title="UA, %", group=OPTIMISTIC),
            Column(key="optimistic_wa", title="WA, %", group=OPTIMISTIC),
        ]
    lines = [
        Line(
            part=f"Published: {setup}",
            cells={
                "system": Cell(text=system.system),
                "ua": Cell(text="" if system.ua is None else f"{system.ua:.1f}"),
                "wa": Cell(text=f"{system.wa:.1f}"),
                "selection": Cell(text=system.selection),
                "source": Cell(text="cited"),
            },
        )
        for setup, systems in TABLE_1.items()
        for system in systems
    ]
    for grid in grids:
        lines += _own(grid, found[grid.slug], flags.get(grid.slug, {}))
    notes = [
        "95 %: interval, speakers as the units, seeds crossed with them; the papers give none.",
        f"Published rows as printed in {TABLE_1_SOURCE}, none measured here. SAVEE's 10-fold is "
        "most likely speaker-dependent, so it must not be read beside leave-one-speaker-out.",
        "Ours: other encoders, pre-trained on far less speech, and a smaller head: compare MFSN "
        "with our own Co-attention row, not with the published level.",
    ]
    notes += [
        f"{grid.title}: only {grid.folds_words} {grid.were} run. These are numbers of the speakers "
        "tested there, not of the corpus: no published number may be held against them."
        for grid in grids
        if grid.is_partial
    ]
    notes += [f"{grid.title}: {note}" for grid in grids for note in grid.notes]
    return Table(
        name="table1-mfsn",
        title="Table 1: published systems, and ours",
        columns=columns,
        lines=lines,
        notes=notes,
    )


def _own(grid: MfsnGrid, found: FusionEvidence, flags: Mapping[str, str]) -> list[Line]:
    lines = []
    labels = {variant.name: variant.label for variant in grid.variants}
    names = [name for name in OURS if name in labels] or list(labels)
    for name in names:
        dev = _has(grid, name)
        cells = {
            "system": Cell(text=labels[name], flag=flags.get(name, "")),
            "folds": Cell(text=grid.folds_words, flag="not all" if grid.is_partial else ""),
            "ua": Cell(text=percent(grid.mean(name, "ua"))),
            "wa": Cell(text=percent(grid.mean(name, "wa"))),
            "optimistic_ua": Cell(text=percent(grid.mean(name, "ua", OPTIMISTIC))),
            "optimistic_wa": Cell(text=percent(grid.mean(name, "wa", OPTIMISTIC))),
            "selection": Cell(text=DEV_RULE if dev else "test part only: no result"),
            "source": Cell(text="measured", flag="synthetic" if grid.synthetic else ""),
        }
        for metric in ("ua", "wa"):
            if (name, metric) in found.intervals:
                sure = found.intervals[name, metric]
                cells[f"{metric}_interval"] = Cell(text=bounds(sure.low, sure.high))
        lines.append(
            Line(part=f"Ours: {grid.title}", cells=cells, colour=COLOURS.get(name, "#4d4d4d"))
        )
    return lines


def _has(grid: MfsnGrid, name: str, selection: str = "dev") -> bool:
    return grid.mean(name, "ua", selection) is not None
