"""Curves of pre-training: loss per row, codebook use, variances of continuous targets."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from reports.figures.drawing import Drawing, smooth, spread_labels
from reports.figures.palette import colours, readable
from reports.health import MIN_CENTRE_PERPLEXITY
from reports.records import PretrainRun, num_centres, row_order, setting_label

Panel = tuple[str, str, list[PretrainRun]]
"""Title, metric, runs."""


def training_figures(runs: Sequence[PretrainRun]) -> list[Drawing]:
    """Returns the figures that the runs' metrics allow; none without metrics."""
    runs = sorted(runs, key=lambda run: (row_order(run.row), run.row.seed or 0))
    quantized = [run for run in runs if run.row.mode == "quantized"]
    continuous = [run for run in runs if run.row.mode == "continuous"]
    other = [run for run in runs if run not in quantized and run not in continuous]
    figures = [
        _figure(
            "explained",
            "What was learned of the targets",
            "Share of an uninformed predictor's loss that the row saves; the uninformed predictor "
            "gives one answer for all frames. At 0 the encoder has learned nothing about its "
            "targets, however far the loss has fallen. Targets differ in difficulty: rows are not "
            "ranked by this.",
            [("Loss saved against one answer for all", "explained", runs)],
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


def _figure(name: str, title: str, caption: str, panels: Sequence[Panel]) -> Drawing | None:
    drawn = [
        (heading, metric, [run for run in runs if metric in run.metrics])
        for heading, metric, runs in panels
    ]
    drawn = [panel for panel in drawn if panel[2]]
    if not drawn:
        return None
    shown = {str(run.folder): None for _, _, runs in drawn for run in runs}
    return Drawing(
        name=name,
        title=title,
        caption=caption,
        runs=tuple(shown),
        width=6.2 * len(drawn) if len(drawn) > 1 else 8.0,
        height=4.4,
        draw=partial(_draw, panels=drawn),
    )


def _draw(figure: Figure, *, panels: Sequence[Panel]) -> None:
    all_axes: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    pending = []
    for axes, (heading, metric, runs) in zip(all_axes, panels, strict=True):
        counts = metric in ("centre_perplexity", "centres_used")
        labels = _draw_panel(axes, metric, runs)
        axes.set_title(heading)
        axes.set_xlabel("update")
        axes.margins(x=0.01)
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
    figure.draw_without_rendering()
    for axes, labels in pending:
        spread_labels(axes, labels)


def _draw_panel(
    axes: Any, metric: str, runs: Sequence[PretrainRun]
) -> list[tuple[float, float, str, str]]:
    palette = colours([run.row for run in runs])
    labels: dict[str, tuple[float, float, str, str]] = {}
    for run in runs:
        part = run.metrics[["update", metric]].dropna()
        if part.empty:
            continue
        x = part["update"].to_numpy(dtype=np.float64)
        y = part[metric].to_numpy(dtype=np.float64)
        colour = palette[run.row.name]
        soft = smooth(y)
        axes.plot(x, y, color=colour, linewidth=0.7, alpha=0.35)
        axes.plot(x, soft, color=colour, linewidth=2.2, solid_capstyle="round")
        text = setting_label(run.row.mode, run.row.setting, run.row.name)
        labels.setdefault(run.row.name, (float(x[-1]), float(soft[-1]), text, colour))
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
