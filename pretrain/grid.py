"""Pre-trains all rows of a table in one process, one after another.

python pretrain/grid.py --rows configs/table4 --config configs/size/small.toml --out runs/small
python pretrain/grid.py --rows configs/table4 --seed 0 --seed 1 --seed 2 --out runs/seeds
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pretrain.shared.command_line import (
    PRETRAINING_CORPUS,
    STOPPED,
    add_settings_arguments,
    is_first_process,
    run_for_users,
)
from pretrain.shared.durations import in_words


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
    add_settings_arguments(parser, default_config="configs/default.toml", corpus=PRETRAINING_CORPUS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    # Heavy imports come after the command line is known to be right.
    from pretrain.config.files import SettingsError, read_tree
    from pretrain.config.settings import DEFAULT_CONFIG, ROW_MODE_REMEDY, ResolvedSettings, resolve
    from pretrain.engine.launch import end_processes
    from pretrain.engine.pretrain_run import pretrain, settle_pretraining

    files = sorted(options.rows.glob("*.toml"))
    if not files:
        raise SettingsError(f"--rows {options.rows}: must be a folder of TOML files, one per row.")
    rows: list[ResolvedSettings] = []
    for seed in options.seed or [None]:
        for file in files:
            tree = read_tree(
                [*(options.config or [DEFAULT_CONFIG]), file],
                options.set,
                options.corpus,
                options.columns,
            )
            if seed is not None:
                tree.put("seed", seed, f"--seed {seed}")
            rows.append(resolve(tree, remedy=ROW_MODE_REMEDY))

    def folder_of(settings: ResolvedSettings) -> Path:
        suffix = f"-seed{settings.run.seed}" if options.seed else ""
        return Path(options.out / f"{settings.name}{suffix}")

    runs: dict[Path, ResolvedSettings] = {}
    # One precision for all of them, or they could not be compared.
    for number, settings in enumerate(settle_pretraining(rows, folder_of, table=options.out)):
        folder = folder_of(settings)
        if folder in runs:
            raise SettingsError(
                f"{files[number % len(files)]}: `name` must differ between rows, but {folder.name} "
                "is taken."
            )
        runs[folder] = settings

    trained_seconds, num_trained = 0.0, 0
    for number, (folder, settings) in enumerate(runs.items(), start=1):
        left = len(runs) - number + 1
        seconds = trained_seconds / max(num_trained, 1) * left
        remaining = f", about {in_words(seconds)} left" if num_trained else ""
        if is_first_process():
            print(f"[{number}/{len(runs)}{remaining}] ", end="", flush=True)
        is_there = (folder / "encoder.safetensors").is_file()
        started = time.monotonic()
        if not pretrain(settings, folder, resume=options.resume == "auto"):
            end_processes()
            return STOPPED
        if not is_there:
            trained_seconds += time.monotonic() - started
            num_trained += 1
    end_processes()
    return 0


if __name__ == "__main__":
    sys.exit(run_for_users(main))
