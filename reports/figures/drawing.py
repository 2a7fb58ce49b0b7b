"""What every figure shares: style, direct labels, and writing PNG and SVG."""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reports.palette import readable

INK = "#222222"
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    # Row and corpus names come from files: a "$" in one of them is a dollar sign, not mathematics.
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "report",
}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """One figure before it is drawn; `draw` gets an empty figure."""

    name: str
    """File name without ending."""

    title: str
    caption: str
    runs: tuple[str, ...]
    """Folders of the runs that it shows."""

    width: float
    """Inches."""

    height: float
    """Inches."""

    draw: Callable[[Figure], None]


@dataclass(frozen=True, kw_only=True)
class SavedFigure:
    """One figure on disk."""

    drawing: Drawing
    png: Path
    svg: Path


def save(drawing: Drawing, folder: Path, *, dots_per_inch: int = 160) -> SavedFigure:
    """Draws and writes `folder/name.png` and `.svg`; the same input gives the same SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = folder / f"{drawing.name}.png", folder / f"{drawing.name}.svg"
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(drawing.width, drawing.height), layout="constrained")
        FigureCanvasAgg(figure)
        drawing.draw(figure)
        for path, metadata in ((png, None), (svg, {"Date": None})):
            buffer = io.BytesIO()
            figure.savefig(
                buffer,
                format=path.suffix[1:],
                dpi=dots_per_inch,
                metadata=metadata,
                facecolor="white",
            )
            write_bytes(path, buffer.getvalue())
    return SavedFigure(drawing=drawing, png=png, svg=svg)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file to the side, then renames it."""
    beside = path.with_name(path.name + ".partial")
    beside.write_bytes(content)
    os.replace(beside, path)


def spread_labels(
    axes: Any, labels: Sequence[tuple[float, float, str, str]], *, gap_points: float = 13.0
) -> None:
    """Writes each (x, y, text, colour) to the right of its point, moved apart where they touch.

    Call it after the limits are final. A thin line joins a moved label to its point. The label of
    a point above or below the axes stands at their edge; far outside it would leave them no room.
    """
    if not labels:
        return
    figure = axes.figure
    figure.draw_without_rendering()
    to_points = 72.0 / figure.dpi
    right = axes.transAxes.transform((1.0, 0.0))[0]
    low, high = sorted(axes.get_ylim())
    inside = [(x, min(max(y, low), high), text, colour) for x, y, text, colour in labels]
    # By their true heights: several may stand at one edge.
    ordered = [label for _, label in sorted(zip([y for _, y, _, _ in labels], inside, strict=True))]
    wanted = np.array([axes.transData.transform((x, y))[1] * to_points for x, y, _, _ in ordered])
    placed = _apart(wanted, gap_points)
    for (x, y, text, colour), place, want in zip(ordered, placed, wanted, strict=True):
        here = axes.transData.transform((x, y))[0]
        axes.annotate(
            text,
            xy=(x, y),
            xytext=((right - here) * to_points + 14, place - want),
            textcoords="offset points",
            va="center",
            ha="left",
            color=readable(colour),
            fontsize=10,
            fontweight="bold",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.7,
                "shrinkA": 1,
                "shrinkB": 2,
                "alpha": 0.7,
            },
        )


def _apart(wanted: np.ndarray[Any, np.dtype[Any]], gap: float) -> np.ndarray[Any, np.dtype[Any]]:
    """Moves sorted positions the least (in squares) so that neighbours are `gap` apart."""
    blocks: list[list[float]] = []
    for index, value in enumerate(wanted):
        blocks.append([float(value) - index * gap, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            second, first = blocks.pop(), blocks.pop()
            count = first[1] + second[1]
            blocks.append([(first[0] * first[1] + second[0] * second[1]) / count, count])
    flat = [mean for mean, count in blocks for _ in range(int(count))]
    return np.array([value + index * gap for index, value in enumerate(flat)])


def smooth(values: np.ndarray[Any, np.dtype[Any]], share: float = 0.05) -> Any:
    """Returns a centred running mean over `share` of the points, shorter at both ends."""
    half = max(1, int(len(values) * share / 2))
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    index = np.arange(len(values))
    low, high = np.maximum(index - half, 0), np.minimum(index + half + 1, len(values))
    return (sums[high] - sums[low]) / (high - low)
