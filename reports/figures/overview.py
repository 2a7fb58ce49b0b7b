"""Table 4 as one picture: every row's score, baselines as lines."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from reports.figures.drawing import INK, Drawing
from reports.palette import baseline_lines, colours
from reports.read.records import row_words
from reports.read.scores import CCC, SELECTED, Grid
from reports.uncertainty.evidence import Evidence

TITLES = {
    "ua": "UA, %",
    "wa": "WA, %",
    "ccc_valence": "CCC, valence",
    "ccc_arousal": "CCC, arousal",
    "ccc_dominance": "CCC, dominance",
}


def overview_figure(grid: Grid, found: Evidence, flags: Mapping[str, str]) -> Drawing | None:
    """Returns the headline scores as points, or None when nothing was scored.

    :param flags: Row name -> words of warning, which stand beside its name.
    """
    wanted = ("ua", *CCC) if grid.has_dimensions else ("ua", "wa")
    metrics = [m for m in wanted if any(grid.value(name, m) is not None for name in grid.names)]
    names = [name for name in grid.names if grid.row(name).group != "baseline"]
    if not metrics or not names:
        return None
    whiskers = (
        "Thin lines with ends: 95 % interval of the mean, speakers as the units. Rows share "
        "the speakers, so differences are to be read from the tables, not from overlap. "
        if found.intervals
        else ""
    )
    stems = (
        "; of rows that were trained here, on a stem from the mean to the untrained encoder, so "
        "that the stem is what pre-training added or took"
        if grid.has_own_rows
        else ""
    )
    return Drawing(
        name=f"overview-{grid.slug}",
        title=f"Scores at a glance: {grid.title}",
        caption=f"Higher is better in every panel. Points: one per seed{stems}. {whiskers}"
        "Vertical lines: the baselines.",
        runs=grid.folders,
        width=12.0,
        height=1.6 + 0.42 * len(names),
        draw=partial(_draw, grid=grid, found=found, flags=flags, metrics=metrics, names=names),
    )


def _draw(
    figure: Figure,
    *,
    grid: Grid,
    found: Evidence,
    flags: Mapping[str, str],
    metrics: list[str],
    names: list[str],
) -> None:
    all_axes: Any = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    palette, lines = colours(grid.rows), baseline_lines(grid.rows)
    baselines = [name for name in grid.names if grid.row(name).group == "baseline"]
    handles: dict[str, Any] = {}
    for axes, metric in zip(all_axes, metrics, strict=True):
        scale = 1.0 if metric in CCC else 100.0
        for name in baselines:
            value = grid.value(name, metric)
            if value is not None:
                handles[name] = axes.axvline(
                    scale * value, color=palette[name], linewidth=1.6, linestyle=lines[name]
                )
        floor = grid.value("untrained", metric)
        for place, name in enumerate(names):
            mean = grid.value(name, metric)
            if mean is None:
                continue
            if floor is not None and grid.row(name).group == "row":
                axes.plot(
                    [scale * floor, scale * mean],
                    [place, place],
                    color=palette[name],
                    linewidth=3.0,
                    alpha=0.55,
                    solid_capstyle="butt",
                )
            sure = found.intervals.get((name, metric))
            if sure is not None and sure.low == sure.low:
                axes.errorbar(
                    scale * mean,
                    place,
                    xerr=[[scale * (mean - sure.low)], [scale * (sure.high - mean)]],
                    ecolor=INK,
                    elinewidth=1.0,
                    capsize=4.0,
                    capthick=1.0,
                    fmt="none",
                )
            scores = grid.scores
            each = scores[
                (scores["row"] == name)
                & (scores["metric"] == metric)
                & (scores["layer"] == SELECTED)
            ]["value"]
            axes.plot(
                scale * each,
                [place] * len(each),
                "o",
                color=palette[name],
                markersize=9,
                markeredgecolor="white",
                markeredgewidth=1.0,
            )
        axes.set_title(TITLES[metric])
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.08)
        axes.tick_params(axis="y", length=0)
    first = all_axes[0]
    labels = [row_words(grid.row(name)) for name in names]
    marked = [f" ({flags[name]})" if flags.get(name) else "" for name in names]
    first.set_yticks(range(len(names)), map("".join, zip(labels, marked, strict=True)))
    for tick in first.get_yticklabels():
        tick.set_color(INK)
    first.set_ylim(len(names) - 0.5, -0.5)
    if handles:
        figure.legend(
            handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=10
        )
