"""The page: one HTML file that carries its figures and loads nothing."""

import base64
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import summary
from reports.again import Command, left_out
from reports.answer import answer
from reports.codes.section import CodesSection
from reports.collect import Collection
from reports.figures.drawing import SavedFigure, write_bytes
from reports.fusion.section import Fusion
from reports.fusion.sentences import design as fusion_design
from reports.read.fairness import Check
from reports.read.health import Finding
from reports.read.scores import Grid
from reports.section import Section
from reports.study.fusion_section import FusionStudySection
from reports.study.section import StudySection
from reports.table_data import WORSE, Table

TEMPLATE = "template.html.jinja"

MOST_OPENED = 2
"""Tables that are not folded."""

TARGETS = "Quantized or continuous targets for speech emotion?"
OTHERS = "Speech encoders on emotion"
FUSION = "Emotion from text and speech"
"""Titles of pages."""

ONLY_MFSN = (
    "Not answered here: no quantized and continuous encoders were probed side by side, only MFSN "
    "was run."
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the page shows."""

    collection: Collection
    sections: Sequence[Section]
    codes: CodesSection
    fusion: Fusion | None
    """MFSN, where it was run."""

    studies: Sequence[StudySection]
    """Registered studies, each with questions of its own."""

    fusion_studies: Sequence[FusionStudySection]
    """Registered studies of MFSN."""

    recognition: Table | None
    """CTC fine-tuning, where it was run."""

    training: Sequence[SavedFigure]
    runs: Table
    paper: Table | None
    """The paper's own numbers, where there is something to hold beside them."""

    sweep: Table | None
    """The equal tuning, where it was given."""

    checks: Sequence[Check]
    findings: Sequence[Finding]
    command: str
    """The command that made this report."""

    commands: Sequence[Command]
    """Those that made the runs."""

    script: Path
    """Gives all of them."""

    @property
    def of_targets(self) -> bool:
        """Whether something on it is asked of targets: not where there are encoders of others and
        baselines alone, or a study of fusion alone, of which no training is known either."""
        asked = (self.collection.pretrain, self.studies, self.fusion)
        own = any(section.grid.has_own_rows for section in self.sections)
        return own or any(asked) or not (self.sections or self.fusion_studies)

    @property
    def title(self) -> str:
        """What the page is about."""
        return TARGETS if self.of_targets else OTHERS if self.sections else FUSION

    @property
    def picture(self) -> SavedFigure | None:
        """The one that the page opens with."""
        figures = [one.figure for one in self.studies]
        if studied := [*figures, *(one.figure for one in self.fusion_studies)]:
            return studied[0]
        searched = self.fusion.sections if self.fusion else ()
        groups = [part.figures for part in self.sections] + [part.structures for part in searched]
        return next((group[0] for group in [*groups, self.training] if group), None)

    @property
    def opened(self) -> Sequence[Section]:
        """Those whose Table 4 stands open below the picture."""
        return self.sections[:MOST_OPENED]

    @property
    def alarms(self) -> dict[str, Sequence[str]]:
        """What the opening warns of, by section."""
        searched = self.fusion.sections if self.fusion else ()
        found = {part.grid.title: part.alarms for part in self.sections}
        found |= {f"MFSN on {part.grid.title}": part.alarms for part in searched}
        return {place: alarms for place, alarms in found.items() if alarms}

    @property
    def figures(self) -> list[SavedFigure]:
        """All of them, in the page's order."""
        found = [figure for section in self.sections for figure in section.figures]
        found += [part.figure for part in self.codes.parts if part.figure]
        for part in self.fusion.sections if self.fusion else ():
            found += [*part.structures, *part.trajectories, *([part.check] if part.check else [])]
        studied = [one for study in self.studies for one in (study.figure, study.curves) if one]
        fused = [one for study in self.fusion_studies for one in (study.figure, study.searches)]
        return [*studied, *fused, *found, *self.training]


def render(page: Page) -> str:
    """Returns the HTML; every value from a file is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = data_uri
    environment.filters["shell_word"] = lambda path: shlex.quote(str(path))
    grids = [section.grid for section in page.sections]
    return environment.get_template(TEMPLATE).render(
        page=page,
        answer=_answer(page),
        rows_answer=_rows_answer(page),
        design=_design(page, grids),
        conclusions={
            section.grid.slug: summary.conclusions(section.grid, section.evidence, section.flags)
            for section in page.sections
        },
        synthetic=_synthetic(page),
        left_out=left_out(page.commands),
        hashes=_hashes(page),
        dagger=WORSE,
    )


def _answer(page: Page) -> str:
    said = [f"{one.run.study.question} {one.answer}" for one in page.studies]
    if said := [*said, *(f"{x.run.study.question} {x.answer}" for x in page.fusion_studies)]:
        return " ".join(said)
    if page.sections or not page.fusion:
        return _rows_answer(page)
    return ONLY_MFSN


def _rows_answer(page: Page) -> str:
    return answer([(x.grid, x.evidence, x.flags) for x in page.sections])


def _design(page: Page, grids: Sequence[Grid]) -> str:
    parts = []
    if (
        page.collection.pretrain
        or grids
        or not (page.fusion or page.studies or page.fusion_studies)
    ):
        parts.append(summary.design(page.collection.pretrain, grids))
    if page.fusion:
        parts.append(fusion_design([part.grid for part in page.fusion.sections]))
    return " ".join(parts)


def save(page: Page, file: Path) -> None:
    """Writes the page."""
    write_bytes(file, render(page).encode("utf-8"))


def data_uri(figure: SavedFigure) -> str:
    """Returns the figure's SVG as an address that holds the picture itself."""
    content = base64.b64encode(figure.svg.read_bytes()).decode("ascii")
    return f"data:image/svg+xml;base64,{content}"


def _synthetic(page: Page) -> list[str]:
    """Names the synthetic corpora, for the banner."""
    names: dict[str, None] = {}
    for run in page.collection.pretrain:
        corpus = run.record.get("corpus") or {}
        if corpus.get("synthetic"):
            names[f"{corpus.get('name', 'unnamed')} (pre-training)"] = None
    for section in page.sections:
        if section.grid.synthetic:
            names[f"{section.grid.corpus} (probe)"] = None
    for study in page.fusion_studies:
        if study.run.record["corpus"]["synthetic"]:
            names[f"{study.run.record['corpus']['name']} (study of fusion)"] = None
    for part in page.fusion.sections if page.fusion else ():
        if part.grid.synthetic:
            names[f"{part.grid.first.corpus.get('name', 'unnamed')} (MFSN)"] = None
    return list(names)


def _hashes(page: Page) -> list[dict[str, Any]]:
    """Returns all hashes of all pre-training runs."""
    keys = (
        "settings",
        "comparison",
        "initial_weights",
        "final_weights",
        "corpus",
        "sample_order",
        "masks",
    )
    return [
        {
            "row": run.row.name,
            "seed": run.row.seed,
            "values": [(key, run.row.hashes.get(key, "missing")) for key in keys],
        }
        for run in page.collection.pretrain
    ]
