"""What can be read off every row on held-out speech, while it is trained."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from reports.figures.drawing import Drawing, spread_labels
from reports.palette import colours
from reports.read.records import PretrainRun

PANELS = {
    "explained": "Explained of its own task",
    "r2_logmel": "R2 of log-mel from its states",
    "nearest_64": "Nearest of 64 centroids right",
}
"""Column -> heading."""


def read_outs_of(runs: Sequence[PretrainRun]) -> pd.DataFrame:
    """Returns a line for each run and update: `row`, `seed`, `update` and the values."""
    lines = [
        {"row": run.row.name, "seed": run.row.seed, **values}
        for run in runs
        for values in (run.record.get("held_out") or {}).get("read_outs", ())
    ]
    return pd.DataFrame(lines, columns=["row", "seed", "update", *PANELS])


def held_out_figures(runs: Sequence[PretrainRun]) -> list[Drawing]:
    """Returns the figure of all runs that held speech out; none where no run did."""
    runs = [run for run in runs if (run.record.get("held_out") or {}).get("read_outs")]
    palette = colours([run.row for run in runs])
    folders = tuple(str(run.folder) for run in runs)
    table = read_outs_of(runs)
    return [read_outs_figure("held-out", table, palette, folders)] if runs else []


def read_outs_figure(
    name: str, table: pd.DataFrame, palette: Mapping[str, str], runs: tuple[str, ...]
) -> Drawing:
    """Draws `table`, a line for each row, seed and update; `palette` is row -> colour."""
    return Drawing(
        name=name,
        title="What was learned of held-out speech",
        caption="On masked frames of speakers that no row is trained on, the same for all rows; "
        "means over seeds. Explained: share of an uninformed predictor's loss that the row saves "
        "in its own task, in which rows are not ranked. R2 and nearest: what a ridge regression "
        "from the states of the last layer tells of the frame's log-mel bands, a question that is "
        "the same for every row.",
        runs=runs,
        width=15.0,
        height=4.4,
        draw=partial(_draw, table=table, palette=palette),
    )


def _draw(figure: Figure, *, table: pd.DataFrame, palette: Mapping[str, str]) -> None:
    all_axes: Any = figure.subplots(1, len(PANELS), squeeze=False)[0]
    pending = []
    for axes, (column, heading) in zip(all_axes, PANELS.items(), strict=True):
        labels = []
        for name in dict.fromkeys(table["row"]):
            mean = table[table["row"] == name].groupby("update")[column].mean()
            x, y = mean.index.to_numpy(float), mean.to_numpy(float)
            axes.plot(x, y, color=palette[name], linewidth=2.0, marker="o", markersize=3.5)
            labels.append((float(x[-1]), float(y[-1]), name, palette[name]))
        axes.axhline(0, color="#888888", linewidth=1)
        axes.set_title(heading)
        axes.set_xlabel("update")
        axes.margins(x=0.02)
        pending.append((axes, labels))
    figure.draw_without_rendering()
    for axes, labels in pending:
        spread_labels(axes, labels)
