"""The page: one HTML file that carries its figures and loads nothing."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports import summary
from reports.cells import WORSE, Table
from reports.codes.runs import CodesRun
from reports.codes.section import CodesSection
from reports.evidence import Evidence
from reports.fairness import Check
from reports.figures.drawing import SavedFigure, write_bytes
from reports.fusion.runs import FinetuneRun, MfsnRun
from reports.fusion.section import Fusion
from reports.fusion.sentences import design as fusion_design
from reports.health import Finding
from reports.records import Collection, PretrainRun, ProbeRun
from reports.scores import Grid

TEMPLATE = "template.html.jinja"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One corpus, protocol and head: table, figures, layers."""

    grid: Grid
    table: Table
    alarms: Sequence[str]
    """What makes the scores of this section doubtful as a whole."""

    evidence: Evidence
    intervals: Table | None
    """None where there are no predictions to compute them from."""

    differences: Sequence[Table]
    variance: Table | None
    """None with one seed."""

    layers: Sequence[Table]
    figures: Sequence[SavedFigure]

    @property
    def tables(self) -> list[Table]:
        """All of them, in the page's order."""
        found = [self.table, self.intervals, *self.differences, self.variance, *self.layers]
        return [table for table in found if table]


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the page shows."""

    collection: Collection
    sections: Sequence[Section]
    codes: CodesSection
    fusion: Fusion | None
    """MFSN, where it was run."""

    recognition: Table | None
    """CTC fine-tuning, where it was run."""

    training: Sequence[SavedFigure]
    runs: Table
    paper: Table
    sweep: Table | None
    """The equal tuning, where it was given."""

    checks: Sequence[Check]
    findings: Sequence[Finding]
    command: str
    """The command that made this report."""


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
    grids = [section.grid for section in page.sections]
    return environment.get_template(TEMPLATE).render(
        page=page,
        design=_design(page, grids),
        conclusions={
            section.grid.slug: summary.conclusions(section.grid, section.evidence)
            for section in page.sections
        },
        synthetic=_synthetic(page),
        commands=_commands(page),
        hashes=_hashes(page),
        dagger=WORSE,
    )


def _design(page: Page, grids: Sequence[Grid]) -> str:
    parts = []
    if page.collection.pretrain or grids or not page.fusion:
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
    for part in page.fusion.sections if page.fusion else ():
        if part.grid.synthetic:
            names[f"{part.grid.first.corpus.get('name', 'unnamed')} (MFSN)"] = None
    return list(names)


def _commands(page: Page) -> list[dict[str, Any]]:
    """Returns what to type to make each run and the report again."""
    found = []
    runs: list[PretrainRun | ProbeRun | CodesRun | FinetuneRun | MfsnRun] = [
        *page.collection.pretrain,
        *page.collection.probe,
        *page.collection.codes,
        *page.collection.finetune,
        *page.collection.mfsn,
    ]
    for run in runs:
        git = run.record.get("git") or {}
        found.append(
            {
                "folder": str(run.folder),
                "kind": str(run.record.get("kind")),
                "command": str(run.record.get("command") or "not recorded"),
                "commit": str(git.get("commit") or "unknown")[:12],
                "dirty": bool(git.get("dirty")),
            }
        )
    return found


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
