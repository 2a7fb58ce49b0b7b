"""Table 4 as a curve: error against bits per frame; rows without a count of centres are lines."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure

from reports.codes.bits import BitsPerFrame
from reports.figures.drawing import Drawing
from reports.palette import baseline_lines, colours
from reports.read.records import NOT_CONTROLLED, families, row_words
from reports.read.scores import MSE, Grid
from reports.uncertainty.evidence import Evidence

TITLES = {
    "mse_valence": "MSE, valence",
    "mse_arousal": "MSE, arousal",
    "mse_dominance": "MSE, dominance",
    "ua": "1 - UA, %",
}
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")


def rate_figure(grid: Grid, found: Evidence, bits: BitsPerFrame) -> Drawing | None:
    """Returns error against bits, or None when no row has centres or nothing was scored."""
    metrics = [m for m in (*MSE, "ua") if any(grid.value(n, m) is not None for n in bits.of)]
    if not metrics:
        return None
    whiskers = (
        "Thin lines with ends: 95 % interval of the mean, speakers as the units; rows share the "
        "speakers, so overlap decides nothing. "
        if found.intervals
        else ""
    )
    columns = 2 if len(metrics) > 1 else 1
    return Drawing(
        name=f"rates-{grid.slug}",
        title=f"Table 4 as a curve: {grid.title}",
        caption=f"Lower is better in every panel. Across: {bits.words}. Points: "
        f"{_families(grid, bits, points=True)} rows, mean over seeds, "
        f"{grid.head_shown.scores_from}. {whiskers}{_lines(grid, bits)}Grey lines: "
        f"{_baselines(grid)}.",
        runs=(*grid.folders, *bits.folders),
        width=11.5 if columns == 2 else 8.5,
        height=1.4 + 3.3 * -(-len(metrics) // columns),
        draw=partial(_draw, grid=grid, found=found, bits=bits, metrics=metrics, columns=columns),
    )


def _families(grid: Grid, bits: BitsPerFrame, *, points: bool) -> str:
    """Names the families of the rows that are points, or of those that are lines."""
    drawn = [row for row in grid.rows if (row.name in bits.of) == points]
    return " and ".join(family.label for family in families(drawn))


def _lines(grid: Grid, bits: BitsPerFrame) -> str:
    """Says what the coloured lines are: rows whose targets are not counted."""
    said = _families(grid, bits, points=False)
    limit = ", the limit of infinitely many bits" if said == "continuous" else ""
    return f"Coloured lines: {said} rows{limit}. " if said else ""


def _baselines(grid: Grid) -> str:
    """Names the baselines that the grid has."""
    words = {
        "untrained": "untrained encoder",
        "log-mel": "log-mel frames" if grid.head_shown.hears_frames else "log-mel statistics",
        "constant": "constant predictor",
    }
    return ", ".join(text for name, text in words.items() if name in grid.names) or "baselines"


def error(metric: str, value: float) -> float:
    """Returns a score as an error: 100 (1 - UA), or the MSE as it is."""
    return 100.0 * (1.0 - value) if metric == "ua" else value


def _draw(
    figure: Figure,
    *,
    grid: Grid,
    found: Evidence,
    bits: BitsPerFrame,
    metrics: list[str],
    columns: int,
) -> None:
    num_lines = -(-len(metrics) // columns)
    all_axes: Any = figure.subplots(num_lines, columns, squeeze=False).ravel()
    palette = colours(grid.rows)
    names = sorted(bits.of, key=lambda name: bits.of[name])
    handles: dict[str, Any] = {}
    for axes, metric in zip(all_axes, metrics, strict=False):
        for name in grid.names:
            row, value = grid.row(name), grid.value(name, metric)
            if value is None or name in bits.of or row.group in NOT_CONTROLLED:
                continue
            baseline = row.group == "baseline"
            handles[row_words(row)] = axes.axhline(
                error(metric, value),
                color=palette[name],
                linewidth=1.6 if baseline else 2.2,
                linestyle=baseline_lines(grid.rows)[name] if baseline else "-",
                zorder=1,
            )
        scored = [(name, grid.value(name, metric)) for name in names]
        points = [(name, bits.of[name], error(metric, v)) for name, v in scored if v is not None]
        axes.plot(
            [x for _, x, _ in points],
            [y for _, _, y in points],
            color="#9ab4cc",
            linewidth=1.2,
            zorder=2,
        )
        for name, x, y in points:
            sure = found.intervals.get((name, metric))
            if sure is not None and sure.low == sure.low:
                ends = sorted((error(metric, sure.low), error(metric, sure.high)))
                axes.errorbar(
                    x,
                    y,
                    yerr=[[max(y - ends[0], 0.0)], [max(ends[1] - y, 0.0)]],
                    ecolor=palette[name],
                    elinewidth=1.2,
                    capsize=4.0,
                    fmt="none",
                    zorder=3,
                )
            (handles[row_words(grid.row(name))],) = axes.plot(
                x,
                y,
                MARKERS[names.index(name) % len(MARKERS)],
                color=palette[name],
                markersize=9,
                markeredgecolor="white",
                markeredgewidth=1.0,
                zorder=4,
            )
        axes.set_title(TITLES[metric])
        axes.set_xlabel("bits per frame" if bits.measured else "nominal bits per frame")
        axes.set_xlim(0.0, 1.12 * max(*bits.of.values(), 1.0))
    for axes in all_axes[len(metrics) :]:
        axes.set_visible(False)
    figure.legend(
        handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=10
    )
