"""Independent tasks that any number of processes share, see `pretrain.shared.processes.job_queue`.

A task is one variant, seed and fold; a result file, written last, says that it is finished. The
processes that --jobs starts on this machine each take the next free one.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from mfsn.command_line import WORKER
from mfsn.experiment.results import RESULT_FILE, TaskOutput, write_output
from pretrain.shared.command_line import STOPPED
from pretrain.shared.durations import in_words
from pretrain.shared.paths import file_name
from pretrain.shared.processes.job_queue import take_next
from pretrain.shared.processes.workers import WorkerError, running_workers


@dataclass(frozen=True, kw_only=True)
class FusionTask:
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

    @property
    def name(self) -> str:
        return str(self)

    @property
    def needs(self) -> Sequence["FusionTask"]:
        """Tasks know nothing of each other."""
        return ()

    @property
    def lock_files(self) -> Sequence[Path]:
        return (self.folder / ".lock",)

    def __str__(self) -> str:
        return f"{self.variant}, seed {self.seed}, fold {self.fold}"


def list_tasks(
    out: Path, variants: Sequence[str], seeds: Sequence[int], folds: Sequence[str]
) -> list[FusionTask]:
    """Returns all tasks; variants change fastest, so that the time left is foreseen early."""
    return [
        FusionTask(variant=variant, seed=seed, fold=fold, out=out)
        for seed in seeds
        for fold in folds
        for variant in variants
    ]


def work(
    tasks: Sequence[FusionTask],
    compute: Callable[[FusionTask], TaskOutput],
    say: Callable[[str], None],
) -> bool:
    """Computes tasks that nobody else works on, until none is free.

    Returns whether all tasks are finished; if not, other processes are at work on the rest.
    """
    started, num_before = time.monotonic(), sum(task.is_finished for task in tasks)

    def compute_and_keep(task: FusionTask) -> None:
        write_output(task.folder, compute(task))
        # Not before the result is on the disk: what a crash leaves until then goes on from them.
        rmtree(task.checkpoints, ignore_errors=True)

    while task := take_next([t for t in tasks if not t.is_finished], compute_and_keep):
        num_finished = sum(other.is_finished for other in tasks)
        num_left = len(tasks) - num_finished
        # Other processes' tasks count for the time left too.
        left = (time.monotonic() - started) / max(num_finished - num_before, 1) * num_left
        remaining = f", about {in_words(left)} left" if num_left else ""
        say(f"[{num_finished}/{len(tasks)}{remaining}] {task}")
    return all(task.is_finished for task in tasks)


def speaks_for_all(environment: Mapping[str, str]) -> bool:
    """Whether this process says what all of them do: it is no worker, and a launcher's first."""
    return WORKER not in environment and environment.get("RANK", "0") == "0"


def shares_terminal(environment: Mapping[str, str]) -> bool:
    """Whether other processes of the same command write to the same terminal."""
    return WORKER in environment or int(environment.get("WORLD_SIZE") or 1) > 1


def run_workers(arguments: Sequence[str], num_jobs: int, num_gpus: int) -> None:
    """Starts processes of the same command and waits for them.

    Raises `WorkerError` when one of them fails, and `KeyboardInterrupt` when they were stopped.
    """
    command = [sys.executable, *sys.argv[:1], *arguments, "--jobs", "1"]
    with running_workers(
        command, range(num_jobs), variable=WORKER, num_jobs=num_jobs, num_gpus=num_gpus
    ) as workers:
        codes = [worker.wait() for worker in workers]
    if STOPPED in codes:
        raise KeyboardInterrupt
    if failed := [code for code in codes if code]:
        raise WorkerError(
            f"{len(failed)} of {num_jobs} processes failed (see above; status {failed[0]}). What "
            "is finished stays, and the same command goes on."
        )
