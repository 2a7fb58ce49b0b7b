"""What a head that mixes layers learned of them: the share that it gives to each."""

from collections.abc import Sequence

import pandas as pd

from reports.palette import colours
from reports.read.records import ProbeRun, row_words
from reports.read.scores import Grid
from reports.table_data import Cell, Column, Line, Table

_COLUMNS = ("row", "seed", "corpus", "protocol", "head", "task", "fold", "layer", "strength")


def layer_weight_tables(grid: Grid, runs: Sequence[ProbeRun]) -> list[Table]:
    """Returns one table of mean layer weights, rows by tasks; none for a head that weighs none.

    :param runs: All that were read; those of the grid's folders count.
    """
    if not grid.head_shown.weighs_layers:
        return []
    found = [
        _of_grid(grid, run.selection)
        for run in runs
        if str(run.folder) in grid.folders and all(c in run.selection for c in _COLUMNS)
    ]
    if not found or (weights := pd.concat(found, ignore_index=True)).empty:
        return []
    weights = weights.drop_duplicates(["row", "seed", "task", "fold", "layer"])
    layers = sorted(set(weights["layer"]), key=int)
    palette = colours(grid.rows)
    lines = []
    for task in dict.fromkeys(weights["task"]):
        for name in grid.names:
            own = weights[(weights["task"] == task) & (weights["row"] == name)]
            mean = own.groupby("layer")["strength"].mean()
            if len(mean) < 2:  # Log-mel frames are one layer: there is nothing to weigh.
                continue
            cells = {"row": Cell(text=row_words(grid.row(name)))}
            cells |= {layer: Cell(text=f"{mean[layer]:.3f}") for layer in layers if layer in mean}
            lines.append(Line(part=task, cells=cells, colour=palette[name]))
    if not lines:
        return []
    return [
        Table(
            name=f"layer-weights-{grid.slug}",
            title=f"Learned layer weights on {grid.title}",
            columns=[
                Column(key="row", title="row", text=True),
                *(Column(key=layer, title=layer, group="weight of layer") for layer in layers),
            ],
            lines=lines,
            notes=[
                "Mean over folds and seeds; the weights of a network sum to 1 and start equal. "
                "Layers are not scaled to equal size, so a weight is no measure of what a layer "
                "knows."
            ],
        )
    ]


def _of_grid(grid: Grid, selection: pd.DataFrame) -> pd.DataFrame:
    chosen = selection[
        (selection["corpus"] == grid.corpus)
        & (selection["protocol"] == grid.protocol)
        & (selection["head"] == grid.head)
    ]
    numbered = chosen["layer"].str.isdigit()
    return chosen[numbered].assign(
        strength=pd.to_numeric(chosen["strength"][numbered], errors="coerce")
    )
