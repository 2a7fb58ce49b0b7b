"""Figure 4c: confusion matrices of MFSN beside Co-attention on the TEC encoder alone."""

from functools import partial

from probe.metrics import confusion
from reports.figures.confusion import Panel, draw_matrices, side_of
from reports.figures.drawing import Drawing
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import SEARCHED, TEC_ALONE
from reports.words import percent

HEADINGS = {TEC_ALONE: "Co-attention, TEC alone", SEARCHED: "MFSN"}

RAMP = "#0a3d78"
"""One dark end for both, so that shades can be compared."""


def fusion_confusion(grid: MfsnGrid) -> Drawing | None:
    """Returns the two matrices (or one, where only one was run), or None without either."""
    frames = {name: grid.predictions(name) for name in HEADINGS}
    frames = {name: frame for name, frame in frames.items() if not frame.empty}
    if not frames:
        return None
    classes = sorted({x for f in frames.values() for x in (*f["target"], *f["prediction"])})
    panels = [
        Panel(
            heading=f"{HEADINGS[name]}\nUA {percent(grid.mean(name, 'ua'))} %",
            classes=classes,
            counts=confusion(frame["target"].tolist(), frame["prediction"].tolist(), classes),
            colour=RAMP,
        )
        for name, frame in frames.items()
    ]
    side = side_of(len(classes))
    return Drawing(
        name=f"confusion-mfsn-{grid.slug}",
        title=f"Confusion matrices of MFSN and Co-attention: {grid.title}",
        caption="Rows: true class; columns: predicted class; large: percent of the true class, "
        "small: number of answers, pooled over test folds and seeds. UA is the mean of the "
        "diagonal.",
        runs=grid.folders,
        width=1.2 + (side + 0.5) * len(panels),
        height=1.85 + side,
        draw=partial(draw_matrices, panels=panels, columns=len(panels)),
    )
