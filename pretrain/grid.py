"""Pre-trains all rows of a table in one process, one after another.

python pretrain/grid.py --rows configs/table4 --config configs/size/small.toml --out runs/small
python pretrain/grid.py --rows configs/table4 --seed 0 --seed 1 --seed 2 --out runs/seeds
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pretrain.command_line import (
    STOPPED,
    add_settings_arguments,
    is_first_process,
    run_for_users,
)


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
    from pretrain.engine.launch import end_processes
    from pretrain.engine.pretrain_run import pretrain
    from pretrain.settings import DEFAULT_CONFIG, ROW_MODE_REMEDY, ResolvedSettings, resolve

    files = sorted(options.rows.glob("*.toml"))
    if not files:
        raise SettingsError(f"--rows {options.rows}: must be a folder of TOML files, one per row.")
    runs: dict[Path, ResolvedSettings] = {}
    for seed in options.seed or [None]:
        for file in files:
            tree = read_tree(
                [*(options.config or [DEFAULT_CONFIG]), file], options.set, options.corpus
            )
            if seed is not None:
                tree.put("seed", seed, f"--seed {seed}")
            settings = resolve(tree, remedy=ROW_MODE_REMEDY)
            name = settings.name if seed is None else f"{settings.name}-seed{seed}"
            if options.out / name in runs:
                raise SettingsError(
                    f"{file}: `name` must differ between rows, but {name} is taken."
                )
            runs[options.out / name] = settings

    trained_minutes, num_trained = 0.0, 0
    for number, (folder, settings) in enumerate(runs.items(), start=1):
        left = len(runs) - number + 1
        minutes = trained_minutes / max(num_trained, 1) * left
        remaining = f", about {minutes:.1f} min left" if num_trained else ""
        if is_first_process():
            print(f"[{number}/{len(runs)}{remaining}] ", end="", flush=True)
        is_there = (folder / "encoder.safetensors").is_file()
        started = time.monotonic()
        if not pretrain(settings, folder, resume=options.resume == "auto"):
            end_processes()
            return STOPPED
        if not is_there:
            trained_minutes += (time.monotonic() - started) / 60
            num_trained += 1
    end_processes()
    return 0


if __name__ == "__main__":
    sys.exit(run_for_users(main))
