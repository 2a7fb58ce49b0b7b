"""Curves of pre-training: loss per row, codebook use, variances of continuous targets."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from reports.figures.drawing import INK, Drawing, smooth, spread_labels
from reports.figures.palette import colours, readable
from reports.read.health import COLLAPSED, MIN_CENTRE_PERPLEXITY, has_collapsed
from reports.read.records import PretrainRun, num_centres, row_order, row_words, setting_label

SEED_LINES: tuple[str | tuple[float, tuple[float, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.4)),
    (0, (5, 1.5, 1, 1.5)),
)
"""Line styles of the first seeds; further ones begin again."""

Panel = tuple[str, str, list[PretrainRun]]
"""Title, metric, runs."""


def training_figures(runs: Sequence[PretrainRun]) -> list[Drawing]:
    """Returns the figures that the runs' metrics allow; none without metrics."""
    runs = sorted(runs, key=lambda run: (row_order(run.row), run.row.seed or 0))
    quantized = [run for run in runs if run.row.mode == "quantized"]
    continuous = [run for run in runs if run.row.mode == "continuous"]
    other = [run for run in runs if run.row.mode not in ("quantized", "continuous")]
    collapsed = [run for run in runs if has_collapsed(run)]
    learning = [run for run in runs if not any(run is other for other in collapsed)]
    figures = [
        _figure(
            "explained",
            "What was learned of the targets",
            "Share of an uninformed predictor's loss that the row saves; the uninformed predictor "
            "gives one answer for all frames. At 0 the encoder has learned nothing about its "
            "targets, however far the loss has fallen. Targets differ in difficulty: rows are not "
            "ranked by this." + _left_out(collapsed),
            [("Loss saved against one answer for all", "explained", learning)],
        ),
        _figure(
            "training-loss",
            "Training loss",
            "Loss per masked frame. The two targets have different losses, so only curves in one "
            "panel may be compared. Thin: every logged update; bold: running mean.",
            [
                ("Quantized: contrastive loss with penalties", "loss", quantized),
                ("Continuous: squared error to the teacher", "loss", continuous),
                ("Other targets", "loss", other),
            ],
        ),
        _figure(
            "codebook-use",
            "Codebook use",
            "Left: perplexity of the hard joint centres. Right: number of different centres in "
            "use. Dashed: the V^G centres that the row has. Below the red line a "
            "codebook counts as collapsed.",
            [
                ("Perplexity of the centres", "centre_perplexity", quantized),
                ("Centres in use", "centres_used", quantized),
            ],
        ),
        _figure(
            "target-variance",
            "Variances of the continuous rows",
            "Variance of the teacher's targets and of the student's predictions. A collapse would "
            "go to 0.",
            [
                ("Variance of the targets", "target_variance", continuous),
                ("Variance of the predictions", "prediction_variance", continuous),
            ],
        ),
        _figure(
            "conv-variance",
            "Variance of the conv stack's output",
            "A conv stack that collapses (goes to 0) can hide behind a healthy loss.",
            [
                ("Quantized", "conv_variance", quantized),
                ("Continuous", "conv_variance", continuous),
            ],
        ),
    ]
    return [figure for figure in figures if figure is not None]


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


def _figure(name: str, title: str, caption: str, panels: Sequence[Panel]) -> Drawing | None:
    drawn = [
        (heading, metric, [run for run in runs if metric in run.metrics])
        for heading, metric, runs in panels
    ]
    drawn = [panel for panel in drawn if panel[2]]
    if not drawn:
        return None
    shown = {str(run.folder): None for _, _, runs in drawn for run in runs}
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


def _seeds(panels: Sequence[Panel]) -> dict[int | None, Any]:
    """Returns seed -> line style."""
    seeds = {run.row.seed for _, _, runs in panels for run in runs}
    ordered = sorted(seeds, key=lambda seed: -1 if seed is None else seed)
    return {seed: SEED_LINES[place % len(SEED_LINES)] for place, seed in enumerate(ordered)}


def _draw(figure: Figure, *, panels: Sequence[Panel], styles: dict[int | None, Any]) -> None:
    all_axes: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    pending = []
    for axes, (heading, metric, runs) in zip(all_axes, panels, strict=True):
        counts = metric in ("centre_perplexity", "centres_used")
        axes.margins(x=0.01)
        labels = _draw_panel(axes, metric, runs, styles)
        axes.set_title(heading)
        axes.set_xlabel("update")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        if counts:
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
        text = setting_label(run.row.mode, run.row.setting, run.row.name)
        text += f" ({COLLAPSED})" if collapsed else ""
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
        centres = num_centres(row.setting)
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
    if metric == "centre_perplexity":
        axes.axhline(MIN_CENTRE_PERPLEXITY, color="#c62828", linewidth=1.2)
        axes.text(
            0.99,
            MIN_CENTRE_PERPLEXITY,
            "collapse below 1.5",
            color="#c62828",
            fontsize=9,
            va="bottom",
            ha="right",
            transform=axes.get_yaxis_transform(),
        )
    axes.set_ylim(0.9, 1.9 * largest)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
