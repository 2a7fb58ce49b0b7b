"""What the commands of pretrain share: options for settings, and errors written for users."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from pretrain.data.readers.registry import corpus_help
from pretrain.data.tables.columns import add_columns_argument
from pretrain.shared.paths import PROJECT
from pretrain.shared.stopping import terminated_like_ctrl_c
from pretrain.shared.terminal import end_quietly, own_foreground
from pretrain.shared.with_parent import end_with_parent

PRETRAINING_CORPUS = f"what to pre-train on: {corpus_help()}"

WRONG_INPUT = 2

MOST_JOBS = 1024
"""Of processes on one machine."""

STOPPED = 130
"""Exit status of a run that a signal ended early."""


def add_settings_arguments(
    parser: argparse.ArgumentParser, *, default_config: str, corpus: str
) -> None:
    """Adds --config, --set, --corpus, --columns and --resume; `corpus` says what a corpus is taken
    for."""
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="TOML file of settings; may be given several times, a later file wins "
        f"(default: {default_config})",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, for example optimizer.lr=1e-3; may be given several times",
    )
    parser.add_argument(
        "--corpus",
        metavar="SPEC",
        help=f"{corpus} (short for --set data.corpus=SPEC)",
    )
    add_columns_argument(parser)
    parser.add_argument(
        "--resume",
        choices=("auto", "never"),
        default="auto",
        help="auto: continue or reuse the run in the folder; never: refuse a folder with a run",
    )


def run_for_users(main: Callable[[Sequence[str]], int]) -> int:
    """Runs a command; errors that are written for users come without a traceback, and SIGTERM
    stops it as Ctrl-C does."""
    end_with_parent()
    with own_foreground():
        status = _run(main)
        if status == STOPPED:
            if is_first_process():
                print(
                    "Stopped on request; the same command continues where it was.", file=sys.stderr
                )
            end_quietly()
    return status


def _run(main: Callable[[Sequence[str]], int]) -> int:
    try:
        with terminated_like_ctrl_c():
            return main(sys.argv[1:])
    except (ValueError, RuntimeError, OSError) as error:
        if not is_for_users(error):
            raise
        if is_first_process():
            print(f"error: {error}", file=sys.stderr)
        return WRONG_INPUT
    except KeyboardInterrupt:
        return STOPPED


def is_first_process() -> bool:
    """Tells whether this is the process that speaks, of those that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


def is_for_users(error: Exception, packages: Sequence[str] = ("pretrain",)) -> bool:
    """Tells whether the message is meant for users: an error class of these packages, a ValueError
    that they raised (their invariants are asserts), or a file that the system refused."""
    if type(error).__module__.partition(".")[0] in packages:
        return True
    if isinstance(error, OSError):
        return error.filename is not None
    frames = traceback.extract_tb(error.__traceback__)
    raised_in = Path(frames[-1].filename).resolve() if frames else Path()
    return isinstance(error, ValueError) and any(
        raised_in.is_relative_to(PROJECT / package) for package in packages
    )
