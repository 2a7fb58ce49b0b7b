"""Table 4's processes that are killed: nobody works on for nobody, and nothing stays behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pretrain.shared.processes.job_queue import Board
from pretrain.shared.processes.workers import WorkerError
from probe.table4 import main
from probe.whole_table.plan import TablePlan
from probe.whole_table.work import run_workers
from tests.probe.table4_places import command, make_corpus, make_rows, start

pytestmark = pytest.mark.slow


def is_alive(group: int) -> bool:
    """Whether some process of the group does anything yet."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False


def test_workers_and_their_trainings_end_with_a_killed_parent(
    tmp_path: Path, noise_corpus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_rows(tmp_path / "rows")
    corpus = make_corpus(tmp_path / "mine")
    more = ("--row", "continuous-k1", "--set", "training.updates=100000")
    process = start(tmp_path, command(tmp_path, corpus, noise_corpus, *more))
    table = tmp_path / "table"
    deadline = time.monotonic() + 300
    while not list((table / "rows").glob("*/metrics.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    while is_alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (row,) = (table / "rows").iterdir()
    assert json.loads((row / "run.json").read_text())["status"] == "stopped"
    assert list((row / "checkpoints").glob("update-*"))
    # What it could not take away any more goes with the next call.
    assert len(list((table / "logs").glob("worker-*"))) == 1
    waited = time.monotonic()
    while list((table / "logs").glob("worker-*")):
        # Threads of a process that counts as dead may have its files for a moment more.
        assert time.monotonic() < waited + 10
        Board(folder=table / ".work", call="next").forget_ended_calls(table / "logs")
        time.sleep(0.05)
    assert [path.name for path in (table / ".work").iterdir()] == ["locks"]
    assert not list((table / ".work" / "locks").glob("call-*"))

    # An encoder that cannot be loaded is told before anything is computed with it.
    description = json.loads((row / "run.json").read_text())
    (row / "run.json").write_text(json.dumps({**description, "status": "finished"}))
    (row / "encoder.safetensors").write_bytes((row / "initial.safetensors").read_bytes()[:-8])
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    assert main(command(tmp_path, corpus, noise_corpus, *more)) == 1
    assert not (table / "cells").exists()
    assert not list((table / "logs").glob("worker-*"))


def test_what_a_living_call_has_is_left_alone_by_others(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    living, other = (Board(folder=tmp_path / "work", call=f"{n}-{n}") for n in (1, 2))
    log = logs / "worker-1-1-0.txt"
    log.touch()
    (tmp_path / "work" / "now-1-1").mkdir(parents=True)
    with living.held() as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(100)"], pass_fds=(descriptor,)
        )
        other.forget_ended_calls(logs)
        assert log.exists()
        assert (tmp_path / "work" / "now-1-1").exists()
    child.kill()
    child.wait()
    other.forget_ended_calls(logs)
    assert not log.exists()
    assert not (tmp_path / "work" / "now-1-1").exists()


class Killed:
    """Stands for a process that the system has killed."""

    def __init__(self, *_: object, **given: Any) -> None:
        assert given["env"]["WORKS_FOR_PROCESS"] == str(os.getpid())
        os.fstat(given["pass_fds"][0])

    def poll(self) -> int:
        return -signal.SIGKILL

    wait = poll


def killed_call(
    missing: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Path]:
    monkeypatch.setattr("pretrain.shared.processes.workers.subprocess.Popen", Killed)
    jobs = [SimpleNamespace(name=name, is_finished=False) for name in missing]
    plan = SimpleNamespace(jobs=[], rows=[], missing=lambda: jobs)
    board = Board(folder=tmp_path / "work", call="1-1")
    run_workers(cast(TablePlan, plan), board, [], 2, tmp_path / "logs", quiet=False)
    return list((tmp_path / "logs").iterdir())


def test_a_killed_worker_whose_work_others_did_costs_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert killed_call([], tmp_path, monkeypatch) == []
    assert "others did its work" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["locks"]


def test_killed_workers_that_left_something_undone_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkerError, match=r"was ended by signal 9 \(is memory short\?\): see .*-1"):
        killed_call(["a cell"], tmp_path, monkeypatch)
    assert len(list((tmp_path / "logs").iterdir())) == 2
