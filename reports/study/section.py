"""What the page shows of a registered study."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from reports.figures.drawing import Drawing, SavedFigure
from reports.figures.read_outs import read_outs_figure
from reports.study.figure import study_figure
from reports.study.questions import in_words, outcome, sentence
from reports.study.read import StudyRun
from reports.study.secondary import secondary_tables
from reports.study.tables import contrast_table, resolution_table, row_table
from reports.table_data import Table


@dataclass(frozen=True, kw_only=True)
class StudySection:
    """One study."""

    run: StudyRun
    answer: str
    sentences: list[str]
    """Verdicts on the planned contrasts."""

    figure: SavedFigure
    curves: SavedFigure | None
    """Read-outs by update, where they were kept."""

    tables: list[Table]


def study_section(run: StudyRun, draw: Callable[[Drawing], SavedFigure]) -> StudySection:
    """Asks the study's questions and draws the answers."""
    found = outcome(run)
    isolates = {one.name: one.isolates for one in run.study.contrasts}
    return StudySection(
        run=run,
        answer=sentence(found),
        sentences=[
            f"{one.name} ({isolates[one.name]}): {in_words(one)}."
            for one in found.findings
            if one.name in isolates
        ],
        figure=draw(study_figure(found)),
        curves=None if run.read_outs.empty else draw(_curves(run)),
        tables=[
            contrast_table(found),
            row_table(found),
            *secondary_tables(run),
            resolution_table(run.study.name, found.findings, found.resolutions),
        ],
    )


def _curves(run: StudyRun) -> Drawing:
    stops = colormaps["viridis"](np.linspace(0.0, 0.9, len(run.trained)))
    palette = {name: to_hex(stop) for name, stop in zip(run.trained, stops, strict=True)}
    name = f"study-{run.study.name}-read-outs"
    return read_outs_figure(name, run.read_outs, palette, (str(run.folder),))
