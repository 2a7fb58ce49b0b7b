"""An update too long for a launcher's patience is left at a shard, without a trace."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pretrain.config.files import SettingsTree
from pretrain.config.settings import resolve
from pretrain.engine import outlook
from pretrain.engine.pretrain_run import pretrain
from pretrain.objectives.continuous import ContinuousObjective
from tests.conftest import PROJECT, TINY

pytestmark = pytest.mark.slow

ONE_OF_TWO = """
import os, signal, sys
from pretrain import run
from pretrain.engine import outlook
from pretrain.objectives.continuous import ContinuousObjective

outlook.SLOW_SECONDS = 0.0
forward, num_shards = ContinuousObjective.forward, [0]

def interrupted(self, *arguments):
    num_shards[0] += 1
    if os.environ["RANK"] == "1" and num_shards[0] == 2 * 2 + 1:  # in the third update
        signal.raise_signal(signal.SIGTERM)
    return forward(self, *arguments)

ContinuousObjective.forward = interrupted
sys.exit(run.main(sys.argv[1:]))
"""
"""Trains, and gets SIGTERM in one of two processes."""


@pytest.mark.parametrize(
    ("number", "updates_done"),
    [(signal.SIGTERM, 2), (signal.SIGINT, 3)],  # a person may wait, a scheduler does not
)
def test_a_slow_update_is_left_and_computed_again(
    number: signal.Signals,
    updates_done: int,
    tiny_tree: SettingsTree,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tiny_tree.put("encoder.dropout", 0.1, "test")  # so that the generator's state matters too
    tiny_tree.put("mode", "continuous", "test")
    settings = resolve(tiny_tree)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert pretrain(settings, straight, resume=True)

    forward, num_shards = ContinuousObjective.forward, [0]

    def interrupted(self: ContinuousObjective, *arguments: object) -> object:
        num_shards[0] += 1
        if num_shards[0] == 2 * 2 + 1:  # the first of two shards of the third update
            signal.raise_signal(number)
        return forward(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(outlook, "SLOW_SECONDS", 0.0)
        patch.setattr(ContinuousObjective, "forward", interrupted)
        assert not pretrain(settings, stopped, resume=True)
    assert json.loads((stopped / "run.json").read_text())["updates"] == updates_done
    assert num_shards[0] == 2 * 2 + (1 if updates_done == 2 else 2)
    assert pretrain(settings, stopped, resume=True)

    last = "checkpoints/update-00000006"
    for file in ("objective.safetensors", "optimizer.safetensors", "generator.safetensors"):
        one, other = load_file(straight / last / file), load_file(stopped / last / file)
        assert all(torch.equal(one[name], other[name]) for name in one)
    one, other = (json.loads((f / "run.json").read_text()) for f in (straight, stopped))
    assert one["hashes"] == other["hashes"]


def test_all_processes_leave_when_one_of_them_is_asked_to(
    noise_corpus: str, tmp_path: Path
) -> None:
    script, run = tmp_path / "one_of_two.py", tmp_path / "run"
    script.write_text(ONE_OF_TWO)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2",
        str(script), "--mode", "continuous", "--config", str(TINY), "--corpus", noise_corpus,
        "--out", str(run), "--set", "training.updates=6", "--set", "data.num_shards=4",
        "--set", "training.precision=fp32",
    ]  # fmt: skip
    environment = {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(PROJECT),
        "RUNS": str(tmp_path / "runs"),
    }
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180
    )
    description = json.loads((run / "run.json").read_text())
    assert (description["status"], description["updates"]) == ("stopped", 2), result.stderr
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["update-00000002"]
    assert "Stopped on request" in result.stderr
