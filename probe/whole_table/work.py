"""Runs the jobs of Table 4 in processes of their own, shows them, and joins what they have kept."""

import os
import sys
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import get_terminal_size
from signal import SIGKILL
from typing import Any

import torch

from pretrain.engine.arithmetic.processor_tuning import keep_freed_memory
from pretrain.engine.provenance import command_line
from pretrain.shared.errors import is_for_users
from pretrain.shared.paths import PROJECT
from pretrain.shared.processes.job_queue import Board, work_off
from pretrain.shared.processes.locks import lock
from pretrain.shared.processes.workers import Worker, WorkerError, running_workers
from probe.contamination.check import check_rows
from probe.heads.linear import Evaluation
from probe.results import write_results
from probe.rows.all_rows import probe
from probe.rows.comparable import EncoderRun, make_table, read_encoder_run
from probe.rows.evaluate_row import Corpus
from probe.whole_table.cell_store import Kept
from probe.whole_table.plan import Key, TablePlan, key_of
from probe.whole_table.progress import TableProgress

WORKER = "TABLE4_WORKER"
"""Set for the processes that compute: their number, from 0."""

CALL = "TABLE4_CALL"
"""Set for them: the call that started them."""

SECONDS_BETWEEN_LOOKS = 0.5

SECONDS_BETWEEN_LINES = 60.0
"""At most, where there is no terminal on which a line can be updated."""


def compute_jobs(plan: TablePlan, board: Board) -> None:
    """What a worker does."""
    keep_freed_memory()  # a quarter of the time of features goes into faulting it in again
    work_off(plan.jobs, board, _explain)


def run_workers(
    plan: TablePlan,
    board: Board,
    arguments: Sequence[str],
    num_jobs: int,
    logs: Path,
    *,
    quiet: bool,
) -> None:
    """Starts the processes, shows how far they are, and waits for them.

    Raises:
        WorkerError: A process or a job failed; everything else that could be done is done.
        KeyboardInterrupt: They were stopped.
    """
    logs.mkdir(parents=True, exist_ok=True)
    first = int(os.environ.get("LOCAL_RANK", "0"))
    numbers = range(first, first + num_jobs)
    files = [logs / f"worker-{board.call}-{number}.txt" for number in numbers]
    held = ExitStack()
    try:
        call_file = held.enter_context(board.held())
        with running_workers(
            [sys.executable, str(PROJECT / "probe" / "table4.py"), *arguments],
            numbers,
            variable=WORKER,
            num_jobs=max(num_jobs, int(os.environ.get("LOCAL_WORLD_SIZE", "1"))),
            num_gpus=torch.cuda.device_count(),
            told={CALL: board.call},
            logs=files,
            descriptors=[call_file],
        ) as workers:
            _watch(workers, TableProgress(plan=plan, num_jobs=num_jobs), board, quiet=quiet)
    except BaseException:
        held.close()
        if not board.failures():  # which the logs explain
            for file in files:
                file.unlink(missing_ok=True)
        board.clear()
        raise
    statuses = [worker.wait() for worker in workers]
    failures = board.failures()
    board.clear()
    held.close()
    if not plan.missing():
        if any(statuses) and not quiet:
            print("A process ended early, but nothing is missing: others did its work.", flush=True)
        for file in files:
            file.unlink(missing_ok=True)
        return
    problems = [f"{name}:\n  {said}" for name, said in failures.items()]
    problems += [
        f"a process {_ending(status)}: see {file}"
        for status, file in zip(statuses, files, strict=True)
        if status
    ]
    if not problems:
        problems = [f"not finished: {job.name}" for job in plan.missing()]
    raise WorkerError(
        "\n".join(problems) + "\nWhat is finished stays. Correct this, and give the same "
        "command again."
    )


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by signal {-status}" + (" (is memory short?)" if status == -SIGKILL else "")


def _watch(
    workers: Sequence[Worker], progress: TableProgress, board: Board, *, quiet: bool
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


def write_tables(plan: TablePlan) -> list[Path]:
    """Joins the kept cells to a results folder for each protocol and head, and returns these.

    Raises:
        ValueError: Encoders cannot stand in one table, or a cell cannot be read.
    """
    rows = [read_encoder_run(row.folder) for row in plan.rows]
    runs = make_table([*rows, *plan.others], allow_uncontrolled=False)
    heard = _contamination(plan, runs)
    folders = []
    for name, settings in plan.columns().items():
        cells = plan.cells_of(settings)
        kept = {key: cell.read() for key, cell in cells.items()}

        def evaluation_of(
            run: EncoderRun, corpus: Corpus, kept: Mapping[Key, Kept] = kept
        ) -> Evaluation:
            return kept[key_of(run, corpus.name)].evaluation

        results = probe(
            runs,
            [setting.corpus for setting in settings],
            settings[0].protocol,
            plan.features,
            head=settings[0].head,
            acoustic=plan.acoustic,
            bf16=settings[0].bf16,
            fingerprints=plan.fingerprints,
            heard=[entry for setting in settings for entry in heard[_audio_of(setting.corpus)]],
            kept=evaluation_of,
        )
        results.run.update(
            command=command_line(),
            features_folder=str(plan.features),
            cells=sorted({str(cell.path) for cell in cells.values()}),
            **provenance_of(kept.values(), results.run["inputs"]),
        )
        folder = plan.results / name
        with lock(plan.results / f".{name}.lock", wait=True):
            write_results(folder, results)
        folders.append(folder)
    return folders


def _audio_of(corpus: Corpus) -> tuple[str, str]:
    """Returns what is the same where a corpus has the same utterances."""
    return corpus.name, corpus.described["table_hash"]


def _contamination(
    plan: TablePlan, runs: Sequence[EncoderRun]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Compares every corpus with what the rows were pre-trained on, once for all heads, and once
    for all protocols that have the same utterances."""
    corpora = {_audio_of(setting.corpus): setting.corpus for setting in plan.settings}
    return {
        audio: check_rows(
            [(corpus.name, corpus.table)], runs, plan.features, fingerprints=plan.fingerprints
        )
        for audio, corpus in corpora.items()
    }


def provenance_of(kept: Iterable[Kept], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns entries of run.json on the code behind it: of the cells, and of this process, which
    joins them. Where they differ, no commit makes these results: `git` is marked as dirty, so that
    nobody takes them for those of its commit."""
    joining = {"git": inputs["git"], "packages": inputs["packages"]}
    made_by: list[dict[str, Any]] = []
    for cell in kept:
        code = {"git": cell.git, "packages": cell.packages}
        if code not in made_by:
            made_by.append(code)
    git = dict(inputs["git"])
    if made_by != [joining]:
        git["dirty"] = True
    return {
        "git": git,
        "packages": inputs["packages"],
        "inputs": {**inputs, "git": git},
        "cells_made_by": made_by,
    }


def _explain(error: Exception) -> str:
    """Returns what users read of an error; the log of the process has the rest of it."""
    if is_for_users(error):
        return str(error)
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error} (see the log of the process)"
