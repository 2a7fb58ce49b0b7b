"""How the searches went: entropy of alpha, dev UA, and the weights of one search."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.drawing import INK, Drawing, spread_labels
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import SEARCHED
from reports.fusion.searches import Found, number_first

SEEDS = ("#1b62a5", "#c8590b", "#1d7a4f", "#6a3d9a", "#4d4d4d", "#b8860b")
COLOURS = (
    "#4d4d4d", "#a9761b", "#0a2f5c", "#3d8ecb", "#a94400", "#f2973f", "#6a3d9a", "#b08ac9",
    "#1d7a4f", "#6fbf97", "#b3124e", "#e58aa9",
)  # fmt: skip
"""Of the operations in the order of alpha: a hue per pair, the reverse lighter (and dashed)."""

RETRAINING = "retrain"
"""The phase of epochs.csv that is no search."""


def trajectory_figures(grid: MfsnGrid, found: list[Found]) -> list[Drawing]:
    """Returns the figures that epochs.csv and alpha.csv allow."""
    return [figure for figure in (_curves(grid, found), _alpha(grid, found)) if figure]


def _curves(grid: MfsnGrid, found: list[Found]) -> Drawing | None:
    frame = grid.table("epochs")
    if frame.empty:
        return None
    frame = frame[frame["variant"] == SEARCHED]
    # Folders of before there was a retraining have no column `phase`.
    phase = frame["phase"] if "phase" in frame else pd.Series("", index=frame.index)
    frame, again = frame[phase != RETRAINING], frame[phase == RETRAINING]
    if frame["entropy"].dropna().empty:
        return None
    operations = max(2, len(grid.operations))
    return Drawing(
        name=f"search-curves-{grid.slug}",
        title=f"How the searches went: {grid.title}",
        caption="One line per search (fold), coloured by seed. Left: entropy of the softmax of "
        f"alpha, mean over cells; ln {operations} means that no operation is preferred, 0 that one "
        f"has all the weight. {'Right' if again.empty else 'Middle'}: UA on the dev part of the "
        "leading structure."
        + (
            ""
            if again.empty
            else " Right: the same of the found structure, trained anew from initial weights."
        )
        + " Dots: the epoch that was kept.",
        runs=grid.folders,
        width=11.5 if again.empty else 13.5,
        height=4.3,
        draw=partial(_draw_curves, frame=frame, again=again, found=found, operations=operations),
    )


def _draw_curves(
    figure: Figure,
    *,
    frame: pd.DataFrame,
    again: pd.DataFrame,
    found: list[Found],
    operations: int,
) -> None:
    all_axes: Any = figure.subplots(1, 2 if again.empty else 3)
    left, right = all_axes[:2]
    seeds = sorted(set(frame["seed"]), key=number_first)
    kept = {(one.seed, one.fold): one.epoch for one in found}
    handles = _lines(left, frame, "entropy", seeds, kept)
    _lines(right, frame, "dev_ua", seeds, kept)
    if not again.empty:
        trained = {(one.seed, one.fold): one.trained_epoch for one in found}
        _lines(all_axes[2], again, "dev_ua", seeds, trained)
        all_axes[2].set_title("Retraining: UA on the dev part, %")
        right.sharey(all_axes[2])
    limit = math.log(operations)
    left.axhline(limit, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    lowest = float(frame["entropy"].min())
    # Never so close that a search that does not decide looks as if it did.
    span = max(limit - lowest, 0.25 * limit)
    left.set_ylim(limit - 1.08 * span, limit + 0.16 * span)
    left.text(
        0.99,
        limit + 0.02 * span,
        f"ln {operations} = {limit:.3f}: all equal",
        ha="right",
        va="bottom",
        fontsize=9,
        transform=left.get_yaxis_transform(),
    )
    left.set_title("Entropy of alpha, nats")
    right.set_title(("" if again.empty else "Search: ") + "UA on the dev part, %")
    for axes in all_axes:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=6, fontsize=10
    )


def _lines(
    axes: Any,
    frame: pd.DataFrame,
    column: str,
    seeds: list[str],
    kept: Mapping[tuple[str, str], int | None],
) -> dict[str, Any]:
    """Draws a line per seed and fold, a dot at the kept epoch; returns a handle per seed."""
    handles: dict[str, Any] = {}
    scale = 100.0 if column == "dev_ua" else 1.0
    for (seed, fold), part in frame.groupby(["seed", "fold"], sort=False):
        colour = SEEDS[seeds.index(str(seed)) % len(SEEDS)]
        part = part.sort_values("epoch")
        (line,) = axes.plot(
            part["epoch"], scale * part[column], color=colour, linewidth=1.1, alpha=0.6
        )
        handles.setdefault(f"seed {seed}", line)
        at = part[part["epoch"] == kept.get((str(seed), str(fold)))]
        axes.plot(at["epoch"], scale * at[column], "o", color=colour, markersize=4.5)
    return handles


def _alpha(grid: MfsnGrid, found: list[Found]) -> Drawing | None:
    alpha = grid.table("alpha")
    if alpha.empty or not found:
        return None
    one = found[0]
    alpha = alpha[
        (alpha["variant"] == SEARCHED) & (alpha["seed"] == one.seed) & (alpha["fold"] == one.fold)
    ]
    if alpha["epoch"].nunique() < 2:
        return None
    cells = sorted(set(alpha["cell"]), key=number_first)
    operations = [name for name in grid.operations if name in set(alpha["operation"])]
    operations += sorted(set(alpha["operation"]) - set(operations))
    return Drawing(
        name=f"alpha-{grid.slug}",
        title=f"Weights of the operations in one search: {grid.title}",
        caption=f"Fold {one.fold}, seed {one.seed}: softmax of alpha after every epoch (0: before "
        "the first). Dashed: reverse operations. Vertical line: the epoch that was kept. Dotted: "
        "all operations equal.",
        runs=grid.folders,
        width=8.5 if len(cells) == 1 else 5.9 * len(cells),
        height=4.4,
        draw=partial(_draw_alpha, alpha=alpha, cells=cells, operations=operations, one=one),
    )


def _draw_alpha(
    figure: Figure, *, alpha: pd.DataFrame, cells: list[str], operations: list[str], one: Found
) -> None:
    all_axes: Any = figure.subplots(1, len(cells), squeeze=False, sharey=True)[0]
    pending = []
    for place, (axes, cell) in enumerate(zip(all_axes, cells, strict=True)):
        labels = []
        for index, name in enumerate(operations):
            part = alpha[(alpha["cell"] == cell) & (alpha["operation"] == name)]
            part = part.sort_values("epoch")
            x = part["epoch"].to_numpy(dtype=np.float64)
            y = part["weight"].to_numpy(dtype=np.float64)
            if not len(x):
                continue
            won = place < len(one.operations) and one.operations[place] == name
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(
                x,
                y,
                color=colour,
                linewidth=3.0 if won else 1.7,
                linestyle=(0, (4, 2)) if name.endswith("_reverse") else "-",
            )
            labels.append((float(x[-1]), float(y[-1]), name, colour))
        axes.axhline(1 / len(operations), color=INK, linewidth=1.0, linestyle=(0, (1, 1.5)))
        axes.axvline(one.epoch, color="#888888", linewidth=1.0)
        axes.set_title(f"cell {place + 1}" if len(cells) > 1 else "Weight of each operation")
        axes.set_xlabel("epoch")
        axes.margins(x=0.01)
        # From 0, so that a search that does not decide does not look as if it did.
        axes.set_ylim(0, max(2 / len(operations), 1.06 * float(alpha["weight"].max())))
        axes.xaxis.get_major_locator().set_params(integer=True)
        pending.append((axes, labels))
    if _too_close(pending):
        handles = all_axes[0].get_lines()[: len(operations)]
        figure.legend(handles, operations, loc="outside lower center", ncols=4, fontsize=9.5)
        return
    figure.draw_without_rendering()
    for axes, labels in pending:
        spread_labels(axes, labels, gap_points=14.0)


def _too_close(pending: list[tuple[Any, list[tuple[float, float, str, str]]]]) -> bool:
    """Tells whether the curves end in one place, so that labels there would be a knot."""
    ends = [[y for _, y, _, _ in labels] for _, labels in pending if labels]
    heights = [axes.get_ylim()[1] for axes, _ in pending]
    return any(max(y) - min(y) < 0.12 * top for y, top in zip(ends, heights, strict=False))
