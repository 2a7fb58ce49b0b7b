"""Searches, trains and tests MFSN: `python mfsn/run.py --help`."""

import os
import sys
from collections.abc import Sequence

from mfsn.command_line import WORKER, parse
from pretrain.shared.command_line import run_main


def run(arguments: Sequence[str]) -> None:
    """Does what the command line asks for; processes that help get the same `arguments`."""
    parsed = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    if parsed.action == "study":
        from mfsn.study.run_study import run_study

        run_study(parsed)
        return
    from mfsn.experiment.execute import execute

    execute(parsed, arguments)


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    # The process that started a worker says how to go on.
    goes_on = "" if WORKER in os.environ else "finished folds stay, and the same command goes on."
    return run_main(lambda: run(arguments), goes_on=goes_on, insists=False, each_speaks=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
