"""Makes Table 4, whatever is missing of it: `python probe/table4.py --help`."""

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pretrain.shared.command_line import is_first_process, run_main
from pretrain.shared.processes.workers import refuse_jobs_of_a_launcher
from probe.whole_table.command_line import Table4Request, parse

if TYPE_CHECKING:
    from probe.whole_table.plan import TablePlan


def compute(request: Table4Request, arguments: Sequence[str]) -> "TablePlan | None":
    """Computes what is missing; processes that help get the `arguments`.

    Returns what there is now, or None for a process with nothing to write.
    """
    from pretrain.shared.processes.job_queue import Board
    from probe.rows.check_weights import check_weights
    from probe.rows.precision import say_precision
    from probe.whole_table.plan import make_plan
    from probe.whole_table.work import CALL, WORKER, compute_jobs, run_workers

    refuse_jobs_of_a_launcher(request.jobs, os.environ)
    call = os.environ.get(CALL) or f"{time.time_ns()}-{os.getpid()}"
    board = Board(folder=request.runs / ".work", call=call)
    logs = request.runs / "logs"
    plan = make_plan(request, board, logs)
    if WORKER in os.environ:
        compute_jobs(plan, board)
        return None
    is_first = is_first_process()
    missing = plan.missing()
    if is_first:
        print(f"{len(plan.jobs) - len(missing)} of {len(plan.jobs)} are there.", flush=True)
    if request.dry_run:
        print("\n".join(f"missing: {job.name}" for job in missing))
        return None
    board.forget_ended_calls(logs)
    if missing:
        check_weights(plan.weights_for(missing))
        if is_first:
            say_precision(plan.choice, plan.encoder)
        run_workers(plan, board, arguments, request.jobs, logs, quiet=not is_first)
    return plan if is_first else None


def execute(request: Table4Request, arguments: Sequence[str]) -> None:
    """Computes what is missing and writes the results."""
    plan = compute(request, arguments)
    if plan is None:
        return
    from probe.results import read_results
    from probe.rows.text_table import text_tables
    from probe.whole_table.work import write_tables

    folders = write_tables(plan)
    for folder in folders:
        print(f"{text_tables(read_results(folder))}\n")
    print("\n".join(f"Results: {folder.resolve()}" for folder in folders))
    runs = request.runs.resolve()
    print(
        "Report:\n  python reports/run.py --runs "
        + " ".join([f"'{runs}/rows/*'", *(f"'{folder.resolve()}'" for folder in folders)])
        + f" --out '{runs}/report'"
    )


def _run(arguments: Sequence[str]) -> None:
    if any(one.partition("=")[0] == "--study" for one in arguments):
        from probe.study.command import parse as parse_study
        from probe.study.command import run_study

        run_study(parse_study(arguments), lambda table: compute(parse(table), table))
    else:
        execute(parse(arguments), arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(
        lambda: _run(arguments),
        goes_on="what is finished stays, pre-trainings have left a checkpoint, and the same "
        "command goes on.",
        insists=False,
        each_speaks=True,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
