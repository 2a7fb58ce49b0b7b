"""Figure 4b: a derived structure drawn as a graph."""

import textwrap
from functools import partial
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mfsn.roles import SEC_CONTENT, TEC_CONTENT
from reports.figures.drawing import INK, Drawing
from reports.figures.names import shorten
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import LEVELS, SEARCHED
from reports.fusion.searches import Found, most_frequent
from reports.fusion.table5 import BLUE, GREEN, ORANGE

OF_BEFORE = {
    "zero": "0",
    "sum": "{x} + {y}",
    "attention": "softmax({x} {y}^T / \u221aD) {y}",
    "concat_fc": "LN(ReLU(W [{x}; {y}]))",
    "ism gated": "{x} + gate({x}, {y}) \u00b7 V {y}",
    "ism channel": "{x} + {y} \u00b7 \u03c3(conv(mean {y}))",
}
"""What operations compute of text x and speech y, for runs that do not say it themselves."""


def formula(grid: MfsnGrid, operation: str) -> str:
    """Returns what `operation` computes as the run says it; "" where nobody knows."""
    if operation in (said := grid.first.record.get("formulas") or {}):
        return str(said[operation])
    name = operation.removesuffix("_reverse")
    x, y = "xy" if name == operation else "yx"
    key = f"ism {grid.setting('fusion', 'ism')}" if name == "ism" else name
    return OF_BEFORE.get(key, "").format(x=x, y=y)


def structure_figure(grid: MfsnGrid, found: list[Found]) -> Drawing | None:
    """Returns the structure that most searches found, or None without a search."""
    if not found:
        return None
    one, times = most_frequent(found)
    sec = next((v.sec for v in grid.variants if v.name == SEARCHED and v.sec), "sec")
    ism = str(grid.setting("fusion", "ism") or "")
    has_ism = any(name.startswith("ism") for name in one.operations)
    return Drawing(
        name=f"structure-{grid.slug}",
        title=("The structure that won most often" if times > 1 else "The structure of one search")
        + f": {grid.title}",
        caption=f"Found in {times} of {len(found)} searches (folds and seeds): {one.words}. "
        f"x: {TEC_CONTENT} (TEC), y: the level of {SEC_CONTENT} (SEC) that won, detached: no "
        "gradient reaches the SEC encoder through the cells (dashed). The last level goes to the "
        "emotion head beside the cells' output."
        + (f" ISM's formula is not known from the paper; here: {ism}." if has_ism and ism else ""),
        runs=grid.folders,
        width=max(9.5, 6.9 + 2.35 * len(one.operations)),
        height=4.3,
        draw=partial(
            _draw,
            one=one,
            formulas=[formula(grid, name) for name in one.operations],
            tec=_name(grid, "tec"),
            sec=_name(grid, sec),
        ),
    )


def _name(grid: MfsnGrid, role: str) -> str:
    return str(grid.encoders.get(role, {}).get("name") or role)


def _draw(figure: Figure, *, one: Found, formulas: list[str], tec: str, sec: str) -> None:
    axes: Any = figure.subplots()
    right = 6.9 + 2.35 * len(one.operations)
    axes.set_xlim(0, right)
    axes.set_ylim(0, 4.3)
    axes.axis("off")
    axes.grid(False)
    _box(axes, 0.1, 3.05, 2.3, 0.95, "TEC encoder\n" + _short(tec), BLUE)
    _box(axes, 0.1, 0.3, 2.3, 2.2, "SEC encoder\n" + _short(sec), ORANGE)
    heights = dict(zip(LEVELS, (0.68, 1.4, 2.12), strict=True))
    for level, y in heights.items():
        chosen = level == one.level
        layer = f" ({one.layer})" if chosen and one.layer else ""
        _box(
            axes,
            2.75,
            y - 0.21,
            1.35,
            0.42,
            level + layer,
            ORANGE,
            filled=chosen,
            faint=not chosen and level != LEVELS[-1],
        )
        _arrow(axes, (2.4, y), (2.75, y), ORANGE, faint=not chosen and level != LEVELS[-1])
    cell_y, head_x = 3.525, right - 1.65
    start = 2.4
    for index, name in enumerate(one.operations):
        left = 4.55 + 2.35 * index
        _box(
            axes,
            left,
            3.05,
            1.95,
            0.95,
            f"{name}\n{formulas[index]}",
            GREEN,
            heading=f"Fusion Cell {index + 1}",
        )
        _arrow(axes, (start, cell_y), (left, cell_y), BLUE if index == 0 else GREEN)
        axes.text(
            (start + left) / 2, cell_y + 0.08, "x" if index == 0 else "", ha="center", fontsize=10
        )
        centre = left + 0.98
        _arrow(axes, (centre, 2.75), (centre, 3.05), ORANGE, dashed=True)
        axes.text(centre + 0.1, 2.84, "y", fontsize=10, va="center")
        start = left + 1.95
    last_centre = 4.55 + 2.35 * (len(one.operations) - 1) + 0.98
    y = heights[one.level]
    axes.plot(
        [4.1, 4.33, 4.33, last_centre],
        [y, y, 2.75, 2.75],
        color=ORANGE,
        linewidth=1.6,
        linestyle=(0, (4, 2)),
    )
    axes.text(4.42, 2.5, "detached", fontsize=8.5, color="#555555", va="center")
    _box(axes, head_x, 0.3, 1.5, 3.7, "Co-attention\nemotion head", "#4d4d4d")
    _arrow(axes, (start, cell_y), (head_x, cell_y), GREEN)
    last = heights[LEVELS[-1]]
    axes.plot([4.1, 4.55], [last, last], color=ORANGE, linewidth=1.6)
    _arrow(axes, (4.55, last), (head_x, last), ORANGE)
    axes.text(head_x - 0.1, last - 0.2, "SEC, last level", ha="right", fontsize=9, color="#555555")


def _box(
    axes: Any,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str,
    colour: str,
    *,
    heading: str = "",
    filled: bool = False,
    faint: bool = False,
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour if filled else "white",
            edgecolor=colour,
            linewidth=1.8,
            alpha=0.35 if faint else 1.0,
        )
    )
    lines = text.split("\n")
    middle = y + height / 2
    step = 0.21
    for index, line in enumerate(lines):
        axes.text(
            x + width / 2,
            middle + step * ((len(lines) - 1) / 2 - index),
            line,
            ha="center",
            va="center",
            fontsize=10 if index == 0 else 8.5,
            fontweight="bold" if index == 0 else "normal",
            color="white" if filled else "#8a8a8a" if faint else INK,
        )
    if heading:
        axes.text(x + width / 2, y + height + 0.13, heading, ha="center", fontsize=9, color=INK)


def _arrow(
    axes: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    *,
    dashed: bool = False,
    faint: bool = False,
) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "linewidth": 1.6,
            "linestyle": (0, (4, 2)) if dashed else "-",
            "alpha": 0.35 if faint else 1.0,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )


def _short(text: str) -> str:
    """Breaks a long name over two lines."""
    return "\n".join(textwrap.wrap(shorten(text, 54), 29)[:2])
