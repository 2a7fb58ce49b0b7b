"""Several processes: what they inherit, what is refused, and what run.json says of them."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mfsn.command_line import WORKER
from mfsn.experiment import execute as execute_module
from mfsn.experiment.results import read_run
from mfsn.run import main
from pretrain.shared.processes.workers import worker_environment
from tests.mfsn.commands import command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]


def test_a_worker_knows_of_no_launcher_and_has_its_share_of_cores_and_gpus() -> None:
    launched = {
        "PATH": "/bin", "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "here",
        "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "x", "ACCELERATE_MIXED_PRECISION": "no",
        "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "GROUP_RANK": "0", "ROLE_NAME": "x",
    }  # fmt: skip
    more: dict[str, Any] = {"variable": WORKER, "num_jobs": 3, "num_cores": 8}
    assert worker_environment(launched, 2, num_gpus=0, **more) == {
        "PATH": "/bin", "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "2", "MFSN_WORKER": "2",
    }  # fmt: skip
    asked = {"OMP_NUM_THREADS": "5", "CUDA_VISIBLE_DEVICES": "4,6"}
    gpus = []
    for number in range(3):
        made = worker_environment(asked, number, num_gpus=2, **more)
        assert made["OMP_NUM_THREADS"] == "5"
        gpus.append(made["CUDA_VISIBLE_DEVICES"])
    assert gpus == ["4", "6", "4"]
    none_named = worker_environment({}, 1, num_gpus=2, **more)
    assert none_named["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment({}, 1, num_gpus=1, **more)


def test_jobs_of_several_launched_processes_are_refused(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(command(place, "search", tmp_path / "out", "--jobs", "2")) == 2
    assert "`--jobs` must be 1 where a launcher has started 2" in capsys.readouterr().err


def test_a_launcher_that_started_too_few_is_refused(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    monkeypatch.setenv("MASTER_PORT", "29500")
    assert main(command(place, "search", tmp_path / "out")) == 1
    assert "told to start several processes, but started only this one" in capsys.readouterr().err


def test_a_single_process_of_a_launcher_on_the_cpu_gets_all_cores(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "alone"
    more = ("--variant", "both", "--fold", "s0", "--set", "fit.max_epochs=1")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    before = torch.get_num_threads()
    torch.set_num_threads(len(os.sched_getaffinity(0)) + 1)
    try:
        assert main(command(place, "train", out, *more)) == 0
    finally:
        torch.set_num_threads(before)
    hardware = read_run(out)["hardware"]
    assert hardware["processes"] == 1
    assert hardware["threads"] == hardware["cores"] == len(os.sched_getaffinity(0))


def test_cublas_is_made_deterministic_before_anything_computes(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    class FirstStateError(Exception):
        pass

    def first_state(**options: bool) -> None:
        seen.append(os.environ.get("CUBLAS_WORKSPACE_CONFIG"))
        raise FirstStateError

    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(execute_module, "PartialState", first_state)
    with pytest.raises(FirstStateError):
        main(command(place, "search", tmp_path / "out"))
    assert seen == [":4096:8"]


def test_a_killed_worker_whose_tasks_others_did_costs_no_results(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the work itself done here, in place of two processes of which one was killed."""

    class Killed:
        def __init__(self, given: list[str], *, env: dict[str, str], **_: object) -> None:
            assert env["WORKS_FOR_PROCESS"] == str(os.getpid())
            self.arguments = given[2:]

        def wait(self) -> int:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(WORKER, "0")
                patch.setattr(
                    "pretrain.shared.processes.workers.subprocess", SimpleNamespace(Popen=never)
                )
                main(self.arguments)
            return -9

    def never(*_: object, **__: object) -> None:
        raise AssertionError("a worker has no workers")

    monkeypatch.setattr(
        "pretrain.shared.processes.workers.subprocess", SimpleNamespace(Popen=Killed)
    )
    out = tmp_path / "out"
    more = ("--variant", "both", "--fold", "s0", "--set", "fit.max_epochs=1", "--jobs", "2")
    assert main(command(place, "train", out, *more)) == 0
    assert read_run(out)["status"] == "finished"
