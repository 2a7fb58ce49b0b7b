"""How the searches of a study of fusion went: entropy, leading operations, chosen levels."""

from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from reports.figures.drawing import Drawing
from reports.fusion.read.runs import LEVELS
from reports.study.fusion_read import FusionStudyRun
from reports.study.fusion_tables import head_words

COLOURS = ("#1b62a5", "#c8590b", "#1d7a4f")
"""By head, in the study's order."""


def searches_figure(run: FusionStudyRun) -> Drawing:
    """Returns the picture of all searches, over seeds and folds."""
    rate = ((run.record.get("settings") or {}).get("search") or {}).get("alpha_lr")
    number = len(run.structures)
    return Drawing(
        name=f"study-{run.study.name}-searches",
        title=f"Searches: {run.study.name}",
        caption=f"{number} searches (seeds and folds of every head), alpha stepped at a rate of "
        f"{rate}. Left: entropy of the weights of operations, a line per search (2.08 nats: all "
        "equal). Middle: which operation was found how often. Right: which level of speech.",
        runs=(str(run.folder),),
        width=12.0,
        height=4.0,
        draw=partial(_draw, run=run),
    )


def _draw(figure: Figure, *, run: FusionStudyRun) -> None:
    left: Any
    middle: Any
    right: Any
    left, middle, right = figure.subplots(1, 3)
    heads = [head for head in run.study.networks.heads if head in set(run.structures["head"])]
    for head, colour in zip(heads, COLOURS, strict=False):
        own = run.alpha[run.alpha["head"] == head]
        for _, line in own.groupby(["seed", "fold"]):
            left.plot(line["epoch"], line["entropy"], color=colour, linewidth=1, alpha=0.7)
        left.plot([], [], color=colour, label=head_words(head))
    left.set_xlabel("epoch")
    left.set_ylabel("entropy, nats")
    left.set_ylim(bottom=0.0)
    left.legend(fontsize=9)
    found = run.structures
    operations = found["operations"].value_counts().index[::-1].tolist()
    _bars(middle, found, "operations", operations, heads)
    levels = found["level"].replace({str(n): level for n, level in enumerate(LEVELS)})
    _bars(right, found.assign(level=levels), "level", list(LEVELS), heads)


def _bars(axes: Any, found: pd.DataFrame, column: str, order: list[str], heads: list[Any]) -> None:
    before = [0] * len(order)
    for head, colour in zip(heads, COLOURS, strict=False):
        counts = found[found["head"] == head][column].value_counts()
        numbers = [int(counts.get(name, 0)) for name in order]
        axes.barh(order, numbers, left=before, color=colour)
        before = [a + b for a, b in zip(before, numbers, strict=True)]
    axes.set_xlabel("searches")
