"""The tables of the report: Table 4 with the paper's numbers beside ours, layers, runs."""

from collections.abc import Mapping, Sequence

from pretrain.objectives.known_rows import presentation_in
from pretrain.objectives.presentation import Presentation
from reports.palette import colours
from reports.read.health import COLLAPSED, is_flagged
from reports.read.paper import CONSTANT, PAPER, SAVEE, TABLE_4, PaperRow, paper_row, setups_for
from reports.read.records import row_words
from reports.read.scores import ATTRIBUTES, CCC, MSE, Grid
from reports.table_data import Cell, Column, Line, Table
from reports.uncertainty.held_out import Explained
from reports.words import PARTS, PERCENT, TITLES, number

SHOWN_AS_ZERO = 0.0005
"""A CCC below it is shown as 0.000."""

MOST_NOTES = 6
"""Of the corpus, under its table."""


def table_4(
    grid: Grid, flags: Mapping[str, str], held_out: Mapping[str, Explained] | None = None
) -> Table:
    """Returns the paper's grid for one corpus, protocol and head.

    :param flags: Row name -> word of warning, for rows that collapsed.
    :param held_out: Row name -> what it explains of held-out speech, for rows that held some out.
    """
    ours = [metric for metric in MSE + CCC + PERCENT if (grid.scores["metric"] == metric).any()]
    setups: tuple[str, ...] = ()
    if grid.has_own_rows:
        setups = setups_for(grid.protocol, with_dimensions=grid.has_dimensions)
    columns = [Column(key="encoder", title="encoder", text=True)]
    if grid.has_own_rows:
        columns = [
            Column(key="target", title="target", text=True),
            Column(key="setting", title="setting", text=True),
            Column(key="centres", title="centres"),
        ]
    sizes = any(row.group == "released" and row.num_parameters for row in grid.rows)
    if sizes:
        columns.append(Column(key="parameters", title="M weights"))
    for metric in ours:
        kind = "MSE" if metric in MSE else "CCC" if metric in CCC else "classes, %"
        group = f"ours: {kind}" if setups else kind
        columns.append(Column(key=metric, title=TITLES[metric], group=group))
    learned = {name: one for name, one in (held_out or {}).items() if name in grid.names}
    columns.append(Column(key="seeds", title="seeds", group="ours" if setups else ""))
    if learned:
        columns.append(Column(key="explained", title="explained", group="ours: held-out speech"))
    for setup in setups:
        for metric in TABLE_4[0].scores[setup]:
            if grid.has_dimensions or metric not in MSE:
                key = f"paper_{'savee' if setup == SAVEE else 'iemocap'}_{metric}"
                title = TITLES[metric] + (" MSE" if metric in MSE else "")
                columns.append(Column(key=key, title=title, group=f"paper: {setup}"))
    constants = {metric: grid.value("constant", metric) for metric in MSE}
    best = _best(grid, ours, flags)
    palette = colours(grid.rows)
    lines = []
    for name in grid.names:
        row = grid.row(name)
        cells = {
            **_setting_cells(row.target, row.presentation, row.label, flags.get(name, "")),
            **_paper_cells(setups, paper_row(row.mode, row.setting), name),
            "seeds": Cell(text=str(grid.seeds(name) or "none")),
        }
        if not grid.has_own_rows:
            cells["encoder"] = Cell(text=row_words(row), flag=flags.get(name, ""))
        if sizes and row.num_parameters:
            cells["parameters"] = Cell(text=f"{row.num_parameters / 1e6:.3g}")
        if one := learned.get(name):
            low, high = f"{one.low:.3f}", f"{one.high:.3f}"
            cells["explained"] = Cell(text=f"{one.value:.3f}", low=low, high=high)
        for metric in ours:
            value = grid.value(name, metric)
            limit = constants.get(metric)
            cells[metric] = Cell(
                text=number(metric, value),
                best=best.get(metric) == name,
                worse_than_constant=name != "constant"
                and value is not None
                and limit is not None
                and value >= limit,
            )
        lines.append(Line(part=PARTS[row.group], cells=cells, colour=palette[name]))
    lines += _missing_lines(grid, setups)
    lines.sort(key=lambda line: list(PARTS.values()).index(line.part))
    return Table(
        name=f"table4-{grid.slug}",
        title=f"{grid.table_words} on {grid.title}",
        columns=columns,
        lines=lines,
        notes=[*_notes(grid, setups, constants, flags, best), *_learned_notes(learned)],
    )


def paper_table() -> Table:
    """Returns the whole of the paper's Table 4 as printed."""
    columns = [
        Column(key="target", title="target", text=True),
        Column(key="setting", title="setting", text=True),
        Column(key="centres", title="centres"),
    ]
    for setup, scores in TABLE_4[0].scores.items():
        for metric in scores:
            title = TITLES[metric] + (" MSE" if metric in MSE else "")
            columns.append(Column(key=f"{setup}: {metric}", title=title, group=setup))
    lines = []
    for published in TABLE_4:
        cells = _paper_setting(published)
        for setup, scores in published.scores.items():
            for metric, value in scores.items():
                limit = CONSTANT.get(setup, {}).get(metric)
                cells[f"{setup}: {metric}"] = Cell(
                    text=_as_printed(metric, value),
                    worse_than_constant=limit is not None and value >= limit,
                )
        lines.append(Line(part="Printed in the paper", cells=cells))
    constant = {
        f"{setup}: {metric}": Cell(text=f"{value:.3f}")
        for setup, scores in CONSTANT.items()
        for metric, value in scores.items()
    }
    constant["target"] = Cell(text="constant")
    lines.append(Line(part="Not in the paper: training mean, from the labels", cells=constant))
    return Table(
        name="paper-table4",
        title=f"The paper's own numbers ({PAPER})",
        columns=columns,
        lines=lines,
        notes=["A dagger marks an MSE that is no better than the training mean."],
    )


def layer_tables(grid: Grid) -> list[Table]:
    """Returns one table per headline metric or attribute: rows by layers."""
    layers = grid.layers()
    tables = []
    for metric in ("ua", *CCC, *ATTRIBUTES):
        values = {
            name: [grid.value(name, metric, layer) for layer in layers] for name in grid.names
        }
        values = {name: row for name, row in values.items() if any(v is not None for v in row)}
        if not layers or not values:
            continue
        title = f"CCC of {metric.removeprefix('ccc_')}" if metric in CCC else "UA, %"
        if metric in ATTRIBUTES:
            title = f"UA of the {metric.removesuffix('_ua')}, %"
        columns = [Column(key="row", title="row", text=True)]
        columns += [Column(key=f"layer_{x}", title=x, group="layer") for x in layers]
        palette = colours(grid.rows)
        lines = [
            Line(
                part=PARTS[grid.row(name).group],
                cells={
                    "row": Cell(text=name),
                    **{
                        f"layer_{layer}": Cell(text=number(metric, value))
                        for layer, value in zip(layers, row, strict=True)
                    },
                },
                colour=palette[name],
            )
            for name, row in values.items()
        ]
        tables.append(
            Table(
                name=f"layers-{metric.replace('_', '-')}-{grid.slug}",
                title=f"{title} by layer on {grid.title}",
                columns=columns,
                lines=lines,
                notes=[
                    "Layer 0 is the input of the first Transformer block. These are test scores:"
                    " the layer that is reported was chosen on the dev part, not here.",
                    *_attribute_notes(grid, metric),
                ],
            )
        )
    return tables


def _attribute_notes(grid: Grid, metric: str) -> list[str]:
    """Returns folds and chance of an attribute; nothing for a metric of Table 4."""
    if metric not in ATTRIBUTES:
        return []
    chance = grid.chance(metric)
    notes = [
        "No part of the tables of scores: "
        + str(grid.attributes.get(metric, {}).get("folds", ""))
        + "."
    ]
    return notes if chance is None else [*notes, f"Any one answer gets {100 * chance:.1f} %."]


def _setting_cells(target: str, shown: Presentation, label: str, flag: str = "") -> dict[str, Cell]:
    return {
        "target": Cell(text=target),
        "setting": Cell(text="" if label == target else label, flag=flag),
        "centres": Cell(text="" if shown.centres is None else str(shown.centres)),
    }


def _paper_setting(published: PaperRow, flag: str = "") -> dict[str, Cell]:
    shown = presentation_in({"mode": published.mode, "row": published.row})
    return _setting_cells(published.mode, shown, shown.label, flag)


def _as_printed(metric: str, value: float) -> str:
    return f"{value:.2f}" if metric in MSE else f"{value:.1f}"


def _paper_cells(setups: Sequence[str], published: PaperRow | None, name: str) -> dict[str, Cell]:
    cells = {}
    for setup in setups:
        key = f"paper_{'savee' if setup == SAVEE else 'iemocap'}"
        limits = CONSTANT.get(setup, {})
        if published is not None:
            for metric, value in published.scores[setup].items():
                cells[f"{key}_{metric}"] = Cell(
                    text=_as_printed(metric, value),
                    worse_than_constant=metric in limits and value >= limits[metric],
                )
        elif name == "constant":
            for metric, value in limits.items():
                cells[f"{key}_{metric}"] = Cell(text=f"{value:.3f}")
    return cells


def _missing_lines(grid: Grid, setups: Sequence[str]) -> list[Line]:
    """The paper's rows that were not run, so that nobody takes the table for complete; none where
    no row was pre-trained here at all."""
    if not setups:
        return []
    found = [paper_row(row.mode, row.setting) for row in grid.rows if row.group == "row"]
    return [
        Line(
            part=PARTS["row"],
            cells={
                **_paper_setting(published, flag="not run"),
                **_paper_cells(setups, published, ""),
            },
        )
        for published in TABLE_4
        if published not in found
    ]


def _best(grid: Grid, metrics: Sequence[str], flags: Mapping[str, str]) -> dict[str, str]:
    """Returns metric -> first of the controlled rows that did not collapse, by the value alone."""
    names = [
        name
        for name in grid.names
        if grid.row(name).group == "row" and not is_flagged(flags, name, COLLAPSED)
    ]
    best = {}
    for metric in metrics:
        values = {name: grid.value(name, metric) for name in names}
        known = {name: value for name, value in values.items() if value is not None}
        if len(known) > 1:
            best[metric] = (min if metric in MSE else max)(known, key=lambda name: known[name])
    return best


def _notes(
    grid: Grid,
    setups: Sequence[str],
    constants: Mapping[str, float | None],
    flags: Mapping[str, str],
    best: Mapping[str, str],
) -> list[str]:
    notes = [f"{grid.description[0].upper()}{grid.description[1:]}."] if grid.description else []
    if setups:
        tested = f"{grid.title}{f'; {grid.description}' if grid.description else ''}."
        paper = (
            f"Paper: {' and '.join(setups)}, another corpus: compare the pattern, not the level."
        )
        notes = [f"Ours: {tested} {paper}"]
    notes += grid.notes[:MOST_NOTES]
    if (left := len(grid.notes) - MOST_NOTES) > 0:
        notes.append(f"{left} more notes on the corpus are in run.json.")
    if grid.has_dimensions:
        notes.append(f"Source of the valence, arousal and dominance labels: {grid.label_source}.")
        if any(value is None for value in constants.values()):
            notes.append("No constant predictor in this table: its MSE cells cannot be judged.")
        else:
            notes.append("A dagger marks an MSE that is no better than the constant predictor's.")
        if any(abs(grid.value("constant", metric) or 0.0) >= SHOWN_AS_ZERO for metric in CCC):
            notes.append(
                "The constant predictor's CCC is not exactly 0, because it answers with another "
                "mean in every fold: where the tested speakers are above the mean, the mean of "
                "all others is below."
            )
        if any(setup in CONSTANT for setup in setups):
            notes.append(
                "The constant predictor beside the paper's numbers is computed from "
                "IEMOCAP's labels; the paper does not print it."
            )
    if any(grid.seeds(name) > 1 for name in grid.names):
        notes.append("Values are means over seeds.")
    if best:
        notes.append(
            "Bold: the first of the controlled rows by its number alone. Whether it differs from "
            "another row is for the tests below to say."
            + (
                " A collapsed row is never bold."
                if any(is_flagged(flags, name, COLLAPSED) for name in grid.names)
                else ""
            )
        )
    return notes


def _learned_notes(learned: Mapping[str, Explained]) -> list[str]:
    limits = {(one.control, f"{one.limit:.3f}") for one in learned.values()}
    return [
        "Explained: share of an uninformed predictor's loss that a row saves on speakers that no "
        f"row was trained on. It has learned above {limit}"
        + (f", the upper limit of {control}, whose targets cannot be learned." if control else ".")
        + " Verdicts leave out rows that have not."
        for control, limit in sorted(limits)
    ]
