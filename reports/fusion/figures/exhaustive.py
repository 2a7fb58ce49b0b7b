"""The exhaustive check: test UA of every structure, the found one among them."""

from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.figures.drawing import INK, Drawing
from reports.figures.names import shorten
from reports.fusion.exhaustive import StructureCheck, places_words
from reports.fusion.read.comparable_runs import MfsnGrid

DOT, FOUND, BEST_DEV, MEAN = "#9aa7b4", "#c8590b", "#1b62a5", "#4d4d4d"


def exhaustive_figure(grid: MfsnGrid, found: list[StructureCheck]) -> Drawing | None:
    """Returns one strip of points per fold and seed, or None without a check."""
    if not found:
        return None
    return Drawing(
        name=f"exhaustive-{grid.slug}",
        title=f"All structures, trained one by one: {grid.title}",
        caption="A dot per structure: its UA on the test part of the fold, trained from scratch. "
        "Diamond: the structure that the search found. Triangle: the best by the dev part. Line: "
        "the mean, what a structure drawn at random gets. Dots are moved up and down only to be "
        "told apart; structures of equal UA share their ranks. A fold has few test utterances, so "
        "that small distances are chance.",
        runs=grid.folders,
        width=9.5,
        height=1.7 + 0.62 * len(found),
        draw=partial(_draw, found=found),
    )


def _draw(figure: Figure, *, found: list[StructureCheck]) -> None:
    axes: Any = figure.subplots()
    handles: dict[str, Any] = {}
    many_seeds = len({check.seed for check in found}) > 1
    labels = []
    for place, check in enumerate(found):
        scores = 100 * check.structures["test_ua"].to_numpy(dtype=np.float64)
        heights = place + spread(scores)
        (handles["a structure"],) = axes.plot(
            scores,
            heights,
            "o",
            color=DOT,
            markersize=6,
            alpha=0.8,
            markeredgecolor="white",
            markeredgewidth=0.6,
        )
        (handles["mean of all"],) = axes.plot(
            [100 * check.mean] * 2, [place - 0.36, place + 0.36], color=MEAN, linewidth=1.8
        )
        best = check.best_by_dev
        (handles["best by the dev part"],) = axes.plot(
            [100 * float(best["test_ua"])], [place], "^", color=BEST_DEV, markersize=9.5
        )
        chosen = check.found
        rank = ""
        if chosen is not None:
            (handles["found by the search"],) = axes.plot(
                [100 * float(chosen["test_ua"])],
                [place],
                "D",
                color=FOUND,
                markersize=8,
                markeredgecolor="white",
                markeredgewidth=0.9,
            )
            rank = f"rank {places_words(check.places())} of {check.size}"
        axes.text(
            1.01,
            place,
            rank,
            transform=axes.get_yaxis_transform(),
            fontsize=9,
            va="center",
            color=INK,
        )
        labels.append(
            f"fold {shorten(check.fold, 20)}" + (f", seed {check.seed}" if many_seeds else "")
        )
    axes.set_yticks(range(len(found)), labels, fontsize=9.5)
    axes.set_ylim(len(found) - 0.45, -0.55)
    axes.set_xlabel("UA on the test part, %")
    axes.margins(x=0.04)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=9.5
    )


def spread(scores: "np.ndarray[Any, np.dtype[np.float64]]") -> Any:
    """Returns small heights within +-0.34, so that points that touch are told apart."""
    width = max(float(np.ptp(scores)), 1.0) / 45
    places = np.zeros(len(scores))
    start, count = -np.inf, 0
    for index in np.argsort(scores, kind="stable"):
        if scores[index] - start > width:
            start, count = scores[index], 0
        # 0, +1, -1, +2, -2, ... from the middle.
        places[index] = (count + 1) // 2 * (1 if count % 2 else -1)
        count += 1
    return places * min(0.085, 0.34 / max(1.0, float(np.abs(places).max())))
