"""The processes that --jobs starts on this machine: each takes the next free task."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

WORKER = "MFSN_WORKER"
"""Set for these processes: their number, from 0. Only who started them speaks of what all do."""

OF_LAUNCHERS = ("ACCELERATE_", "TORCHELASTIC_", "GROUP_", "ROLE_", "PMI_", "OMPI_", "PET_")
"""How variables begin by which a launcher's processes find each other."""

RENDEZVOUS = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
)  # fmt: skip
"""Further ones."""


class WorkerError(ValueError):
    """Processes that cannot be started, or have failed; a failed one has said why."""


def refuse_jobs_of_a_launcher(num_jobs: int, environment: Mapping[str, str]) -> None:
    """Raises `WorkerError` when a launcher's processes would each start `num_jobs` more."""
    num_launched = int(environment.get("WORLD_SIZE") or 1)
    if num_jobs > 1 and num_launched > 1:
        raise WorkerError(
            f"`--jobs` must be 1 where a launcher has started {num_launched} processes already, "
            f"but is {num_jobs} instead: they share the tasks without it. Give either --jobs or "
            "the launcher."
        )


def speaks_for_all(environment: Mapping[str, str]) -> bool:
    """Whether this process says what all of them do: it is no worker, and a launcher's first."""
    return WORKER not in environment and environment.get("RANK", "0") == "0"


def shares_terminal(environment: Mapping[str, str]) -> bool:
    """Whether other processes of the same command write to the same terminal."""
    return WORKER in environment or int(environment.get("WORLD_SIZE") or 1) > 1


def worker_environment(
    environment: Mapping[str, str], number: int, *, num_jobs: int, num_cores: int, num_gpus: int
) -> dict[str, str]:
    """Returns the environment of worker `number` of `num_jobs`.

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
    return {"OMP_NUM_THREADS": threads, **kept, WORKER: str(number)}


def run_workers(arguments: Sequence[str], num_jobs: int, num_gpus: int) -> None:
    """Starts processes of the same command and waits for them.

    Raises `WorkerError` when one of them fails, and `KeyboardInterrupt` when they were stopped.
    """
    cores = len(os.sched_getaffinity(0))
    workers = [
        subprocess.Popen(
            [sys.executable, *sys.argv[:1], *arguments, "--jobs", "1"],
            env=worker_environment(
                os.environ, number, num_jobs=num_jobs, num_cores=cores, num_gpus=num_gpus
            ),
        )
        for number in range(num_jobs)
    ]
    try:
        codes = [worker.wait() for worker in workers]
    except BaseException:
        # From a terminal they have got the signal already, and take this one for the same.
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.wait()
        raise
    if 130 in codes:
        raise KeyboardInterrupt
    if failed := [code for code in codes if code]:
        raise WorkerError(
            f"{len(failed)} of {num_jobs} processes failed (see above; status {failed[0]}). What "
            "is finished stays, and the same command goes on."
        )
