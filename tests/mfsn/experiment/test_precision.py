"""In what precision networks are trained: by what is there, else by what is trained and where."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mfsn.experiment.precision import check_precision, choose_for_fit, with_precision
from mfsn.experiment.results import FORMAT, KIND, FusionRunError, read_run, write_json
from mfsn.search.settings import MfsnSettings
from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic.precision import Choice, Rates

CPU = torch.device("cpu")
TRAINED = MfsnSettings(train_sec_encoder=True)


def with_measured(monkeypatch: pytest.MonkeyPatch, bf16: float) -> None:
    monkeypatch.setattr(precision, "measure", lambda widths: Rates(100.0, 100.0, bf16))


def test_a_trained_encoder_decides_by_its_products_once_for_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_measured(monkeypatch, 200.0)
    assert choose_for_fit(TRAINED, tmp_path / "run", None, 512, CPU).precision == "bf16"
    with_measured(monkeypatch, 1.0)
    assert choose_for_fit(TRAINED, tmp_path / "run", None, 512, CPU).precision == "bf16"
    assert choose_for_fit(TRAINED, tmp_path / "other", None, 512, CPU).precision == "fp32"
    named = with_precision(TRAINED, Choice("fp32", ""))
    assert choose_for_fit(named, tmp_path / "run", None, 512, CPU).precision == "fp32"


def test_a_run_and_a_judged_search_keep_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_measured(monkeypatch, 200.0)
    inputs = {"settings.fit.precision": "fp32"}
    (tmp_path / "run").mkdir()
    run = {"kind": KIND, "format": FORMAT, "status": "running", "inputs": inputs}
    write_json(tmp_path / "run" / "run.json", run)
    assert choose_for_fit(TRAINED, tmp_path / "run", None, 512, CPU).precision == "fp32"
    search = tmp_path / "run"
    assert choose_for_fit(TRAINED, tmp_path / "exhaust", search, 512, CPU).precision == "fp32"


def test_a_head_on_frozen_encoders_is_trained_in_fp32_on_a_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_measured(monkeypatch, 1000.0)
    frozen = replace(TRAINED, train_sec_encoder=False)
    assert choose_for_fit(frozen, tmp_path / "run", None, 512, CPU).precision == "fp32"


def test_a_foreign_folder_gets_no_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_measured(monkeypatch, 200.0)
    (tmp_path / "mine.txt").touch()
    assert choose_for_fit(TRAINED, tmp_path, None, 512, CPU).precision == "bf16"
    assert choose_for_fit(TRAINED, tmp_path / "mine.txt", None, 512, CPU).precision == "bf16"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_cpu_without_lstms_in_bf16_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*shapes: int) -> nn.Module:
        raise RuntimeError("could not create a primitive descriptor")

    state = torch.get_rng_state()
    check_precision(with_precision(TRAINED, Choice("fp32", "")), CPU)
    monkeypatch.setattr(nn, "LSTM", fails)
    check_precision(with_precision(TRAINED, Choice("fp32", "")), CPU)
    with pytest.raises(FusionRunError, match="this CPU has no LSTM in bf16"):
        check_precision(with_precision(TRAINED, Choice("bf16", "")), CPU)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
@pytest.mark.usefixtures("runs")
def test_a_run_folder_has_the_precision_and_never_auto(searched: Path) -> None:
    run = read_run(searched)
    assert run["inputs"]["settings.fit.precision"] == run["settings"]["fit"]["precision"] == "fp32"
    assert run["hardware"]["float32_matmul_precision"] in ("highest", "medium")
