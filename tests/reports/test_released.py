"""A report on encoders of others alone: no question of targets, none of the paper's numbers."""

from pathlib import Path

import pytest

from reports.answer import answer
from reports.assemble import build
from reports.collect import collect
from reports.read.scores import grids
from reports.tables.table4 import table_4
from reports.uncertainty.evidence import evidence
from tests.reports.conftest import make_probe

NAMES = ("wavlm-base", "hubert-base")
RELEASED = {"group": "released", "mode": "", "num_parameters": 94_381_936}


def test_a_table_of_released_encoders_asks_nothing_of_targets(tmp_path: Path) -> None:
    changes = {name: dict(RELEASED) for name in NAMES}
    folder = make_probe(tmp_path / "p", names=NAMES, layers=("selected",), changes=changes)
    (grid,) = grids(collect([str(folder)]).probe)
    assert "targets" not in answer([(grid, evidence(grid), {})])
    table = table_4(grid, {})
    assert table.title.startswith("Scores on")
    assert not {"target", "setting", "centres"} & {column.key for column in table.columns}
    assert "Bold" not in " ".join(table.notes)
    assert not [column for column in table.columns if column.key.startswith("paper")]
    assert "not run" not in {cell.flag for line in table.lines for cell in line.cells.values()}
    weights = {line.cells["encoder"].text: line.cells.get("parameters") for line in table.lines}
    assert weights["wavlm-base"] is not None
    assert weights["wavlm-base"].text == "94.4"
    assert weights["constant"] is None


def test_beside_rows_of_ours_the_papers_numbers_stay(tmp_path: Path) -> None:
    names = ("quantized-g2v2", NAMES[0])
    folder = make_probe(tmp_path / "p", names=names, changes={NAMES[0]: dict(RELEASED)})
    (grid,) = grids(collect([str(folder)]).probe)
    table = table_4(grid, {})
    assert [column for column in table.columns if column.key.startswith("paper")]
    assert "not run" in {cell.flag for line in table.lines for cell in line.cells.values()}


@pytest.mark.usefixtures("no_drawing")
def test_a_page_of_released_encoders_has_no_parts_on_targets_and_training(tmp_path: Path) -> None:
    changes = {name: dict(RELEASED) for name in NAMES}
    folder = make_probe(tmp_path / "p", names=NAMES, layers=("selected",), changes=changes)
    page = build([str(folder)], tmp_path / "out", command="x").read_text(encoding="utf-8")
    assert "<h1>Speech encoders on emotion</h1>" in page
    for part in ("Health of the runs", "Pre-training</h2>", "The paper</h2>", "target</th>"):
        assert part not in page, part
    assert not list((tmp_path / "out" / "tables").glob("paper-*"))
    ours = make_probe(tmp_path / "q", names=("quantized-g2v2", *NAMES), changes=changes)
    page = build([str(ours)], tmp_path / "out2", command="x").read_text(encoding="utf-8")
    assert "<h1>Quantized or continuous targets for speech emotion?</h1>" in page
    for part in ("Health of the runs", "The paper</h2>", "target</th>"):
        assert part in page, part
