"""Manifests in audformat's CSV form: columns `file`, `start`, `end`, and labels.

The format of audEERING's audb (audformat, "tables as CSV"): paths are relative to the table's
folder, start and end are times such as `0 days 00:00:01.250000` or seconds, an empty end is the
file's end. Only one table at a time is read; speakers and labels must be columns of it.
"""

import os
from pathlib import Path

import pandas as pd

from pretrain.data.other_names import find_files
from pretrain.data.readers.assemble import make_listing, path_ids
from pretrain.data.readers.manifest import TEXT_COLUMNS
from pretrain.data.sound_file import AudioError, AudioFile
from pretrain.data.table import LABEL_COLUMNS, TableError, numbers, read_csv


def is_audformat(path: Path) -> bool:
    """Whether this is a CSV file with a column `file` and none called `path`."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        columns = [column.strip().strip('"') for column in file.readline().split(",")]
    return "file" in columns and "path" not in columns


def list_audformat(path: Path, source: str) -> pd.DataFrame:
    """Lists the rows of such a table; other columns mean what they mean in a manifest.

    Raises:
        TableError: A time or a number is wrong, with file, line and column.
    """
    table = read_csv(path).rename(columns=str.strip)
    names = table["file"].map(str.strip)
    if table.empty or (names == "").any():
        raise TableError(f"{path} must have at least one row, and a `file` in each.")
    files = [os.path.normpath(os.path.join(path.parent, name)) for name in names]
    columns: dict[str, object] = {"path": files}
    for column in TEXT_COLUMNS:
        if column in table and column != "id":
            columns[column] = table[column].map(str.strip)
    for column in LABEL_COLUMNS:
        if column in table:
            columns[column] = numbers(table[column], column=column, path=path)
    ids = pd.Series(path_ids(files, folder=path.parent, source=source))
    if "start" in table or "end" in table:
        start, end = (_seconds(table, name, path) for name in ("start", "end"))
        start = start.fillna(0.0)
        wrong = (start < 0) | (end <= start)
        if wrong.any():
            line = int(wrong.to_numpy().argmax()) + 2
            raise TableError(
                f"{path}, line {line}: `end` must come after `start`, and that not < 0."
            )
        rates = {file: _rate(file) for file in set(files)}
        rate = pd.Series(files).map(rates)
        columns["offset"] = (start * rate).round().astype("int64")
        columns["frames"] = ((end - start) * rate).round().fillna(0.0).astype("int64")
        part = pd.Series(files).duplicated(keep=False)
        ids = ids.mask(part, ids + "@" + pd.Series(columns["offset"]).astype(str))
    return make_listing(pd.DataFrame({"id": ids, **columns}))


def _seconds(table: pd.DataFrame, name: str, path: Path) -> pd.Series:
    """Returns a column of times in seconds, NaN where there is none."""
    if name not in table:
        return pd.Series(float("nan"), index=table.index)
    text = table[name].map(str.strip)
    known = ~text.isin(["", "NaT"])
    numeric = pd.to_numeric(text.where(known), errors="coerce")
    parsed = pd.to_timedelta(text.where(known & numeric.isna()), errors="coerce")
    seconds = numeric.fillna(parsed.dt.total_seconds())
    wrong = known & seconds.isna()
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise TableError(
            f"{path}, line {row + 2}: `{name}` must be a time, but is {text.iloc[row]!r} instead."
        )
    return seconds


def _rate(file: str) -> int:
    try:
        with AudioFile(find_files([file]).paths[0]) as audio:
            return audio.sample_rate
    except AudioError:
        # The scan will say what is wrong with this file; any rate will do until then.
        return 16_000
