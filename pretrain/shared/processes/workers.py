"""Processes of the same command that share its work: their environment, their start, their end."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pretrain.shared.errors import CommandLineError, InputError
from pretrain.shared.processes.stopping import for_child

Worker = subprocess.Popen[bytes]

OF_LAUNCHERS = ("ACCELERATE_", "TORCHELASTIC_", "GROUP_", "ROLE_", "PMI_", "OMPI_", "PET_")
"""How variables begin by which a launcher's processes find each other."""

RENDEZVOUS = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip
"""Further ones."""


class WorkerError(InputError):
    """Processes that cannot be started, or have failed; a failed one has said why."""


def refuse_jobs_of_a_launcher(num_jobs: int, environment: Mapping[str, str]) -> None:
    """Raises `CommandLineError` when a launcher's processes would each start `num_jobs` more."""
    num_launched = int(environment.get("WORLD_SIZE") or 1)
    if num_jobs > 1 and num_launched > 1:
        raise CommandLineError(
            f"`--jobs` must be 1 where a launcher has started {num_launched} processes already, "
            f"but is {num_jobs} instead: they share the tasks without it. Give either --jobs or "
            "the launcher."
        )


def worker_environment(
    environment: Mapping[str, str],
    number: int,
    *,
    variable: str,
    num_jobs: int,
    num_cores: int,
    num_gpus: int,
) -> dict[str, str]:
    """Returns the environment of worker `number` of `num_jobs`, with that number in `variable`.

    It knows of no launcher and has its share of the cores, unless someone asked for a number of
    threads. Of several GPUs it sees one, by turns.
    """
    launched = "ACCELERATE_MIXED_PRECISION" in environment or "TORCHELASTIC_RUN_ID" in environment
    kept = {
        key: value
        for key, value in environment.items()
        if key == "ACCELERATE_USE_CPU"
        or not (key in RENDEZVOUS or key.startswith(OF_LAUNCHERS))
    }  # fmt: skip
    if launched and kept.get("OMP_NUM_THREADS") == "1":
        del kept["OMP_NUM_THREADS"]  # launchers set it where nobody asked
    if num_gpus > 1:
        visible = environment.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(num_gpus)))
        kept["CUDA_VISIBLE_DEVICES"] = visible.split(",")[number % num_gpus].strip()
    threads = str(max(1, num_cores // num_jobs))
    return {"OMP_NUM_THREADS": threads, **kept, variable: str(number)}


@contextlib.contextmanager
def running_workers(
    command: Sequence[str],
    numbers: Sequence[int],
    *,
    variable: str,
    num_jobs: int,
    num_gpus: int,
    told: Mapping[str, str] | None = None,
    logs: Sequence[Path] = (),
    descriptors: Sequence[int] = (),
) -> Iterator[list[Worker]]:
    """Starts processes of the same command, which end with this one; when an error or a signal
    leaves the block, they are stopped.

    Each has a number among all `num_jobs` on this machine, told by `variable`, and the environment
    of `worker_environment` with the further variables in `told`. It inherits the open files of
    `descriptors`, and writes what it says to its own of the `logs`, or to this terminal.
    """
    num_cores = len(os.sched_getaffinity(0))
    workers: list[Worker] = []
    try:
        for place, number in enumerate(numbers):
            environment = worker_environment(
                os.environ,
                number,
                variable=variable,
                num_jobs=num_jobs,
                num_cores=num_cores,
                num_gpus=num_gpus,
            )
            with contextlib.ExitStack() as opened:
                log = opened.enter_context(logs[place].open("w")) if logs else None
                workers.append(
                    subprocess.Popen(
                        command,
                        env=for_child({**environment, **(told or {})}),
                        pass_fds=descriptors,
                        stdout=log,
                        stderr=log,
                    )
                )
        yield workers
    except BaseException:
        # From a terminal they have got Ctrl-C already, and take this signal for the same.
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait()
        raise
