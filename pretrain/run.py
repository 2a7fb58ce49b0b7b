"""Pre-trains the unified encoder with one objective.

accelerate launch pretrain/run.py --mode quantized
accelerate launch pretrain/run.py --config configs/table4/continuous-k4.toml --out runs/k4
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pretrain.objectives import OBJECTIVES
from pretrain.shared.command_line import (
    PRETRAINING_CORPUS,
    STOPPED,
    add_settings_arguments,
    run_for_users,
)

EPILOG = """\
Settings are merged in this order: configs/default.toml (or the first --config), further --config
files, --set, --corpus, --mode. Every key is described where it is declared, beginning with
pretrain/config/settings.py. On CPU two processes are started with:
ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 pretrain/run.py ... Ctrl-C
saves a checkpoint; the same command then continues the run.
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
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
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    from pretrain.config.files import read_tree
    from pretrain.config.settings import DEFAULT_CONFIG, ResolvedSettings, resolve, use_mode
    from pretrain.engine.launch import end_processes
    from pretrain.engine.pretrain_run import pretrain, settle_pretraining
    from pretrain.shared.paths import runs_folder

    tree = read_tree(
        options.config or [DEFAULT_CONFIG], options.set, options.corpus, options.columns
    )
    if options.mode is not None:
        use_mode(tree, options.mode)

    def folder_of(settings: ResolvedSettings) -> Path:
        name = f"{settings.run.mode}-{settings.hash[:8]}"
        return Path(options.out or runs_folder() / name)

    (settings,) = settle_pretraining([resolve(tree)], folder_of)
    finished = pretrain(settings, folder_of(settings), resume=options.resume == "auto")
    end_processes()
    return 0 if finished else STOPPED


if __name__ == "__main__":
    sys.exit(run_for_users(main))
