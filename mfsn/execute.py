"""Runs a command of MFSN: alone, or as several processes that share its tasks."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any

import torch
from accelerate import PartialState

from mfsn.evaluation import prepare_evaluation, test_saved
from mfsn.experiment import Experiment
from mfsn.fold import compute
from mfsn.prepare import prepare
from mfsn.run_folder import RunFolder
from mfsn.tasks import Task, work
from pretrain.engine.launch import end_processes
from pretrain.engine.machine import tune_machine

WORKER = "MFSN_WORKER"
"""Set for the processes that --jobs starts: their number, from 0. Only the first one speaks of what
all of them do."""


class WorkerError(ValueError):
    """A process that --jobs started has failed; it has said why."""


def execute(parsed: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Computes all tasks of a command that no other process works on.

    Raises:
        ValueError: Something that the user has to correct.
        KeyboardInterrupt: A signal came; finished tasks stay.
    """
    with _sigterm_interrupts():
        state = PartialState(cpu=not torch.cuda.is_available())
        try:
            _execute(parsed, arguments, state.device)
        finally:
            end_processes()


def _execute(parsed: argparse.Namespace, arguments: Sequence[str], device: torch.device) -> None:
    tune_machine()
    with _quiet_unless_first():
        if parsed.action == "evaluate":
            experiment, tasks, folder, is_finished = prepare_evaluation(parsed, device)
        else:
            experiment, tasks, folder, is_finished = prepare(parsed, device)
    if is_finished:
        print(f"Already finished with these settings: {parsed.out.resolve()}", flush=True)
        return
    num_before = sum(task.is_finished for task in tasks)
    if num_before and WORKER not in os.environ:
        print(f"{num_before} of {len(tasks)} tasks were finished before.", flush=True)
    try:
        if getattr(parsed, "jobs", 1) > 1:
            # Here, with all cores at once; the workers then map what is kept.
            for variant in experiment.variants.values():
                experiment.data_of(variant)
            _start_workers(arguments, parsed.jobs)
            all_done = all(task.is_finished for task in tasks)
        else:
            one = test_saved if parsed.action == "evaluate" else compute
            all_done = work(tasks, partial(one, experiment=experiment), experiment.say)
    except KeyboardInterrupt:
        folder.stop()
        raise
    if all_done:
        _finish(experiment, tasks, folder)
        if WORKER not in os.environ:
            print(f"Results: {parsed.out.resolve()}", flush=True)
    elif WORKER not in os.environ:
        print(
            "Other processes work on what is left; the last of them writes the results.", flush=True
        )


def _finish(experiment: Experiment, tasks: Sequence[Task], folder: RunFolder) -> None:
    """Writes the tables of the run."""

    def summary(results: list[dict[str, Any]]) -> dict[str, Any]:
        parameters = {result["variant"]: result.get("parameters", 0) for result in results}
        return {
            "variants": [
                {**variant.described(), "parameters": parameters[name]}
                for name, variant in experiment.variants.items()
            ],
            "seconds": round(sum(result["seconds"] for result in results), 1),
            "tasks": results,
        }

    folder.finish(tasks, experiment.corpus, summary)


def _start_workers(arguments: Sequence[str], num_jobs: int) -> None:
    """Starts processes of the same command and waits for them.

    Raises `WorkerError` when one of them fails, and `KeyboardInterrupt` when they were stopped.
    """
    cores = len(os.sched_getaffinity(0))
    workers = [
        subprocess.Popen(
            [sys.executable, *sys.argv[:1], *arguments, "--jobs", "1"],
            env={
                "OMP_NUM_THREADS": str(max(1, cores // num_jobs)),
                **os.environ,
                WORKER: str(number),
            },
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


@contextlib.contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Inside, the first SIGTERM raises KeyboardInterrupt as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _quiet_unless_first() -> Iterator[None]:
    """Keeps processes from repeating what the first one says."""
    if os.environ.get(WORKER) is None and os.environ.get("RANK", "0") == "0":
        yield
    else:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            yield
