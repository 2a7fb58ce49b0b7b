"""Curves of pre-training: what was learned, losses, and what the objectives declare."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pretrain.objectives.known_rows import rules_in
from pretrain.objectives.presentation import COLLAPSED, Curves, Panel
from reports.figures.drawing import INK, Drawing, smooth, spread_labels
from reports.palette import colours, readable
from reports.read.health import has_collapsed
from reports.read.records import PretrainRun, row_order, row_words

SEED_LINES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.4)),
    (0, (5, 1.5, 1, 1.5)),
)
"""Line styles of the first seeds; further ones begin again."""


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """One metric of some runs."""

    heading: str
    metric: str
    runs: list[PretrainRun]
    counts: bool = False
    """Whether it counts centres."""


def training_figures(runs: Sequence[PretrainRun]) -> list[Drawing]:
    """Returns the figures that the runs' metrics allow; none without metrics.

    Which metrics are drawn, and how they are called, the runs' objectives say.
    """
    runs = sorted(runs, key=lambda run: (row_order(run.row), run.row.seed or 0))
    collapsed = [run for run in runs if has_collapsed(run)]
    learning = [run for run in runs if not any(run is other for other in collapsed)]
    explained = _Panel(
        heading="Loss saved against one answer for all", metric="explained", runs=learning
    )
    figures = [
        _figure(
            "explained",
            "What was learned of the targets",
            "Share of an uninformed predictor's loss that the row saves; the uninformed predictor "
            "gives one answer for all frames. At 0 the encoder has learned nothing about its "
            "targets, however far the loss has fallen. Targets differ in difficulty: rows are not "
            "ranked by this." + _left_out(collapsed),
            [explained],
        ),
        _figure(
            "training-loss",
            "Training loss",
            "Loss per masked frame. Different targets have different losses, so only curves in one "
            "panel may be compared. Thin: every logged update; bold: running mean.",
            _by(_loss_words, "loss", runs),
        ),
        *_declared(runs),
        _figure(
            "conv-variance",
            "Variance of the conv stack's output",
            "A conv stack that collapses (goes to 0) can hide behind a healthy loss.",
            _by(_family_words, "conv_variance", runs),
        ),
    ]
    return [figure for figure in figures if figure is not None]


def _declared(runs: Sequence[PretrainRun]) -> list[Drawing | None]:
    """Returns the figures that the runs' objectives ask for."""
    asked: dict[str, Curves] = {}
    members: dict[str, dict[Panel, list[PretrainRun]]] = {}
    for run in runs:
        for curves in run.row.presentation.curves:
            asked.setdefault(curves.name, curves)
            for panel in curves.panels:
                members.setdefault(curves.name, {}).setdefault(panel, []).append(run)
    return [
        _figure(
            name,
            curves.title,
            curves.caption,
            [_Panel(**dict(panel), runs=own) for panel, own in members[name].items()],
        )
        for name, curves in asked.items()
        if name in members
    ]


def _by(
    words: Callable[[PretrainRun], str], metric: str, runs: Sequence[PretrainRun]
) -> list[_Panel]:
    """Returns one panel for all runs of which `words` says the same."""
    found: dict[str, list[PretrainRun]] = {}
    for run in runs:
        found.setdefault(words(run), []).append(run)
    return [
        _Panel(heading=heading, metric=metric, runs=members) for heading, members in found.items()
    ]


def _family_words(run: PretrainRun) -> str:
    return run.row.presentation.family.label.capitalize()


def _loss_words(run: PretrainRun) -> str:
    loss = run.row.presentation.loss
    return _family_words(run) + (f": {loss}" if loss else " targets")


def _left_out(collapsed: Sequence[PretrainRun]) -> str:
    """Says which runs have no curve of what was learned."""
    if not collapsed:
        return ""
    named = dict.fromkeys(f"{row_words(run.row)}{_seed_words(run.row.seed)}" for run in collapsed)
    return (
        f" Not drawn: {', '.join(named)}. Collapsed targets are predicted without any loss, and "
        "nothing is learned by it."
    )


def _seed_words(seed: int | None) -> str:
    return "" if seed is None else f" (seed {seed})"


def _figure(name: str, title: str, caption: str, panels: Sequence[_Panel]) -> Drawing | None:
    measured = [
        replace(panel, runs=[run for run in panel.runs if panel.metric in run.metrics])
        for panel in panels
    ]
    drawn = [panel for panel in measured if panel.runs]
    if not drawn:
        return None
    shown = {str(run.folder): None for panel in drawn for run in panel.runs}
    seeds = _seeds(drawn)
    return Drawing(
        name=name,
        title=title,
        caption=caption + (" Line styles tell seeds apart." if len(seeds) > 1 else ""),
        runs=tuple(shown),
        width=6.2 * len(drawn) if len(drawn) > 1 else 8.0,
        height=4.4,
        draw=partial(_draw, panels=drawn, styles=seeds),
    )


def _seeds(panels: Sequence[_Panel]) -> dict[int | None, Any]:
    """Returns seed -> line style."""
    seeds = {run.row.seed for panel in panels for run in panel.runs}
    ordered = sorted(seeds, key=lambda seed: -1 if seed is None else seed)
    return {seed: SEED_LINES[place % len(SEED_LINES)] for place, seed in enumerate(ordered)}


def _draw(figure: Figure, *, panels: Sequence[_Panel], styles: dict[int | None, Any]) -> None:
    all_axes: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    pending = []
    for axes, panel in zip(all_axes, panels, strict=True):
        metric, runs = panel.metric, panel.runs
        axes.margins(x=0.01)
        labels = _draw_panel(axes, metric, runs, styles)
        axes.set_title(panel.heading)
        axes.set_xlabel("update")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        if panel.counts:
            _draw_limits(axes, metric, runs)
        elif metric.endswith("variance"):
            axes.set_ylim(bottom=0)
        elif metric == "explained":
            # The first updates are far below 0, which would hide all that follows.
            highest = max(float(run.metrics[metric].max()) for run in runs)
            axes.set_ylim(-0.03, max(0.1, 1.1 * highest))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        pending.append((axes, labels))
    if len(styles) > 1:
        handles = [
            Line2D([], [], color=INK, linewidth=1.8, linestyle=style) for style in styles.values()
        ]
        names = ["no seed" if seed is None else f"seed {seed}" for seed in styles]
        figure.legend(
            handles, names, loc="outside lower center", ncols=8, fontsize=10, handlelength=3.2
        )
    figure.draw_without_rendering()
    for axes, labels in pending:
        spread_labels(axes, labels)


def _draw_panel(
    axes: Any, metric: str, runs: Sequence[PretrainRun], styles: dict[int | None, Any]
) -> list[tuple[float, float, str, str]]:
    palette = colours([run.row for run in runs])
    labels: dict[str, tuple[float, float, str, str]] = {}
    limits: tuple[float, float] | None = None
    # Collapsed runs come last: the scale is that of the others.
    for run in sorted(runs, key=has_collapsed):
        part = run.metrics[["update", metric]].dropna()
        if part.empty:
            continue
        x = part["update"].to_numpy(dtype=np.float64)
        y = part[metric].to_numpy(dtype=np.float64)
        colour, style = palette[run.row.name], styles[run.row.seed]
        soft = smooth(y)
        collapsed = has_collapsed(run)
        if collapsed and limits is None and axes.lines:
            limits = axes.get_ylim()
        axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.35)
        axes.plot(x, soft, color=colour, linewidth=2.2, linestyle=style, solid_capstyle="round")
        text = run.row.label + (f" ({COLLAPSED})" if collapsed else "")
        labels.setdefault(run.row.name, (float(x[-1]), float(soft[-1]), text, colour))
    if limits is not None:
        axes.set_ylim(limits)
    if metric == "loss" and len(runs) > 0:
        axes.set_ylabel("loss per masked frame")
    return list(labels.values())


def _draw_limits(axes: Any, metric: str, runs: Sequence[PretrainRun]) -> None:
    palette = colours([run.row for run in runs])
    axes.set_yscale("log", base=2)
    largest = 1
    for row in {run.row.name: run.row for run in runs}.values():
        centres = row.presentation.centres
        if centres:
            largest = max(largest, centres)
            axes.axhline(centres, color=palette[row.name], linewidth=1.1, linestyle=(0, (4, 3)))
            axes.text(
                0.01,
                centres,
                f"{centres:,} centres",
                color=readable(palette[row.name]),
                fontsize=9,
                va="bottom",
                transform=axes.get_yaxis_transform(),
            )
    rules = [rule for run in runs for rule in rules_in(run.record) if rule.metric == metric]
    for limit in sorted({rule.limit for rule in rules if rule.flag == COLLAPSED}):
        axes.axhline(limit, color="#c62828", linewidth=1.2)
        axes.text(
            0.99,
            limit,
            f"collapse below {limit:g}",
            color="#c62828",
            fontsize=9,
            va="bottom",
            ha="right",
            transform=axes.get_yaxis_transform(),
        )
    axes.set_ylim(0.9, 1.9 * largest)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
