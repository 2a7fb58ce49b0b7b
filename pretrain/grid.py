"""Pre-trains all rows of a table in one process, one after another.

python pretrain/grid.py --rows configs/table4 --config configs/size/small.toml --out runs/small
python pretrain/grid.py --rows configs/table4 --seed 0 --seed 1 --seed 2 --out runs/seeds
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pretrain.command_line import STOPPED, add_settings_arguments, run_for_users


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pretrain/grid.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rows",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of TOML files, one per row, each laid over the --config files",
    )
    parser.add_argument(
        "--seed", type=int, action="append", metavar="N", help="may be given several times"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets a run folder per row and seed"
    )
    add_settings_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    from pretrain.config_files import SettingsError, read_tree
    from pretrain.engine.pretrain_run import pretrain
    from pretrain.settings import DEFAULT_CONFIG, ResolvedSettings, resolve

    files = sorted(options.rows.glob("*.toml"))
    if not files:
        raise SettingsError(f"--rows {options.rows}: must be a folder of TOML files, one per row.")
    runs: list[tuple[Path, ResolvedSettings]] = []
    for seed in options.seed or [None]:
        for file in files:
            tree = read_tree(
                [*(options.config or [DEFAULT_CONFIG]), file], options.set, options.corpus
            )
            if seed is not None:
                tree.put("seed", seed, f"--seed {seed}")
            settings = resolve(tree)
            name = settings.name if seed is None else f"{settings.name}-seed{seed}"
            runs.append((options.out / name, settings))

    started = time.monotonic()
    for number, (folder, settings) in enumerate(runs, start=1):
        print(f"[{number}/{len(runs)}] ", end="", flush=True)
        if not pretrain(settings, folder, resume=options.resume == "auto"):
            return STOPPED
        left = (time.monotonic() - started) / number * (len(runs) - number)
        print(f"about {left / 60:.1f} min left for the other {len(runs) - number} rows", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_for_users(main))
