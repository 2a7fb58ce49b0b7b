"""The probe's command for callers in Python: a table in, a data frame out."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from pretrain.shared.errors import InputError
from probe.command_line import parse_arguments
from probe.results import read_results
from probe.run import run


def evaluate_table(
    encoders: Sequence[str | Path],
    table: pd.DataFrame | str | Path,
    protocol: str,
    head: str,
    settings: Sequence[str],
    baselines: Sequence[str],
    out: Path | None,
) -> pd.DataFrame:
    """See `probe.evaluate`; what the command prints goes to standard error."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        words = ["--encoder", *map(str, encoders), "--protocol", protocol, "--head", head]
        words += ["--corpus", _spec(table, folder), "--out", str(out or folder / "results")]
        for text in settings:
            words += ["--set", text]
        for name in baselines:
            words += ["--baseline", name]
        try:
            request = parse_arguments(words)
        except SystemExit as error:
            raise InputError("probe.evaluate cannot do what it was asked, see above.") from error
        with redirect_stdout(sys.stderr):
            run(request)
        return read_results(request.out).scores


def _spec(table: pd.DataFrame | str | Path, folder: Path) -> str:
    if isinstance(table, pd.DataFrame):
        paths = [str(Path(path).absolute()) for path in table["path"]]
        table.assign(path=paths).to_csv(folder / "manifest.csv", index=False)
        return f"table={folder / 'manifest.csv'}"
    if isinstance(table, str) and "=" in table:
        return table
    return f"{Path(table).stem}={table}"
