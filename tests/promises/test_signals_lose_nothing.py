"""SIGTERM and Ctrl-C end a run with a checkpoint, from which the same command continues."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pretrain.engine.interrupts import StopRequest
from pretrain.engine.run_folder import RunFolder, RunFolderError
from tests.conftest import PROJECT, TINY

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(
    number: signal.Signals, noise_corpus: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [
        sys.executable, str(PROJECT / "pretrain" / "run.py"), "--mode", "continuous",
        "--config", str(TINY), "--corpus", noise_corpus, "--out", str(run),
        "--set", "training.updates=100000", "--set", "training.checkpoint_every=50000",
        "--set", "data.num_workers=1",
    ]  # fmt: skip
    environment = {**os.environ, "RUNS": str(tmp_path / "runs"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    metrics = run / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.is_file() and metrics.read_text().count("\n") >= 2):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.killpg(process.pid, number)  # a terminal signals the workers too
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command continues" in said
    description = json.loads((run / "run.json").read_text())
    assert description["status"] == "stopped"
    (checkpoint,) = (run / "checkpoints").glob("update-*")
    state = json.loads((checkpoint / "state.json").read_text())
    assert state["progress"]["update"] == description["updates"] >= 2
    assert metrics.read_text().count("\n") == description["updates"]


def test_only_an_insisting_ctrl_c_interrupts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with StopRequest() as request:
        for _ in range(3):  # launchers repeat signals within moments
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
        assert request.signal == signal.SIGINT
        now[0] += 10.0
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_second_process_is_kept_out_of_a_run_folder(tmp_path: Path) -> None:
    one, other = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "run")
    with one.locked(), pytest.raises(RunFolderError, match="another process is training"):
        other.locked().__enter__()
    with other.locked():
        pass
