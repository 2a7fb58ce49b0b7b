"""Tasks are shared by processes, finished ones are kept, and the rest goes on."""

from pathlib import Path

import pytest

from mfsn.experiment.results import TaskOutput
from mfsn.experiment.tasks import FusionTask, list_tasks, work
from pretrain.shared.processes.locks import lock


def output_of(task: FusionTask) -> TaskOutput:
    return TaskOutput(result={"seconds": 1.0}, tables={"epochs": [{"epoch": 1}]})


def test_there_is_a_task_for_every_seed_fold_and_variant(tmp_path: Path) -> None:
    tasks = list_tasks(tmp_path, ["tec", "mfsn"], [0, 1], ["03", "08"])
    assert len({task.folder for task in tasks}) == 8
    assert [task.variant for task in tasks[:4]] == ["tec", "mfsn", "tec", "mfsn"]
    assert tasks[0].folder == tmp_path / "tasks" / "tec" / "seed-0" / "03"


@pytest.mark.parametrize("fold", ["../..", ".", "a/b", "Session 1"])
def test_any_name_of_a_fold_makes_one_folder(fold: str, tmp_path: Path) -> None:
    folder = FusionTask(variant="tec", seed=0, fold=fold, out=tmp_path).folder
    assert folder.resolve().parent == (tmp_path / "tasks" / "tec" / "seed-0").resolve()


def test_every_task_is_computed_once_and_finished_ones_are_left_alone(tmp_path: Path) -> None:
    tasks = list_tasks(tmp_path, ["tec"], [0], ["a", "b", "c"])
    computed: list[str] = []

    def compute(task: FusionTask) -> TaskOutput:
        computed.append(task.fold)
        return output_of(task)

    assert work(tasks[:1], compute, lambda line: None)
    assert work(tasks, compute, lambda line: None)
    assert computed == ["a", "b", "c"]


def test_a_task_that_another_process_works_on_is_passed_over(tmp_path: Path) -> None:
    tasks = list_tasks(tmp_path, ["tec"], [0], ["a", "b"])
    computed: list[str] = []

    def compute(task: FusionTask) -> TaskOutput:
        computed.append(task.fold)
        return output_of(task)

    with lock(tasks[0].folder / ".lock", wait=False) as is_mine:
        assert is_mine
        assert not work(tasks, compute, lambda line: None)
    assert computed == ["b"]
    assert work(tasks, compute, lambda line: None)
    assert computed == ["b", "a"]


def test_an_interrupted_task_is_not_finished_and_its_lock_is_free(tmp_path: Path) -> None:
    tasks = list_tasks(tmp_path, ["tec"], [0], ["a", "b"])

    def interrupted(task: FusionTask) -> TaskOutput:
        if task.fold == "b":
            raise KeyboardInterrupt
        return output_of(task)

    with pytest.raises(KeyboardInterrupt):
        work(tasks, interrupted, lambda line: None)
    assert [task.is_finished for task in tasks] == [True, False]
    assert work(tasks, output_of, lambda line: None)


def test_every_finished_task_is_said_with_the_time_left(tmp_path: Path) -> None:
    said: list[str] = []
    work(list_tasks(tmp_path, ["tec"], [0], ["a", "b"]), output_of, said.append)
    assert said == ["[1/2, about 0 s left] tec, seed 0, fold a", "[2/2] tec, seed 0, fold b"]


def test_checkpoints_outlive_an_error_while_the_result_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,) = list_tasks(tmp_path, ["tec"], [0], ["a"])

    def compute(task: FusionTask) -> TaskOutput:
        (task.checkpoints / "update-1").mkdir(parents=True, exist_ok=True)
        return output_of(task)

    def full_disk(folder: Path, output: TaskOutput) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("mfsn.experiment.tasks.write_output", full_disk)
        with pytest.raises(OSError, match="no space"):
            work([task], compute, lambda line: None)
    assert (task.checkpoints / "update-1").is_dir()
    assert work([task], compute, lambda line: None)
    assert task.is_finished
    assert not task.checkpoints.exists()
