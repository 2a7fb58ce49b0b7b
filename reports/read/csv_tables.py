"""The one reader of CSV files in run folders."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.shared.errors import InputError


def read_table(file: Path, **options: Any) -> pd.DataFrame:
    """Returns a table; an empty one where there is no file, or nothing in it.

    :param options: Of `pandas.read_csv`; text stays as it is.
    :raises ValueError: When the file was cut, or is no table.
    """
    if not file.is_file() or file.stat().st_size == 0:
        return pd.DataFrame()
    # What writes them ends every line, so the last one too.
    with file.open("rb") as opened:
        opened.seek(-1, os.SEEK_END)
        if opened.read(1) != b"\n":
            raise InputError(f"{file.name} was cut: its last line is not complete")
    try:
        frame: pd.DataFrame = pd.read_csv(file, keep_default_na=False, **options)
    except ValueError as error:
        raise InputError(f"{file.name} cannot be read ({error})") from error
    return frame
