"""One more figure or table of the report is one file and one line."""

from importlib import import_module
from pathlib import Path

import pytest

from reports import assemble as building
from reports import section
from reports.assemble import build
from reports.figures.drawing import Drawing, SavedFigure, save
from reports.probed import Part
from tests.reports.conftest import make_probe

ADDED = '''
"""How many rows there are, as a bar and as a number."""

from functools import partial

from matplotlib.figure import Figure

from reports.table_data import Cell, Column, Line, Table
from reports.figures.drawing import Drawing
from reports.probed import Probed


def bars(it: Probed) -> Drawing:
    return Drawing(
        name=f"bars-{it.grid.slug}", title="How many rows", caption="As a bar.",
        runs=it.grid.folders, width=3.0, height=2.0, draw=partial(_draw, number=len(it.grid.names)),
    )


def _draw(figure: Figure, *, number: int) -> None:
    figure.subplots().bar([0], [number])


def counts(it: Probed) -> list[Table]:
    line = Line(part="", cells={"rows": Cell(text=str(len(it.grid.names)))})
    columns = [Column(key="rows", title="rows")]
    return [Table(name=f"counts-{it.grid.slug}", title="Rows", columns=columns, lines=[line])]
'''


@pytest.mark.slow
def test_an_added_figure_and_table_are_drawn_shown_and_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "added_figure.py").write_text(ADDED)
    monkeypatch.syspath_prepend(str(tmp_path))
    added = import_module("added_figure")
    more = [Part(make=added.bars), Part(make=added.counts, fold="Counts, folded")]
    monkeypatch.setattr(section, "PARTS", [*section.PARTS, *more])

    def roughly(drawing: Drawing, folder: Path) -> SavedFigure:
        return save(drawing, folder, dots_per_inch=20)

    monkeypatch.setattr(building, "save", roughly)
    names = ("quantized-g2v2", "continuous-k4")
    folder = make_probe(tmp_path / "p", names=names, dimensions=False, layers=("selected",))
    out = tmp_path / "out"
    page = build([str(folder)], out, command="x").read_text()
    assert "<b>How many rows.</b> As a bar." in page
    assert "<summary>Counts, folded</summary>" in page
    assert "<caption>Rows</caption>" in page
    assert (out / "figures" / "bars-synthetic-speaker-linear.png").is_file()
    saved = (out / "tables" / "counts-synthetic-speaker-linear.csv").read_text()
    assert any(line == ",5," for line in saved.splitlines())
