"""The parts of a section of the report. One more table or figure is one file and one line here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reports.codes.bits import bits_per_frame
from reports.codes.rate_curve import rate_figure
from reports.figures.confusion import confusion_figure
from reports.figures.drawing import Drawing, SavedFigure
from reports.figures.layers import layer_figure
from reports.figures.overview import overview_figure
from reports.probed import Part, Probed
from reports.read.scores import Grid
from reports.table_data import Table
from reports.tables.layer_weights import layer_weight_tables
from reports.tables.published import published_table
from reports.tables.table4 import layer_tables, table_4
from reports.uncertainty.certainty import difference_tables, interval_table, variance_table
from reports.uncertainty.evidence import Evidence

OTHER_METRICS = "The same questions asked of valence, arousal and dominance"
ELSEWHERE = "What others published on this corpus"
NUMBERS = "The layers as numbers"


def _scores(it: Probed) -> Table:
    table = table_4(it.grid, it.flags, it.held_out)
    return replace(table, notes=[*it.notes, *table.notes])


def _differences(it: Probed) -> list[Table]:
    return difference_tables(it.grid, it.evidence, it.flags)


PARTS: list[Part] = [
    Part(make=_scores),
    Part(make=lambda it: interval_table(it.grid, it.evidence)),
    Part(make=lambda it: overview_figure(it.grid, it.evidence, it.flags)),
    Part(make=lambda it: _differences(it)[:1]),
    Part(make=lambda it: _differences(it)[1:], fold=OTHER_METRICS),
    Part(
        make=lambda it: variance_table(it.grid, it.evidence),
        fold="Would more seeds or more speakers help?",
    ),
    Part(
        make=lambda it: rate_figure(it.grid, it.evidence, bits_per_frame(it.grid, it.codes)),
    ),
    Part(make=lambda it: layer_figure(it.grid)),
    Part(make=lambda it: confusion_figure(it.grid)),
    Part(make=lambda it: published_table(it.grid, it.published), fold=ELSEWHERE),
    Part(make=lambda it: layer_tables(it.grid), fold=NUMBERS),
    Part(make=lambda it: layer_weight_tables(it.grid, it.probe), fold=NUMBERS),
]
"""In the order of the page."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One corpus, protocol and head, made."""

    grid: Grid
    flags: Mapping[str, str]
    """Row name -> words of warning."""

    alarms: Sequence[str]
    """What makes the scores of this section doubtful as a whole."""

    evidence: Evidence
    folds: Sequence[tuple[str, Sequence[Table | SavedFigure]]]
    """What is shown, in the page's order, under its words or none."""

    @property
    def tables(self) -> list[Table]:
        """All of them, in the page's order."""
        return [one for _, shown in self.folds for one in shown if isinstance(one, Table)]

    @property
    def figures(self) -> list[SavedFigure]:
        """All of them, in the page's order."""
        return [one for _, shown in self.folds for one in shown if isinstance(one, SavedFigure)]


def make_section(
    it: Probed, alarms: Sequence[str], draw: Callable[[Drawing], SavedFigure]
) -> Section:
    """Makes all parts, and draws the figures with `draw`."""
    made = [
        (part.fold, draw(one) if isinstance(one, Drawing) else one)
        for part in PARTS
        for one in _as_list(part.make(it))
    ]
    return Section(
        grid=it.grid,
        flags=it.flags,
        alarms=alarms,
        evidence=it.evidence,
        folds=[
            (fold, [one for _, one in shown])
            for fold, shown in groupby(made, key=lambda one: one[0])
        ],
    )


def _as_list(
    made: Table | Drawing | Sequence[Table | Drawing] | None,
) -> Sequence[Table | Drawing]:
    if made is None:
        return ()
    return (made,) if isinstance(made, Table | Drawing) else made
