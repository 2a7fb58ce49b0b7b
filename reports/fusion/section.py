"""Everything that the page shows of MFSN: one part per corpus and protocol, and Table 1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reports.cells import Table
from reports.contamination import alarms, heard_in, notes
from reports.fairness import Check
from reports.figures.drawing import Drawing, SavedFigure
from reports.figures.exhaustive import exhaustive_figure
from reports.figures.fusion_confusion import fusion_confusion
from reports.figures.search_map import search_map
from reports.figures.structure import structure_figure
from reports.figures.trajectories import trajectory_figures
from reports.fusion.audit import audit
from reports.fusion.differences import difference_table
from reports.fusion.encoders import encoder_table
from reports.fusion.evidence import evidence
from reports.fusion.exhaustive import checks, exhaustive_sentences, exhaustive_table
from reports.fusion.grid import MfsnGrid
from reports.fusion.searches import search_sentences, search_table, searches
from reports.fusion.sentences import sentences
from reports.fusion.table1 import table_1
from reports.fusion.table5 import table_5


@dataclass(frozen=True, kw_only=True)
class FusionSection:
    """One corpus and protocol."""

    grid: MfsnGrid
    sentences: Sequence[str]
    ablation: Table | None
    differences: Table | None
    encoders: Table
    found: Table | None
    exhaustive: Table | None
    structures: Sequence[SavedFigure]
    """Figure 4: the map of what won, the structure, the confusion matrices."""

    trajectories: Sequence[SavedFigure]
    check: SavedFigure | None
    """The strips of the exhaustive check."""

    @property
    def tables(self) -> list[Table]:
        found = (self.ablation, self.differences, self.encoders, self.found, self.exhaustive)
        return [table for table in found if table is not None]


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """All of MFSN on the page."""

    table_1: Table
    sections: Sequence[FusionSection]
    checks: Sequence[Check]

    @property
    def tables(self) -> list[Table]:
        return [self.table_1, *(table for section in self.sections for table in section.tables)]


def fusion(grids: Sequence[MfsnGrid], save: Callable[[Drawing], SavedFigure]) -> Fusion | None:
    """Computes and draws everything; None without a run of MFSN."""
    if not grids:
        return None
    found = {grid.slug: evidence(grid) for grid in grids}
    sections = []
    for grid in grids:
        searched, checked = searches(grid), checks(grid)
        figures = (
            search_map(grid, searched),
            structure_figure(grid, searched),
            fusion_confusion(grid),
        )
        strips = exhaustive_figure(grid, checked)
        roles = list(grid.encoders)
        corpus = str(grid.first.corpus.get("name"))
        heard = heard_in([run.record for run in grid.runs], corpus, roles)
        told = notes(heard, roles)
        said = [
            *alarms(heard),
            *sentences(grid, found[grid.slug]),
            *search_sentences(grid, searched),
            *exhaustive_sentences(checked),
        ]
        sections.append(
            FusionSection(
                grid=grid,
                sentences=said,
                ablation=_noted(table_5(grid, found[grid.slug]), told) if grid.variants else None,
                differences=difference_table(grid, found[grid.slug]),
                encoders=_noted(encoder_table(grid), told),
                found=search_table(grid, searched) if searched else None,
                exhaustive=exhaustive_table(grid, checked) if checked else None,
                structures=[save(drawing) for drawing in figures if drawing],
                trajectories=[save(drawing) for drawing in trajectory_figures(grid, searched)],
                check=save(strips) if strips else None,
            )
        )
    scored = [grid for grid in grids if grid.variants]
    return Fusion(
        table_1=table_1(scored, found),
        sections=sections,
        checks=[check for grid in grids for check in audit(grid)],
    )


def _noted(table: Table, told: Sequence[str]) -> Table:
    return replace(table, notes=[*told, *table.notes])
