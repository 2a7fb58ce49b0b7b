"""Who decides on `auto` for a table: its rows, then what was decided for it, then a measurement."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from pretrain.config.files import SettingsTree, read_tree
from pretrain.config.settings import ResolvedSettings, resolve
from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic.kept_precision import DECISION_FILE, settle
from pretrain.engine.arithmetic.precision import COMMON, Rates
from tests.conftest import TINY


@dataclass
class Table:
    """A folder of rows, and what a call said of it."""

    folder: Path
    said: list[str] = field(default_factory=list)

    def of(self, settings: ResolvedSettings) -> Path:
        return self.folder / settings.name

    def settle(self, *rows: ResolvedSettings, **more: Any) -> list[str]:
        """Returns the precisions of the rows, which are settled for this folder."""
        self.said.clear()
        settled = settle(
            rows, self.of, lambda: COMMON, torch.device("cpu"), table=self.folder,
            say=self.said.append, **more,
        )  # fmt: skip
        return [row.run.training.precision for row in settled]

    def put(self, name: str, precision: str, status: str = "running") -> None:
        (self.folder / name).mkdir(parents=True)
        content = {"settings": {"training": {"precision": precision}}, "status": status}
        (self.folder / name / "run.json").write_text(json.dumps(content))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path / "table")


@pytest.fixture(autouse=True)
def _fast_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measure", lambda widths: Rates(100.0, 100.0, 200.0))


def row(name: str, precision: str = "auto") -> ResolvedSettings:
    tree: SettingsTree = read_tree([TINY], [f"name={name}", f"training.precision={precision}"])
    tree.put("mode", "quantized", "test")
    return resolve(tree)


def slow_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measure", lambda widths: Rates(100.0, 100.0, 1.0))


def test_what_was_decided_for_a_table_holds_before_there_are_rows(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert table.settle(row("a"), row("b")) == ["bf16", "bf16"]
    assert len(table.said) == 1
    slow_bf16(monkeypatch)  # another machine that shares the folder
    assert table.settle(row("a"), row("c")) == ["bf16", "bf16"]
    assert "as decided before" in table.said[0]
    assert table.said[1].startswith("WARNING: precision bf16 is kept")
    (table.folder / DECISION_FILE).write_bytes(b"\xffbf")  # damaged: as if it were not there
    assert table.settle(row("a")) == ["fp32"]
    assert (table.folder / DECISION_FILE).read_text() == "fp32\n"


def test_a_dry_run_leaves_nothing(table: Table) -> None:
    assert table.settle(row("a"), keep=False) == ["bf16"]
    assert not table.folder.exists()


def test_rows_that_are_there_decide_for_new_ones(table: Table) -> None:
    assert table.settle(row("new")) == ["bf16"]
    for name in ("a", "b"):
        table.put(name, "fp32")
    table.put("c", "bf16")
    # c stands out: its own folder refuses it, in words, when it is trained.
    assert table.settle(row("a"), row("b"), row("c"), row("new")) == ["fp32"] * 4
    assert "as in the rows there" in table.said[0]


def test_a_row_that_names_its_precision_has_it_and_decides_for_the_others(table: Table) -> None:
    assert table.settle(row("a", "fp32"), row("b")) == ["fp32", "fp32"]
    assert not (table.folder / DECISION_FILE).exists()


def test_slow_bf16_that_was_asked_for_is_warned_of_until_it_is_finished(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert table.settle(row("a", "bf16")) == ["bf16"]
    assert table.said == []
    slow_bf16(monkeypatch)
    assert table.settle(row("a", "bf16")) == ["bf16"]
    assert "WARNING: precision bf16 was asked for, but fp32 would be faster" in table.said[0]
    table.put("a", "bf16", status="finished")
    assert table.settle(row("a", "bf16")) == ["bf16"]
    assert table.said == []


@pytest.mark.parametrize("text", ["{}", '{"settings": {"training": 1}}'])
def test_a_description_without_a_precision_decides_nothing(text: str, table: Table) -> None:
    (table.folder / "a").mkdir(parents=True)
    (table.folder / "a" / "run.json").write_text(text)
    assert table.settle(row("a")) == ["bf16"]
