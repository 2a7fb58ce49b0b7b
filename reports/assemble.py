"""Puts the report together: reads, checks, draws, writes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reports import page
from reports.again import SCRIPT, commands, script
from reports.codes.runs import merged
from reports.codes.section import codes_section
from reports.collect import Collection, collect
from reports.figures.drawing import SavedFigure, save, write_bytes
from reports.figures.read_outs import held_out_figures
from reports.figures.training import training_figures
from reports.fusion.read.grouping import mfsn_grids
from reports.fusion.recognition import recognition_table
from reports.fusion.section import fusion
from reports.probed import Probed
from reports.read.contamination import alarms, heard_in, notes, with_marks
from reports.read.fairness import Check, check_probes, check_rows
from reports.read.health import findings, flags
from reports.read.one_class import one_class
from reports.read.published import read_published
from reports.read.records import PretrainRun, row_words
from reports.read.scores import Grid, grids
from reports.section import make_section
from reports.study.fusion_section import fusion_study_section
from reports.study.section import study_section
from reports.tables.formats import save_table
from reports.tables.runs import run_table, sweep_table
from reports.tables.table4 import paper_table
from reports.uncertainty.evidence import evidence
from reports.uncertainty.held_out import held_out_rows, not_learned


def build(
    runs: Sequence[str],
    out: Path,
    *,
    command: str,
    sweep: Sequence[str] = (),
    published: Sequence[Path] = (),
) -> Path:
    """Writes the whole report to `out` and returns the page's path.

    :param runs: Folders or globs of pre-training, probe and MFSN runs.
    :param sweep: Folders or globs of the equal tuning's pre-training runs, if it is to be shown.
    :param published: Files of published numbers, beside those that come with the project.
    :raises ValueError: When there is nothing to report, or the comparison is unfair.
    """
    elsewhere = read_published(published)
    collection = collect(runs, skip=out)
    checks = check_probes(collection.probe)
    found = grids(collection.probe)
    drawn = _drawn(collection, found)
    if not found:
        checks = check_rows([run.row for run in drawn])
    held_out = held_out_rows(collection.pretrain)
    health = [*findings(collection.pretrain), *not_learned(collection.pretrain, held_out)]
    marks = flags(health)
    figures = out / "figures"
    notices = list(collection.notices)
    searched = fusion(
        mfsn_grids(collection.mfsn, notices),
        lambda drawing: save(drawing, figures),
        collection.pretrain,
        collection.finetune,
    )
    studies = [
        study_section(run, lambda drawing: save(drawing, figures)) for run in collection.studies
    ]
    fusion_studies = [
        fusion_study_section(run, lambda drawing: save(drawing, figures))
        for run in collection.fusion_studies
    ]
    codes = merged(collection.codes)
    known = codes_section(codes, lambda drawing: save(drawing, figures))
    sections = []
    for grid in found:
        sure = evidence(grid)
        trained = [row.name for row in grid.rows if row.group != "baseline"]
        records = [run.record for run in collection.probe if str(run.folder) in grid.folders]
        heard = heard_in(records, grid.corpus, trained)
        warned = with_marks(marks, heard)
        notices += [f"{grid.title}: {fault}" for fault in sure.faults]
        probed = Probed(
            grid=grid,
            evidence=sure,
            flags=warned,
            notes=notes(heard, list(dict.fromkeys(trained))),
            probe=collection.probe,
            pretrain=collection.pretrain,
            held_out=held_out,
            codes=codes,
            published=elsewhere,
        )
        doubts = [*_constant_rows(grid), *alarms(heard)]
        sections.append(make_section(probed, doubts, lambda drawing: save(drawing, figures)))
    training: list[SavedFigure] = [
        save(drawing, figures)
        for drawing in (*training_figures(drawn), *held_out_figures(collection.pretrain))
    ]
    has_own_rows = collection.pretrain or any(grid.has_own_rows for grid in found)
    result = page.Page(
        collection=replace(collection, notices=tuple(dict.fromkeys(notices))),
        sections=sections,
        codes=known,
        fusion=searched,
        studies=studies,
        fusion_studies=fusion_studies,
        recognition=(recognition_table(collection.finetune) if collection.finetune else None),
        training=training,
        runs=run_table(collection.pretrain),
        paper=paper_table() if has_own_rows else None,
        sweep=sweep_table(collect(sweep).pretrain) if sweep else None,
        checks=_once(
            [
                *(check for grid in found for check in grid.checks),
                *checks,
                *(searched.checks if searched else []),
            ]
        ),
        findings=health,
        command=command,
        commands=commands(collection),
        script=out / SCRIPT,
    )
    for table in (
        *(table for section in sections for table in section.tables),
        result.runs,
        *(table for table in (result.paper, result.sweep) if table),
        *known.tables,
        *(table for study in studies for table in study.tables),
        *(table for fused in fusion_studies for table in fused.tables),
        *(searched.tables if searched else []),
        *([result.recognition] if result.recognition else []),
    ):
        save_table(table, out / "tables")
    write_bytes(result.script, script(result.commands, command).encode("utf-8"))
    page.save(result, out / "index.html")
    return out / "index.html"


def _constant_rows(grid: Grid) -> list[str]:
    """Names the rows that answer one class throughout; the constant predictor is meant to."""
    if "task" not in grid.predictions:
        return []
    answers = grid.predictions[
        (grid.predictions["task"] == "emotion") & (grid.predictions["row"] != "constant")
    ]
    return [
        f"{row_words(grid.row(one.name))} answers every test utterance with one class"
        + (f" (with {one.number} of {one.of} seeds)" if one.of > 1 else "")
        + ": it tells nothing apart, and its UA is that of a constant."
        for one in one_class(answers, "row", ("seed",))
    ]


def _drawn(collection: Collection, found: Sequence[Grid]) -> list[PretrainRun]:
    """Returns the runs whose training is drawn: those in a table, or all without tables."""
    probed = {(row.name, row.seed) for grid in found for row in grid.rows}
    return [
        run for run in collection.pretrain if not found or (run.row.name, run.row.seed) in probed
    ]


def _once(checks: Sequence[Check]) -> list[Check]:
    return list(dict.fromkeys(checks))
