"""Everything that the page shows of MFSN: one part per corpus and protocol, and Table 1."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from reports.figures.drawing import Drawing, SavedFigure
from reports.fusion.contradicted import contradicted_table
from reports.fusion.differences import difference_table
from reports.fusion.encoders import encoder_table
from reports.fusion.evidence import evidence
from reports.fusion.exhaustive import checks, exhaustive_sentences, exhaustive_table
from reports.fusion.figures.confusion import fusion_confusion
from reports.fusion.figures.exhaustive import exhaustive_figure
from reports.fusion.figures.search_map import search_map
from reports.fusion.figures.structure import structure_figure
from reports.fusion.figures.trajectories import trajectory_figures
from reports.fusion.read.audit import audit
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.encoder_health import Doubt, doubts, variant_flags
from reports.fusion.read.runs import DEV, FinetuneRun
from reports.fusion.searches import search_sentences, search_table, searches
from reports.fusion.sentences import sentences
from reports.fusion.table1 import table_1
from reports.fusion.table5 import table_5
from reports.read.contamination import alarms, heard_in, notes
from reports.read.fairness import Check
from reports.read.one_class import OneClass, one_class
from reports.read.records import PretrainRun
from reports.table_data import Table


@dataclass(frozen=True, kw_only=True)
class FusionSection:
    """One corpus and protocol."""

    grid: MfsnGrid
    alarms: Sequence[str]
    """What makes its numbers doubtful: ill encoders, networks that tell nothing apart."""

    sentences: Sequence[str]
    ablation: Table | None
    differences: Table | None
    contradicted: Table | None
    """Whom the networks follow where the words contradict the voice, of the synthetic corpus."""

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
        found = (
            self.ablation,
            self.differences,
            self.contradicted,
            self.encoders,
            self.found,
            self.exhaustive,
        )
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


def fusion(
    grids: Sequence[MfsnGrid],
    save: Callable[[Drawing], SavedFigure],
    pretrain: Sequence[PretrainRun],
    finetune: Sequence[FinetuneRun],
) -> Fusion | None:
    """Computes and draws everything; None without a run of MFSN.

    :param pretrain: Runs that may have made the encoders, for their health.
    """
    if not grids:
        return None
    found = {grid.slug: evidence(grid) for grid in grids}
    flags: dict[str, dict[str, str]] = {}
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
        ill = doubts(grid, pretrain, finetune)
        constant = one_class(_answers(grid), "variant", ("seed", "selection", "fold"))
        marks = flags[grid.slug] = _marks(grid, ill, constant)
        said = [
            *alarms(heard),
            *sentences(grid, found[grid.slug]),
            *search_sentences(grid, searched),
            *exhaustive_sentences(checked),
        ]
        sections.append(
            FusionSection(
                grid=grid,
                alarms=[*_of_constant(grid, constant), *dict.fromkeys(x.text for x in ill)],
                sentences=said,
                ablation=_noted(table_5(grid, found[grid.slug], marks), told)
                if grid.variants
                else None,
                differences=difference_table(grid, found[grid.slug], marks),
                contradicted=contradicted_table(grid, marks),
                encoders=_noted(encoder_table(grid, ill), told),
                found=search_table(grid, searched) if searched else None,
                exhaustive=exhaustive_table(grid, checked) if checked else None,
                structures=[save(drawing) for drawing in figures if drawing],
                trajectories=[save(drawing) for drawing in trajectory_figures(grid, searched)],
                check=save(strips) if strips else None,
            )
        )
    scored = [grid for grid in grids if grid.variants]
    return Fusion(
        table_1=table_1(scored, found, flags),
        sections=sections,
        checks=[check for grid in grids for check in audit(grid)],
    )


def _answers(grid: MfsnGrid) -> pd.DataFrame:
    """Returns the predictions of the networks that count, or of all where only others are."""
    frame = grid.table("predictions")
    if frame.empty or not (frame["selection"] == DEV).any():
        return frame
    return frame[frame["selection"] == DEV]


def _marks(grid: MfsnGrid, ill: Sequence[Doubt], constant: Sequence[OneClass]) -> dict[str, str]:
    """Returns variant -> words of warning."""
    marks = variant_flags(grid, ill)
    for one in constant:
        words = f"one class in {one.number} of {one.of}"
        marks[one.name] = ", ".join(filter(None, [marks.get(one.name), words]))
    return marks


def _of_constant(grid: MfsnGrid, constant: Sequence[OneClass]) -> list[str]:
    if not constant:
        return []
    labels = {variant.name: variant.label for variant in grid.variants}
    if {one.name for one in constant} == set(labels) and all(x.number == x.of for x in constant):
        named = f"all {sum(one.of for one in constant)}"
    else:
        named = ", ".join(
            f"{labels.get(one.name, one.name)} {one.number} of {one.of}" for one in constant
        )
    return [
        "Networks (one per variant, seed and fold) that answer every test utterance with one "
        f"class: {named}. They tell nothing apart, so their scores are those of a constant."
    ]


def _noted(table: Table, told: Sequence[str]) -> Table:
    return replace(table, notes=[*told, *table.notes])
