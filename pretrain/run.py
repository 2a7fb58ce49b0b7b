"""Pre-trains the unified encoder with one objective.

accelerate launch pretrain/run.py --mode quantized
accelerate launch pretrain/run.py --config configs/table4/continuous-k4.toml --out runs/k4
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

EPILOG = """\
Settings are merged in this order: configs/default.toml (or the first --config), further --config
files, --set, --mode. Every key is described in the docstrings of pretrain/settings.py. On CPU two
processes are started with: ACCELERATE_USE_CPU=true torchrun --nproc_per_node 2 pretrain/run.py ...
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pretrain/run.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mode", help="the objective: quantized or continuous")
    parser.add_argument(
        "--config",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="TOML file of settings; may be given several times, a later file wins "
        "(default: configs/default.toml)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, for example optimizer.lr=1e-3; may be given several times",
    )
    parser.add_argument(
        "--corpus", metavar="NAME=PATH", help="short for --set data.corpus=NAME=PATH"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="run folder (default: runs/MODE-HASH)"
    )
    parser.add_argument(
        "--resume",
        choices=("auto", "never"),
        default="auto",
        help="auto: continue or reuse the run in the folder; never: refuse a folder with a run",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    from pretrain.config_files import read_tree
    from pretrain.data.places import runs_folder
    from pretrain.engine.pretrain_run import pretrain
    from pretrain.settings import DEFAULT_CONFIG, hash_of, resolve, use_mode

    try:
        tree = read_tree(options.config or [DEFAULT_CONFIG], options.set)
        if options.corpus is not None:
            tree.put("data.corpus", options.corpus, "--corpus")
        if options.mode is not None:
            use_mode(tree, options.mode)
        settings = resolve(tree)
        default_name = f"{settings.run.mode}-{hash_of(settings.tree())[:8]}"
        finished = pretrain(
            settings,
            options.out or runs_folder() / default_name,
            resume=options.resume == "auto",
        )
    except (ValueError, RuntimeError, OSError) as error:
        if not is_for_users(error):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2
    if not finished:
        print("Stopped on request; the same command continues this run.", file=sys.stderr)
        return 130
    return 0


def is_for_users(error: Exception) -> bool:
    """Returns whether the error's message was written for users: the project's own error types."""
    return type(error).__module__.partition(".")[0] == "pretrain"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
