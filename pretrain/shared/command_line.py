"""How every command runs and ends: its exit status, its errors, and what it says when stopped.

0   done
1   a fault of the input: a sentence says what to correct (or of the program: a traceback)
2   a wrong command line: an unknown or missing option, or options that contradict each other
130 stopped by Ctrl-C or SIGTERM: a sentence says how to go on
"""

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from pretrain.shared.errors import CommandLineError, is_for_users
from pretrain.shared.processes.stopping import end_with_parent, stopped_by
from pretrain.shared.processes.terminal import end_quietly, own_foreground

DONE, WRONG_INPUT, WRONG_COMMAND_LINE, STOPPED = 0, 1, 2, 130
"""Exit statuses."""

MOST_JOBS = 1024
"""Of processes on one machine."""


class Parser(argparse.ArgumentParser):
    """A command line that names an option which it does not know, and what was meant, before one
    that is missing: `--encodr X` lacks `--encoder`, too."""

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = sys.argv[1:] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        known = list(self._option_string_actions)
        # Options of a subcommand are that one's: it has said which are left over.
        _, says_which, left = message.partition("unrecognized arguments: ")
        given = left.split() if says_which else () if self._subparsers else self._given
        for word in given:
            option = word.partition("=")[0]
            if option.startswith("--") and not any(one.startswith(option) for one in known):
                near = difflib.get_close_matches(option, known, n=1)
                message = f"there is no option {option}"
                message += f"; did you mean {near[0]}?" if near else ""
                break
        super().error(message)


GOES_ON = "the same command continues where it was."


def run_main(
    work: Callable[[], int | None],
    *,
    goes_on: str = GOES_ON,
    insists: bool = True,
    each_speaks: bool = False,
) -> int:
    """Runs a command and returns its exit status.

    Args:
        work: Parses the command line and does the rest. Returns the status (None: done).
        goes_on: What a stopped command says: what is kept, and how to go on. Nothing if empty.
        insists: Whether a second Ctrl-C interrupts again. Otherwise it is passed over, as a second
            SIGTERM always is: for commands that have to stop processes of their own.
        each_speaks: Whether every process of a launcher says its errors, since each has work of its
            own. Otherwise the first one does, for all.
    """
    end_with_parent()
    speaks = each_speaks or is_first_process()
    with own_foreground():
        try:
            with stopped_by(signal.SIGTERM, *(() if insists else (signal.SIGINT,))):
                status = work() or DONE
        except Exception as error:
            if not is_for_users(error):
                raise
            if speaks:
                print(f"error: {error}", file=sys.stderr)
            return WRONG_COMMAND_LINE if isinstance(error, CommandLineError) else WRONG_INPUT
        except KeyboardInterrupt:
            status = STOPPED
        if status == STOPPED:
            if speaks and goes_on:
                print(f"Stopped on request; {goes_on}", file=sys.stderr)
            end_quietly()
    return status


def is_first_process() -> bool:
    """Tells whether this is the process that speaks, of those that a launcher started."""
    return os.environ.get("RANK", "0") == "0"
