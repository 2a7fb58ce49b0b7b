"""Figure 4a: per fold, the weights of the operations and the level that won."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from reports.figures.drawing import INK, Drawing
from reports.figures.names import shorten, without_prefix
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import LEVELS
from reports.fusion.searches import Found, kept_weights, number_first

RAMP = LinearSegmentedColormap.from_list("weight", ["#ffffff", "#9cc4e4", "#1b62a5", "#0a2f5c"])
LEVEL_INKS = {"early": "#fbe3c8", "middle": "#f2973f", "last": "#a94400"}
"""Light to dark: from low to high in the SEC encoder."""

COLUMNS_PER_LINE = 34
"""Folds that stand side by side before a seed goes to the next line."""


def search_map(grid: MfsnGrid, found: list[Found]) -> Drawing | None:
    """Returns the heat map, or None without weights."""
    weights = kept_weights(grid, found)
    if weights.empty:
        return None
    folds = grid.folds(weights)
    seeds = sorted(set(weights["seed"]), key=number_first)
    cells = sorted(set(weights["cell"]), key=number_first)
    operations = [name for name in grid.operations if name in set(weights["operation"])]
    operations += sorted(set(weights["operation"]) - set(operations))
    per_line = max(1, min(len(seeds), COLUMNS_PER_LINE // max(1, len(folds))))
    num_lines = -(-len(seeds) // per_line)
    box = 0.34
    height = num_lines * (len(cells) * (len(operations) * 0.27 + 0.35) + 1.35) + 0.3
    return Drawing(
        name=f"search-map-{grid.slug}",
        title=f"What won in every fold: {grid.title}",
        caption="Weight (softmax of alpha) of every operation at the epoch that the search kept, "
        "in percent where the operation won; white to dark from 0. "
        f"{100 / max(1, len(operations)):.1f} % is what every operation starts "
        "from. Framed: the operation that won. Bottom: the level of the SEC encoder that did best "
        "on the dev part (E early, M middle, L last).",
        runs=grid.folders,
        width=min(13.5, max(6.0, 2.4 + per_line * (len(folds) * box + 0.35))),
        height=height,
        draw=partial(
            _draw,
            weights=weights,
            found=found,
            folds=folds,
            seeds=seeds,
            cells=cells,
            operations=operations,
            per_line=per_line,
        ),
    )


def _draw(
    figure: Figure,
    *,
    weights: pd.DataFrame,
    found: list[Found],
    folds: list[str],
    seeds: list[str],
    cells: list[str],
    operations: list[str],
    per_line: int,
) -> None:
    num_lines = -(-len(seeds) // per_line)
    heights = [*[float(len(operations))] * len(cells), 1.0]
    all_axes: Any = figure.subplots(
        num_lines * len(heights), per_line, squeeze=False, height_ratios=heights * num_lines
    )
    top = max(2.0 / max(1, len(operations)), float(weights["weight"].max()))
    picture = None
    for place in range(num_lines * per_line):
        line, column = divmod(place, per_line)
        panels = all_axes[line * len(heights) : (line + 1) * len(heights), column]
        if place >= len(seeds):
            for axes in panels:
                axes.set_visible(False)
            continue
        seed = seeds[place]
        own = {one.fold: one for one in found if one.seed == seed}
        for index, cell in enumerate(cells):
            axes = panels[index]
            part = weights[(weights["seed"] == seed) & (weights["cell"] == cell)]
            grid = part.pivot_table(index="operation", columns="fold", values="weight")
            values = grid.reindex(index=operations, columns=folds).to_numpy(dtype=np.float64)
            picture = axes.imshow(values, cmap=RAMP, vmin=0.0, vmax=top, aspect="auto")
            _mark_winners(axes, values, folds, operations, index, own, top)
            axes.set_xticks([])
            axes.set_yticks(range(len(operations)), operations if column == 0 else [], fontsize=9)
            heading = f"seed {seed}" if index == 0 else ""
            if len(cells) > 1:
                heading += (", " if heading else "") + f"cell {index + 1}"
            axes.set_title(heading, fontsize=10)
            _bare(axes)
        _draw_levels(panels[-1], folds, own, first=column == 0)
    if picture is not None:
        bar = figure.colorbar(
            picture, ax=all_axes.ravel().tolist(), shrink=0.6, pad=0.015, fraction=0.03
        )
        bar.set_label("weight", fontsize=9)
        bar.ax.tick_params(labelsize=8)
        bar.ax.axhline(1 / max(1, len(operations)), color=INK, linewidth=1.2)
        bar.outline.set_visible(False)


def _mark_winners(
    axes: Any,
    values: Any,
    folds: list[str],
    operations: list[str],
    cell: int,
    own: dict[str, Found],
    top: float,
) -> None:
    for x, fold in enumerate(folds):
        one = own.get(fold)
        if one is None or cell >= len(one.operations) or one.operations[cell] not in operations:
            continue
        y = operations.index(one.operations[cell])
        axes.add_patch(
            Rectangle(
                (x - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor="#e0671b", linewidth=1.8
            )
        )
        value = values[y, x]
        if value == value:
            dark = value / top > 0.45
            axes.text(
                x,
                y,
                f"{100 * value:.1f}" if value < 0.2 else f"{100 * value:.0f}",
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if dark else INK,
            )


def _draw_levels(axes: Any, folds: list[str], own: dict[str, Found], *, first: bool) -> None:
    axes.set_xlim(-0.5, len(folds) - 0.5)
    axes.set_ylim(0.5, -0.5)
    for x, fold in enumerate(folds):
        level = own[fold].level if fold in own else ""
        colour = LEVEL_INKS.get(level, "#eeeeee")
        axes.add_patch(Rectangle((x - 0.5, -0.5), 1, 1, facecolor=colour, edgecolor="white"))
        axes.text(
            x,
            0,
            level[:1].upper(),
            ha="center",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            color="white" if level == LEVELS[-1] else INK,
        )
    prefix, names = without_prefix(folds)
    names = [shorten(name, 12) for name in names]
    long = max(map(len, names), default=0) > 3
    axes.set_xticks(range(len(folds)), names, fontsize=8, rotation=90 if long else 0)
    axes.set_yticks([0], ["level"] if first else [""], fontsize=9, fontweight="bold")
    axes.set_xlabel(f"fold {shorten(prefix, 20)}\u2026" if prefix else "fold", fontsize=9)
    _bare(axes)


def _bare(axes: Any) -> None:
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
