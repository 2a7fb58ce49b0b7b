"""Runs the jobs of Table 4 in processes of their own, shows them, and joins what they have kept."""

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import torch

from pretrain.command_line import is_for_users
from pretrain.engine.provenance import command_line, git_state, package_versions
from pretrain.locks import lock
from probe.encoders import EncoderRun, make_table, read_encoder_run
from probe.evaluate import Evaluation
from probe.grid import Corpus, probe
from probe.results import write_results
from probe.shared_work import Board, work_off
from probe.table4_plan import Plan, key_of
from probe.table4_progress import Progress
from probe.workers import WorkerError, stop_workers, worker_environment

WORKER = "TABLE4_WORKER"
"""Set for the processes that compute: their number, from 0."""

CALL = "TABLE4_CALL"
"""Set for them: the call that started them."""

PACKAGES = ("probe", "pretrain")

SECONDS_BETWEEN_LOOKS = 0.5

SECONDS_BETWEEN_LINES = 60.0
"""At most, where there is no terminal on which a line can be updated."""


def compute_jobs(plan: Plan, board: Board) -> None:
    """What a worker does."""
    work_off(plan.jobs, board, _explain)


def run_workers(
    plan: Plan, board: Board, arguments: Sequence[str], num_jobs: int, logs: Path, *, quiet: bool
) -> None:
    """Starts the processes, shows how far they are, and waits for them.

    Raises:
        WorkerError: A process or a job failed; everything else that could be done is done.
        KeyboardInterrupt: They were stopped.
    """
    logs.mkdir(parents=True, exist_ok=True)
    first = int(os.environ.get("LOCAL_RANK", "0"))
    num_here = max(num_jobs, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    workers, files = [], []
    for number in range(first, first + num_jobs):
        environment = worker_environment(
            os.environ,
            number,
            variable=WORKER,
            num_jobs=num_here,
            num_cores=len(os.sched_getaffinity(0)),
            num_gpus=torch.cuda.device_count(),
        )
        files.append(logs / f"worker-{board.call}-{number}.txt")
        with files[-1].open("w") as log:
            script = str(Path(__file__).resolve().with_name("table4.py"))
            workers.append(
                subprocess.Popen(
                    [sys.executable, script, *arguments],
                    env={**environment, CALL: board.call},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
    try:
        _watch(workers, Progress(plan=plan, num_jobs=num_jobs), board, quiet=quiet)
    except BaseException:
        stop_workers(workers)
        raise
    statuses = [worker.wait() for worker in workers]
    failures = board.failures()
    board.clear()
    problems = [f"{name}:\n  {said}" for name, said in failures.items()]
    problems += [
        f"a process ended with status {status}: see {file}"
        for status, file in zip(statuses, files, strict=True)
        if status
    ]
    if problems:
        raise WorkerError(
            "\n".join(problems) + "\nWhat is finished stays. Correct this, and give the same "
            "command again."
        )
    for file in files:
        file.unlink()


def _watch(
    workers: Sequence["subprocess.Popen[bytes]"], progress: Progress, board: Board, *, quiet: bool
) -> None:
    """Shows how far all jobs are until all processes have ended."""
    is_updated = sys.stdout.isatty()
    shown, said = "", 0.0
    while any(worker.poll() is None for worker in workers):
        if not quiet:
            line = progress.line(board.at_work())
            count = line.partition(" ")[0].partition(",")[0]
            now = time.monotonic()
            if is_updated:
                width = get_terminal_size().columns - 1
                print(f"\r\x1b[K{line[:width]}", end="", flush=True)
            elif count != shown or now - said > SECONDS_BETWEEN_LINES:
                print(line, flush=True)
                shown, said = count, now
        time.sleep(SECONDS_BETWEEN_LOOKS)
    if is_updated and not quiet:
        print("\r\x1b[K", end="")
    last = progress.line([])
    if not quiet and last != shown:
        print(last, flush=True)


def write_tables(plan: Plan) -> list[Path]:
    """Joins the kept cells to a results folder for each protocol and head, and returns these.

    Raises:
        ValueError: Encoders cannot stand in one table, or a cell cannot be read.
    """
    runs = make_table([read_encoder_run(row.folder) for row in plan.rows], allow_uncontrolled=False)
    folders = []
    for name, settings in plan.columns().items():
        cells = plan.cells_of(settings)

        def kept(run: EncoderRun, corpus: Corpus, cells: Any = cells) -> Evaluation:
            evaluation: Evaluation = cells[key_of(run, corpus.name)].read()
            return evaluation

        results = probe(
            runs,
            [setting.corpus for setting in settings],
            settings[0].protocol,
            plan.features,
            head=settings[0].head,
            bf16=settings[0].bf16,
            fingerprints=plan.fingerprints,
            kept=kept,
        )
        results.run.update(
            command=command_line(),
            packages=package_versions(),
            git=git_state(),
            features_folder=str(plan.features),
            cells=sorted({str(cell.path) for cell in cells.values()}),
        )
        folder = plan.results / name
        with lock(plan.results / f".{name}.lock", wait=True):
            write_results(folder, results)
        folders.append(folder)
    return folders


def _explain(error: Exception) -> str:
    """Returns what users read of an error; the log of the process has the rest of it."""
    if is_for_users(error, PACKAGES):
        return str(error)
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error} (see the log of the process)"
