"""The processes that --jobs starts on this machine: each takes the next free task."""

import sys
from collections.abc import Mapping, Sequence

from pretrain.shared.command_line import STOPPED
from pretrain.shared.processes.workers import (
    WorkerError,
    refuse_jobs_of_a_launcher,
    running_workers,
)

__all__ = [
    "WORKER", "WorkerError", "refuse_jobs_of_a_launcher", "run_workers", "shares_terminal",
    "speaks_for_all",
]  # fmt: skip

WORKER = "MFSN_WORKER"
"""Set for these processes: their number, from 0. Only who started them speaks of what all do."""


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
