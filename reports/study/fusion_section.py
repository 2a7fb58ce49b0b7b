"""What the page shows of a study of fusion."""

from collections.abc import Callable
from dataclasses import dataclass

from reports.figures.drawing import Drawing, SavedFigure
from reports.study.fusion_figure import fusion_figure
from reports.study.fusion_questions import fusion_outcome, fusion_sentence
from reports.study.fusion_read import FusionStudyRun
from reports.study.fusion_searches import searches_figure
from reports.study.fusion_tables import network_table, questions_table, trace_table
from reports.study.questions import in_words
from reports.study.tables import resolution_table
from reports.table_data import Table


@dataclass(frozen=True, kw_only=True)
class FusionStudySection:
    """One study of fusion."""

    run: FusionStudyRun
    answer: str
    sentences: list[str]
    """Verdicts on the planned contrasts."""

    encoders: list[str]
    """What each encoder was trained for."""

    figure: SavedFigure
    searches: SavedFigure
    tables: list[Table]


def fusion_study_section(
    run: FusionStudyRun, draw: Callable[[Drawing], SavedFigure]
) -> FusionStudySection:
    """Asks the study's questions and draws the answers."""
    found = fusion_outcome(run)
    isolates = {one.name: one.isolates for one in run.study.contrasts}
    traced = trace_table(found)
    return FusionStudySection(
        run=run,
        answer=fusion_sentence(found),
        sentences=[
            f"{one.name} ({isolates[one.name]}): {in_words(one)}." for one in found.findings
        ],
        encoders=[_encoder(role, entry) for role, entry in run.record["encoders"].items()],
        figure=draw(fusion_figure(found)),
        searches=draw(searches_figure(run)),
        tables=[
            questions_table(found),
            network_table(found),
            *([traced] if traced else []),
            resolution_table(run.study.name, found.findings, found.resolutions),
        ],
    )


def _encoder(role: str, entry: dict[str, object]) -> str:
    words = f"{role.upper() if role == 'tec' else role.replace('sec', 'SEC')}: {entry['name']}"
    words += f", mode {entry['mode'] or 'unknown'}"
    if entry.get("finetuned") is False and role == "tec":
        words += ", never fine-tuned on transcripts: no encoder of text"
    cer, constant = entry.get("cer"), entry.get("constant_cer")
    if isinstance(cer, float) and isinstance(constant, float):
        words += f", CER {100 * cer:.1f} % (best constant {100 * constant:.1f} %)"
        words += "" if cer < constant else ": it does not read"
    return words
