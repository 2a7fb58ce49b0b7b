"""A study of fusion as one picture: its contrasts, and every network between floor and ceiling."""

from functools import partial
from typing import Any

from matplotlib.figure import Figure

from reports.figures.drawing import Drawing
from reports.fusion.table5 import COLOURS as NETWORK_COLOURS
from reports.study.figure import draw_contrasts, study_drawing
from reports.study.fusion_questions import FusionOutcome
from reports.study.fusion_tables import NETWORKS, head_words
from reports.study.questions import POINTS

MARKERS = ("o", "s", "^")
"""By head, in the study's order."""


def fusion_figure(found: FusionOutcome) -> Drawing:
    """Returns the picture."""
    right = (
        "UA of every network, by head; lines: the best listeners who hear the words, the voice, or "
        "both."
    )
    return study_drawing(
        found.run.study, str(found.run.folder), right, partial(_draw, found=found),
        height=max(3.8, 1.4 + 0.45 * len(found.findings)),
    )  # fmt: skip


def _draw(figure: Figure, *, found: FusionOutcome) -> None:
    left: Any
    right: Any
    left, right = figure.subplots(1, 2)
    draw_contrasts(left, found.findings, found.run.study.decision.equivalence_margin)
    heads = found.run.study.networks.heads
    places = {network: place for place, network in enumerate(NETWORKS)}
    for name, scores in found.scores.items():
        head, network = name.split()
        one, number = scores.ua, heads.index(head)  # type: ignore[arg-type]
        right.errorbar(
            places[network] + 0.22 * (number - (len(heads) - 1) / 2), POINTS * one.value,
            yerr=[[POINTS * (one.value - one.low)], [POINTS * (one.high - one.value)]],
            fmt=MARKERS[number], color=NETWORK_COLOURS[network], markersize=7, linewidth=1.2,
            markerfacecolor="white" if number else None,
        )  # fmt: skip
    for number, head in enumerate(heads):
        right.plot(
            [], [], MARKERS[number], color="#444444", label=head_words(head),
            markerfacecolor="white" if number else None,
        )  # fmt: skip
    for listener, ua in ((found.run.record.get("oracle") or {}).get("ua") or {}).items():
        right.axhline(POINTS * ua, color="#888888", linestyle="--", linewidth=1)
        right.annotate(
            f"hears {listener}", (1.0, POINTS * ua), xycoords=("axes fraction", "data"),
            ha="right", va="bottom", fontsize=9, color="#666666",
        )  # fmt: skip
    words = [name.replace(" ", "\n") for name in NETWORKS.values()]
    right.set_xticks(range(len(NETWORKS)), words, fontsize=8)
    right.set_ylabel("UA, %")
    right.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(heads), fontsize=9)
