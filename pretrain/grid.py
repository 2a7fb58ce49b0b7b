"""Pre-trains all rows of a table in one process, one after another.

python pretrain/grid.py --rows configs/table4 --config configs/size/small.toml --out runs/small
python pretrain/grid.py --rows configs/table4 --seed 0 --seed 1 --seed 2 --out runs/seeds
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pretrain.config.command_line import (
    PRETRAINING_CORPUS,
    SettingsRequest,
    add_settings_arguments,
)
from pretrain.shared.command_line import DONE, STOPPED, Parser, is_first_process, run_main
from pretrain.shared.durations import in_words


@dataclass(frozen=True, kw_only=True)
class GridRequest(SettingsRequest):
    """What the command line asks for."""

    rows: Path
    """Folder of TOML files, one per row."""

    seed: list[int] | None
    """Every row is trained with each; with that of its settings if None."""

    out: Path
    """Gets a run folder per row and seed."""


def parse(arguments: Sequence[str]) -> GridRequest:
    """Parses the command line; raises SystemExit with a message for wrong input."""
    parser = Parser(
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
    return GridRequest(**vars(parser.parse_args(arguments)))


def run(request: GridRequest) -> int:
    """Trains the rows, and returns the exit status."""
    # Heavy imports come after the command line is known to be right.
    from pretrain.config.files import SettingsError
    from pretrain.config.settings import DEFAULT_CONFIG, ROW_MODE_REMEDY, ResolvedSettings, resolve
    from pretrain.engine.launch import end_processes
    from pretrain.engine.pretrain_run import pretrain, settle_pretraining

    files = sorted(request.rows.glob("*.toml"))
    if not files:
        raise SettingsError(f"--rows {request.rows}: must be a folder of TOML files, one per row.")
    rows: list[ResolvedSettings] = []
    for seed in request.seed or (None,):
        for file in files:
            tree = request.tree(DEFAULT_CONFIG, file)
            if seed is not None:
                tree.put("seed", seed, f"--seed {seed}")
            rows.append(resolve(tree, remedy=ROW_MODE_REMEDY))

    def folder_of(settings: ResolvedSettings) -> Path:
        suffix = f"-seed{settings.run.seed}" if request.seed else ""
        return Path(request.out / f"{settings.name}{suffix}")

    runs: dict[Path, ResolvedSettings] = {}
    # One precision for all of them, or they could not be compared.
    for number, settings in enumerate(settle_pretraining(rows, folder_of, table=request.out)):
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
        if not pretrain(settings, folder, resume=request.may_continue):
            end_processes()
            return STOPPED
        if not is_there:
            trained_seconds += time.monotonic() - started
            num_trained += 1
    end_processes()
    return DONE


def main(arguments: Sequence[str]) -> int:
    """Runs the command and returns its exit status."""
    return run_main(lambda: run(parse(arguments)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
