"""Pre-trains the unified encoder with one objective.

accelerate launch pretrain/run.py --mode quantized
accelerate launch pretrain/run.py --config configs/table4/continuous-k4.toml --out runs/k4
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.config.command_line import (
    PRETRAINING_CORPUS,
    SettingsRequest,
    add_settings_arguments,
)
from pretrain.objectives import OBJECTIVES
from pretrain.shared.command_line import DONE, STOPPED, Parser, run_main

EPILOG = """\
Settings are merged in this order: configs/default.toml (or the first --config), further --config
files, --set, --corpus, --mode. Every key is described where it is declared, beginning with
pretrain/config/settings.py. On CPU two processes are started with:
ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 pretrain/run.py ... Ctrl-C
saves a checkpoint; the same command then continues the run.
"""


@dataclass(frozen=True, kw_only=True)
class PretrainRequest(SettingsRequest):
    """What the command line asks for."""

    mode: str | None
    """The objective, where the settings do not say it."""

    out: Path | None
    """Run folder; one named after the settings if None."""


def parse(arguments: Sequence[str]) -> PretrainRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
        prog="pretrain/run.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mode", help=f"the objective: {' or '.join(OBJECTIVES)}")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run folder (default: runs/MODE-HASH)"
    )
    add_settings_arguments(parser, default_config="configs/default.toml", corpus=PRETRAINING_CORPUS)
    return PretrainRequest(**vars(parser.parse_args(arguments)))


def run(request: PretrainRequest) -> int:
    """Trains, and returns the exit status."""
    # Heavy imports come after the command line is known to be right.
    from pretrain.config.settings import DEFAULT_CONFIG, ResolvedSettings, resolve, use_mode
    from pretrain.engine.launch import end_processes
    from pretrain.engine.pretrain_run import pretrain, settle_pretraining
    from pretrain.shared.paths import runs_folder

    tree = request.tree(DEFAULT_CONFIG)
    if request.mode is not None:
        use_mode(tree, request.mode)

    def folder_of(settings: ResolvedSettings) -> Path:
        name = f"{settings.run.mode}-{settings.hash[:8]}"
        return Path(request.out or runs_folder() / name)

    (settings,) = settle_pretraining([resolve(tree)], folder_of)
    finished = pretrain(settings, folder_of(settings), resume=request.may_continue)
    end_processes()
    return DONE if finished else STOPPED


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(lambda: run(parse(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
