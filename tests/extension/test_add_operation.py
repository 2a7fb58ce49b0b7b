"""One more operation of the Fusion Cell is one file and one line, from the search to the report."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

from mfsn.experiment.results import read_run, read_table
from mfsn.model.fusion_cells import FusionCell, FusionSettings
from mfsn.model.operations import OPERATIONS
from mfsn.run import main
from reports import run as report
from reports.collect import collect
from reports.fusion.figures.structure import structure_figure
from reports.fusion.read.grouping import mfsn_grids
from reports.fusion.searches import searches
from tests.mfsn.commands import command, make_place

PRODUCT = """
from mfsn.model.operations.operation import Operation, only_valid
from torch import nn

class Product(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, dim)

    def forward(self, x, y, valid):
        return only_valid(x * self.linear(y), valid)

PRODUCT = Operation(
    name="product_w",
    make=lambda dim, ism: Product(dim),
    formula=lambda x, y, ism: f"{x} \\u2299 W {y}",
)
"""


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with the operation, on the path but not yet in the list."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "added_product.py").write_text(PRODUCT)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return importlib.import_module("added_product")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    (tmp_path / "place").mkdir()
    make_place(tmp_path / "place")
    return tmp_path / "place"


def cell() -> FusionCell:
    return FusionCell(4, FusionSettings(), cell=0, seed=3)


def test_an_operation_at_the_end_leaves_the_draws_of_the_others(
    product: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cell()
    monkeypatch.setitem(OPERATIONS, "product_w", product.PRODUCT)
    after = cell()
    assert list(after.operations) == [*before.operations, "product_w"]
    assert torch.equal(after.alpha[:-1], before.alpha)
    state = after.state_dict()
    for name, weight in before.operations.state_dict().items():
        assert torch.equal(state[f"operations.{name}"], weight), name


@pytest.mark.slow
def test_an_operation_from_a_file_of_its_own_is_searched_and_reported(
    product: Any, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPERATIONS, "product_w", product.PRODUCT)
    # It wins: it alone begins with a large alpha.
    drawn = FusionCell.__init__

    def favoured(self: FusionCell, *sizes: Any, **more: Any) -> None:
        drawn(self, *sizes, **more)
        with torch.no_grad():
            self.alpha[-1] = 5.0

    monkeypatch.setattr(FusionCell, "__init__", favoured)
    out = tmp_path / "searched"
    assert main(command(place, "search", out)) == 0
    assert set(read_table(out / "structures.csv")["operations"]) == {"product_w"}
    assert read_run(out)["formulas"]["product_w"] == "x \u2299 W y"
    genotype = out / "tasks" / "mfsn" / "seed-0" / "s1" / "genotype.json"
    trained = ["--genotype", str(genotype), "--fold", "s1"]
    assert main(command(place, "train", tmp_path / "trained", *trained)) == 0
    every = ["--fold", "s1", "--search", str(out), "--set", "fit.max_epochs=2"]
    assert main(command(place, "exhaust", tmp_path / "all", *every)) == 0
    assert len(read_table(tmp_path / "all" / "exhaustive.csv")) == 27

    folders = [str(out), str(tmp_path / "all")]
    assert report.main(["--runs", *folders, "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert "product_w" in page
    texts = [path.read_text() for path in (tmp_path / "report" / "figures").glob("*.svg")]
    assert sum("product_w" in text for text in texts) >= 3, (
        "map of the search, its structure, alpha"
    )

    (grid,) = mfsn_grids(collect(folders[:1]).mfsn, [])
    drawing = structure_figure(grid, searches(grid))
    assert drawing is not None
    figure = Figure()
    drawing.draw(figure)
    assert "x \u2299 W y" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.slow
def test_a_search_among_other_operations_is_not_gone_on_with(
    product: Any,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "searched"
    assert main(command(place, "search", out, "--fold", "s0")) == 0
    # A folder of before names them beside the inputs only.
    run = json.loads((out / "run.json").read_text())
    del run["inputs"]["operations"]
    (out / "run.json").write_text(json.dumps(run))
    assert main(command(place, "search", out, "--fold", "s0")) == 0
    assert "Already finished" in capsys.readouterr().out
    monkeypatch.setitem(OPERATIONS, "product_w", product.PRODUCT)
    assert main(command(place, "search", out, "--fold", "s1")) != 0
    said = capsys.readouterr().err
    for words in ("operations: ", "product_w", "Choose another --out"):
        assert words in said
