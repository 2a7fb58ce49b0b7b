"""A study as one picture: its contrasts with intervals, and UA over what targets keep."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from mfsn.study.study_file import FusionStudy
from probe.study.study_file import Study
from reports.figures.drawing import Drawing
from reports.palette import GREYS, LINES
from reports.study.questions import POINTS, Outcome
from reports.study.read import BASELINES
from reports.uncertainty.planned import DIFFERS, EQUAL, NOT_LEARNED, Finding

COLOURS = {DIFFERS: "#a94400", EQUAL: "#1f7a6d", NOT_LEARNED: "#bbbbbb"}
UNDECIDED_COLOUR = "#5c5c70"
BESIDE = 0.02
"""Distance of rows whose targets keep the same, in share of variance."""


def study_figure(found: Outcome) -> Drawing:
    """Returns the picture that the page opens with."""
    study = found.run.study
    right = "UA over the share of the frames' variance that the target keeps"
    right += "; squares: rows beside the slope." if study.primary else "."
    return study_drawing(
        study, str(found.run.folder), right, partial(_draw, found=found),
        height=max(3.6, 1.4 + 0.45 * len(found.findings)),
    )  # fmt: skip


def study_drawing(
    study: Study | FusionStudy,
    folder: str,
    right: str,
    draw: Callable[[Figure], None],
    *,
    height: float,
) -> Drawing:
    """Returns a study's picture: its questions by `draw_contrasts` at the left, and what the
    caption says in `right`."""
    return Drawing(
        name=f"study-{study.name}",
        title=f"Registered study: {study.name}",
        caption="Left: every registered question with its 95 % interval over speakers and seeds "
        f"(orange: differs; green: equal within {study.decision.equivalence_margin:g} points, the "
        f"shaded width; grey: undecided). Right: {right}",
        runs=(folder,),
        width=12.0,
        height=height,
        draw=draw,
    )


def _draw(figure: Figure, *, found: Outcome) -> None:
    left: Any
    right: Any
    left, right = figure.subplots(1, 2)
    draw_contrasts(left, found.findings, found.run.study.decision.equivalence_margin)
    for name in BASELINES:
        if name in found.scores and name != "constant":
            value = POINTS * found.scores[name].value
            right.axhline(value, color=GREYS[name], linestyle=LINES[name], linewidth=1.4)
            right.annotate(
                name, (1.0, value), xycoords=("axes fraction", "data"), ha="right", va="bottom",
                fontsize=9, color=GREYS[name],
            )  # fmt: skip
    primary = found.run.study.primary
    slope = set(primary.rows if primary else found.scores)
    for kept, names in _by_kept_variance(found).items():
        for place, name in enumerate(names):
            score, regressed = found.scores[name], name in slope
            x = kept + BESIDE * (place - (len(names) - 1) / 2)
            right.errorbar(
                x, POINTS * score.value,
                yerr=[[POINTS * (score.value - score.low)], [POINTS * (score.high - score.value)]],
                fmt="o" if regressed else "s", color="#1f7a6d" if regressed else "#7dbbe8",
                markersize=7, linewidth=1.2, alpha=1.0 if regressed else 0.8,
            )  # fmt: skip
            right.annotate(
                name, (x, POINTS * score.high), xytext=(0, 4), fontsize=9,
                textcoords="offset points", ha="center", va="bottom", rotation=90,
            )  # fmt: skip
    right.margins(y=0.15)
    right.set_xlabel("share of the frames' variance that the target keeps")
    right.set_ylabel("UA, %")


def draw_contrasts(axes: Any, findings: Sequence[Finding], margin: float) -> None:
    """Draws every question with its interval, the first on top, and the shaded margin."""
    axes.axvspan(-margin, margin, color="#e8f2ef", zorder=0)
    axes.axvline(0, color="#888888", linewidth=1)
    for place, one in enumerate(findings[::-1]):
        colour = COLOURS.get(one.verdict, UNDECIDED_COLOUR)
        axes.plot([POINTS * one.low, POINTS * one.high], [place, place], color=colour, linewidth=2)
        axes.plot(POINTS * one.value, place, "o", color=colour, markersize=7)
    axes.set_yticks(range(len(findings)), [one.name for one in findings[::-1]])
    axes.set_ylim(-0.6, len(findings) - 0.4)
    axes.set_xlabel("difference of UA, points")


def _by_kept_variance(found: Outcome) -> dict[float, list[str]]:
    """Returns the rows that are drawn, side by side where their targets keep the same."""
    groups: dict[float, list[str]] = {}
    for name in found.scores:
        kept = found.run.kept_variance(name)
        if kept == kept and name != found.run.study.gate.control:
            groups.setdefault(round(kept, 2), []).append(name)
    return groups
