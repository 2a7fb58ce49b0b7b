"""Searches, trains and tests MFSN: `python mfsn/run.py --help`."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from mfsn.command_line import parse

PROJECT = Path(__file__).resolve().parent.parent
WRONG_INPUT = 2
STOPPED = 130


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    parsed = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    try:
        from mfsn.execute import execute

        execute(parsed, arguments)
    except (ValueError, RuntimeError, OSError) as error:
        if not is_for_users(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        if "MFSN_WORKER" not in os.environ:  # the process that started it says so
            said = "Stopped on request; finished folds stay, and the same command goes on."
            print(said, file=sys.stderr)
        return STOPPED
    return 0


def is_for_users(error: Exception) -> bool:
    """Tells whether the message is meant for users: an error of the project, or a file that the
    system refused. The project's own invariants are asserts."""
    packages = ("mfsn", "pretrain", "probe")
    if type(error).__module__.partition(".")[0] in packages:
        return True
    if isinstance(error, OSError):
        return error.filename is not None
    frames = traceback.extract_tb(error.__traceback__)
    raised_in = Path(frames[-1].filename).resolve() if frames else Path()
    return isinstance(error, ValueError) and any(
        raised_in.is_relative_to(PROJECT / package) for package in packages
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
