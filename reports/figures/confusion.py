"""Confusion matrices: shares of each true class, with counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from reports.figures.drawing import INK, Drawing
from reports.read.records import row_words
from reports.read.scores import Grid

Matrix = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One matrix to draw."""

    heading: str
    classes: Sequence[str]
    counts: Matrix
    """(C, C), true class by predicted class."""

    colour: str
    """The dark end of its ramp, "#rrggbb"."""


def confusion(predictions: pd.DataFrame, name: str) -> tuple[list[str], Matrix]:
    """Returns the classes and the counts (C, C), true class by predicted class.

    Predictions of all folds and seeds are pooled; the classes are those of all rows.
    """
    emotion = predictions[predictions["task"] == "emotion"]
    classes = sorted(set(emotion["target"]) | set(emotion["prediction"]))
    place = {label: index for index, label in enumerate(classes)}
    chosen = emotion[emotion["row"] == name]
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    targets = chosen["target"].map(place).to_numpy(dtype=np.int64)
    guesses = chosen["prediction"].map(place).to_numpy(dtype=np.int64)
    np.add.at(counts, (targets, guesses), 1)
    return classes, counts


def confusion_figure(grid: Grid) -> Drawing | None:
    """Returns one matrix per row, or None without emotion predictions."""
    if grid.predictions.empty or not (grid.predictions["task"] == "emotion").any():
        return None
    have = set(grid.predictions.loc[grid.predictions["task"] == "emotion", "row"])
    names = [name for name in grid.names if name in have and name != "constant"]
    if not names:
        return None
    columns = min(4, len(names)) if len(names) != 6 else 3
    num_lines = -(-len(names) // columns)
    side = side_of(len(confusion(grid.predictions, names[0])[0]))
    return Drawing(
        name=f"confusion-{grid.slug}",
        title=f"Confusion matrices: {grid.title}",
        caption="Rows: true class; columns: predicted class; large: percent of the true class, "
        "small: number of utterances, pooled over test folds and seeds. UA is the mean of the "
        "diagonal.",
        runs=grid.folders,
        width=1.2 + (side + 0.2) * columns,
        height=0.5 + (side + 1.35) * num_lines,
        draw=partial(_draw, grid=grid, names=names, columns=columns),
    )


def side_of(num_classes: int) -> float:
    """Returns the width of one matrix in inches."""
    return (0.56 if num_classes <= 5 else 0.46) * num_classes


def _draw(figure: Figure, *, grid: Grid, names: Sequence[str], columns: int) -> None:
    panels = []
    for name in names:
        row = grid.row(name)
        classes, counts = confusion(grid.predictions, name)
        ua = grid.value(name, "ua")
        heading = row_words(row) + (f"\nUA {100 * ua:.1f} %" if ua is not None else "")
        panels.append(
            Panel(
                heading=heading,
                classes=classes,
                counts=counts,
                # One ramp in a family, so that its matrices can be compared by eye.
                colour="#3d3d3d" if row.group == "baseline" else row.family.colours[-1],
            )
        )
    draw_matrices(figure, panels, columns)


def draw_matrices(figure: Figure, panels: Sequence[Panel], columns: int) -> None:
    """Draws one matrix per panel, `columns` side by side."""
    num_lines = -(-len(panels) // columns)
    all_axes: Any = figure.subplots(num_lines, columns, squeeze=False)
    for index, axes in enumerate(all_axes.ravel()):
        if index >= len(panels):
            axes.set_visible(False)
            continue
        classes, counts = panels[index].classes, panels[index].counts
        totals = counts.sum(axis=1, keepdims=True)
        shares = counts / np.maximum(totals, 1)
        ramp = LinearSegmentedColormap.from_list("share", ["#ffffff", panels[index].colour])
        axes.imshow(shares, cmap=ramp, vmin=0.0, vmax=1.0)
        large = 11.0 if len(classes) <= 5 else 9.5
        for true in range(len(classes)):
            for guess in range(len(classes)):
                ink = "white" if shares[true, guess] > 0.55 else "#222222"
                axes.text(
                    guess,
                    true - 0.08,
                    f"{100 * shares[true, guess]:.0f}",
                    ha="center",
                    va="center",
                    color=ink,
                    fontsize=large,
                    fontweight="bold",
                )
                axes.text(
                    guess,
                    true + 0.28,
                    f"{counts[true, guess]}",
                    ha="center",
                    va="center",
                    color=ink,
                    fontsize=large - 3.3,
                )
        short = [label[:10] for label in classes]
        axes.set_xticks(
            range(len(classes)),
            short,
            fontsize=8.5,
            rotation=40,
            ha="right",
            rotation_mode="anchor",
        )
        first = index % columns == 0
        axes.set_yticks(range(len(classes)), short if first else [""] * len(classes), fontsize=8.5)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        axes.set_title(panels[index].heading, fontsize=10, color=INK, pad=7)
    figure.supxlabel("predicted", fontsize=10)
    figure.supylabel("true", fontsize=10)
