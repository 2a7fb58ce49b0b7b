"""A run says before its first update what it is in for, and that changes no number."""

import json
import time
from pathlib import Path

import pytest
import torch

from pretrain.config.files import SettingsTree
from pretrain.config.settings import resolve
from pretrain.engine import outlook, train
from pretrain.engine.outlook import Pace, advice, in_for
from pretrain.engine.pretrain_run import pretrain


def test_what_a_run_is_in_for_is_said_in_words() -> None:
    assert in_for(0, 400_000, 2.1) == "400,000 updates at 2.1 s: about 9.7 days on this machine"
    assert in_for(300, 1000, 0.213) == (
        "700 of 1,000 updates left, at 0.21 s: about 2 min on this machine"
    )


def test_on_a_cpu_a_large_encoder_is_answered_with_the_small_configuration() -> None:
    cpu, small = torch.device("cpu"), "configs/size/small.toml"
    assert f"--config {small}" in advice(19_200_000, cpu, small)
    assert advice(1_200_000, cpu, small) == ""
    assert advice(19_200_000, torch.device("cuda"), small) == ""


def test_what_is_left_of_an_update_is_known_from_those_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    pace = Pace()
    pace.begin()
    assert pace.finishing() == "finishing this update"
    now[0] += 50.0
    assert pace.end() == 50.0
    pace.begin()
    now[0] += 10.0
    assert pace.finishing() == "finishing this update, about 40 s"
    now[0] += 100.0
    assert pace.finishing() == "finishing this update, about 1 s"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["quantized", "continuous"])
def test_the_outlook_comes_first_and_changes_no_number(
    mode: str,
    tiny_tree: SettingsTree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tiny_tree.put("encoder.dropout", 0.1, "test")
    tiny_tree.put("mode", mode, "test")
    settings = resolve(tiny_tree)
    monkeypatch.setattr(outlook, "LARGE_PARAMETERS", 1)
    losses = []
    for folder, min_updates in ((tmp_path / "silent", 7), (tmp_path / "told", 6)):
        monkeypatch.setattr(train, "MIN_UPDATES", min_updates)
        assert pretrain(settings, folder, resume=True)
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        losses.append([json.loads(line)["loss"] for line in lines])
        said = capsys.readouterr().err
        assert ("6 updates at " in said) == (min_updates == 6)
        assert ("--config configs/size/small.toml" in said) == (min_updates == 6)
    assert losses[0] == losses[1]
    told = json.loads((tmp_path / "told" / "run.json").read_text())
    assert told["hashes"] == json.loads((tmp_path / "silent" / "run.json").read_text())["hashes"]
