"""Searches, trains and tests MFSN: `python mfsn/run.py --help`."""

import os
import sys
from collections.abc import Sequence

from mfsn.command_line import parse
from mfsn.experiment.workers import WORKER
from pretrain.shared.command_line import STOPPED, WRONG_INPUT, is_for_users
from pretrain.shared.with_parent import end_with_parent

PACKAGES = ("mfsn", "probe", "pretrain")


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    end_with_parent()
    request = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    try:
        from mfsn.experiment.execute import execute

        execute(request, arguments)
    except (ValueError, RuntimeError, OSError) as error:
        if not is_for_users(error, PACKAGES):
            raise
        print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        if WORKER not in os.environ:  # the process that started it says so
            said = "Stopped on request; finished folds stay, and the same command goes on."
            print(said, file=sys.stderr)
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
