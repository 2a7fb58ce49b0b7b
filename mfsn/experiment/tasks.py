"""Independent tasks that any number of processes share, each taking the next free one.

A task is one variant, seed and fold. Who works on it holds a lock of the operating system, which
ends with the process, however it ends; a result file, written last, says that it is finished.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from mfsn.experiment.results import RESULT_FILE, TaskOutput, write_output
from pretrain.shared.durations import in_words
from pretrain.shared.file_names import file_name
from pretrain.shared.locks import lock


@dataclass(frozen=True, kw_only=True)
class Task:
    """What one process computes at a time."""

    variant: str
    seed: int
    fold: str
    out: Path
    """The run folder."""

    @property
    def folder(self) -> Path:
        """Any name of a fold makes one folder name."""
        return self.out / "tasks" / self.variant / f"seed-{self.seed}" / file_name(self.fold)

    @property
    def names(self) -> dict[str, Any]:
        """The columns that name it."""
        return {"variant": self.variant, "seed": self.seed, "fold": self.fold}

    @property
    def checkpoints(self) -> Path:
        """Where its training keeps what it needs to go on."""
        return self.folder / "checkpoints"

    @property
    def is_finished(self) -> bool:
        return (self.folder / RESULT_FILE).is_file()

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}, fold {self.fold}"


def list_tasks(
    out: Path, variants: Sequence[str], seeds: Sequence[int], folds: Sequence[str]
) -> list[Task]:
    """Returns all tasks; variants change fastest, so that the time left is foreseen early."""
    return [
        Task(variant=variant, seed=seed, fold=fold, out=out)
        for seed in seeds
        for fold in folds
        for variant in variants
    ]


def work(
    tasks: Sequence[Task],
    compute: Callable[[Task], TaskOutput],
    say: Callable[[str], None] = print,
) -> bool:
    """Computes tasks that nobody else works on, until none is free.

    Returns whether all tasks are finished; if not, other processes are at work on the rest.
    """
    started, num_before = time.monotonic(), sum(task.is_finished for task in tasks)
    while unfinished := [task for task in tasks if not task.is_finished]:
        for task in unfinished:
            if _take(task, compute):
                say(_progress(task, tasks, num_before, time.monotonic() - started))
                break
        else:
            return all(task.is_finished for task in tasks)
    return True


def _take(task: Task, compute: Callable[[Task], TaskOutput]) -> bool:
    """Computes the task if it is free; returns whether it did."""
    with lock(task.folder / ".lock", wait=False) as is_mine:
        if not is_mine or task.is_finished:
            return False
        write_output(task.folder, compute(task))
        # Not before the result is on the disk: what a crash leaves until then goes on from them.
        rmtree(task.checkpoints, ignore_errors=True)
        return True


def _progress(task: Task, tasks: Sequence[Task], num_before: int, seconds: float) -> str:
    """Returns a line on what was finished; other processes' tasks count for the time left too."""
    num_finished = sum(other.is_finished for other in tasks)
    num_left = len(tasks) - num_finished
    left = seconds / max(num_finished - num_before, 1) * num_left
    remaining = f", about {in_words(left)} left" if num_left else ""
    return f"[{num_finished}/{len(tasks)}{remaining}] {task}"
