"""Probe scores by layer, one panel per metric."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from reports.figures.drawing import Drawing
from reports.palette import baseline_lines, colours
from reports.read.records import row_words
from reports.read.scores import ATTRIBUTES, CCC, SELECTED, Grid

TITLES = {
    "ua": "UA, %",
    "ccc_valence": "CCC, valence",
    "ccc_arousal": "CCC, arousal",
    "ccc_dominance": "CCC, dominance",
    "speaker_ua": "UA of the speaker, %",
    "gender_ua": "UA of the gender, %",
}
CHANCE = "always one answer"


def layer_figure(grid: Grid) -> Drawing | None:
    """Returns curves over layers, or None when the probe kept no single layers."""
    metrics = [
        metric
        for metric in ("ua", *CCC, *ATTRIBUTES)
        if any(
            grid.value(name, metric, layer) is not None
            for name in grid.names
            for layer in grid.layers()
        )
    ]
    if not metrics or len(grid.layers()) < 2:
        return None
    columns = 2 if len(metrics) > 1 else 1
    return Drawing(
        name=f"layers-{grid.slug}",
        title=f"Probe by layer: {grid.title}",
        caption="Test score of a probe on each layer alone; layer 0 is the input of the first "
        "Transformer block. Grey: baselines without pre-training. The layer that is "
        "reported was chosen on the dev part: the highest point here is an optimistic reading."
        + _words(grid, metrics),
        runs=grid.folders,
        width=11.5 if columns == 2 else 8.5,
        height=1.2 + 3.3 * -(-len(metrics) // columns),
        draw=partial(_draw, grid=grid, metrics=metrics, columns=columns),
    )


def _words(grid: Grid, metrics: Sequence[str]) -> str:
    """Says how attributes are probed, where they are."""
    folds = [
        f"{metric.removesuffix('_ua')}: {grid.attributes.get(metric, {}).get('folds', 'not said')}"
        for metric in ATTRIBUTES
        if metric in metrics
    ]
    if not folds:
        return ""
    return (
        " Speaker and gender have folds of their own and are no part of the tables of scores ("
        + "; ".join(folds)
        + f"); thin dotted line: {CHANCE}."
    )


def _draw(figure: Figure, *, grid: Grid, metrics: Sequence[str], columns: int) -> None:
    num_lines = -(-len(metrics) // columns)
    all_axes: Any = figure.subplots(num_lines, columns, squeeze=False).ravel()
    palette = colours(grid.rows)
    layers = grid.layers()
    handles: dict[str, Any] = {}
    for axes, metric in zip(all_axes, metrics, strict=False):
        scale = 1.0 if metric in CCC else 100.0
        if (chance := grid.chance(metric)) is not None:
            handles[CHANCE] = axes.axhline(
                scale * chance, color="#1d1f23", linewidth=1.1, linestyle=":"
            )
        for name in grid.names:
            row = grid.row(name)
            curve = [grid.value(name, metric, layer) for layer in layers]
            known = [
                (int(layer), scale * value)
                for layer, value in zip(layers, curve, strict=True)
                if value is not None
            ]
            style = baseline_lines(grid.rows)[name] if row.group == "baseline" else "-"
            width = 1.6 if row.group == "baseline" else 2.2
            label = row_words(row)
            if len(known) > 1:
                (handles[label],) = axes.plot(
                    *zip(*known, strict=True),
                    color=palette[name],
                    linewidth=width,
                    linestyle=style,
                    marker="o" if row.group != "baseline" else "",
                    markersize=5.5,
                    markeredgecolor="white",
                    markeredgewidth=0.8,
                )
            else:
                level = grid.value(name, metric, SELECTED)
                if level is not None:
                    handles[label] = axes.axhline(
                        scale * level, color=palette[name], linewidth=width, linestyle=style
                    )
        axes.set_title(TITLES[metric])
        axes.set_xticks([int(layer) for layer in layers])
        axes.set_xlabel("layer")
    for axes in all_axes[len(metrics) :]:
        axes.set_visible(False)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=5 if columns == 2 else 3,
        fontsize=10,
        handlelength=2.6,
        columnspacing=1.6,
    )
