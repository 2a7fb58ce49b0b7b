"""In what precision the probe runs encoders: by what is there, else by what the machine does."""

import json
from pathlib import Path

import pytest

from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic.precision import Rates
from pretrain.model.encoder_settings import EncoderSettings
from probe.command_line import parse_arguments
from probe.rows.precision import choose_for_probe, precision_of_cells, precision_of_inputs
from probe.whole_table.command_line import parse
from probe.whole_table.rows import PretrainedRow, plan_rows
from tests.conftest import TINY
from tests.probe.table4_places import make_rows

SIZES = EncoderSettings()


@pytest.fixture(autouse=True)
def _fast_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measure", lambda widths: Rates(100.0, 100.0, 200.0))


def slow_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "measure", lambda widths: Rates(100.0, 100.0, 1.0))


@pytest.mark.parametrize(
    ("options", "expected"),
    [([], "auto"), (["--bf16"], "bf16"), (["--precision", "fp32"], "fp32")],
)
def test_bf16_is_still_understood(options: list[str], expected: str) -> None:
    probe = ["--encoder", "e", "--corpus", "c", "--out", "o", *options]
    assert parse_arguments(probe).precision == expected
    assert parse(["--runs", "r", "--corpus", "c", *options]).precision == expected


def test_two_precisions_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--runs", "r", "--corpus", "c", "--bf16", "--precision", "fp32"])
    assert "not allowed with" in capsys.readouterr().err


def test_what_is_there_decides_unless_one_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_for_probe("auto", None, SIZES, table=tmp_path).precision == "bf16"
    slow_bf16(monkeypatch)
    assert choose_for_probe("auto", None, SIZES).precision == "fp32"
    assert choose_for_probe("auto", None, SIZES, table=tmp_path).precision == "bf16"
    assert choose_for_probe("auto", "bf16", SIZES).precision == "bf16"
    assert choose_for_probe("fp32", "bf16", SIZES, table=tmp_path).precision == "fp32"


def test_cells_from_before_are_found_by_their_inputs(tmp_path: Path) -> None:
    assert precision_of_cells(tmp_path / "none") is None
    folder = tmp_path / "mine" / "speaker-linear"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"inputs": {"bf16": False}}))
    (folder / "damaged.json").write_text("{")
    assert precision_of_cells(tmp_path) == "fp32"
    without: list[object] = [None, [], {}, {"bf16": 1}]
    assert not any(precision_of_inputs(inputs) for inputs in without)
    assert precision_of_inputs({"bf16": True}) == "bf16"


def test_rows_of_table_4_share_one_precision_and_tell_it_to_their_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planned(*seeds: int, keep: bool = True) -> list[PretrainedRow]:
        return plan_rows(
            tmp_path / "rows", (), seeds, tmp_path / "runs", config=[TINY], overrides=(),
            corpus="synthetic", logs=tmp_path / "logs", keep=keep,
        )  # fmt: skip

    make_rows(tmp_path / "rows")
    slow_bf16(monkeypatch)
    assert {row.settings.run.training.precision for row in planned(0, keep=False)} == {"fp32"}
    monkeypatch.undo()
    monkeypatch.setattr(precision, "measure", lambda widths: Rates(100.0, 100.0, 200.0))
    assert len(planned(0)) == 2
    slow_bf16(monkeypatch)
    for row in planned(0, 1):
        assert row.settings.run.training.precision == "bf16"
        assert "training.precision=bf16" in row.arguments
