"""Any CSV manifest: one row per utterance, one column `path`, all others optional."""

import os
from pathlib import Path

import pandas as pd

from pretrain.data.readers.assemble import make_listing, path_ids
from pretrain.data.table import LABEL_COLUMNS, STRIPPED_STRINGS, TableError, numbers, read_csv

FILE_NAME = "manifest.csv"

TEXT_COLUMNS = ("id", "speaker", "session", "emotion", "text", "split")
KNOWN_COLUMNS = ("path", *TEXT_COLUMNS, *LABEL_COLUMNS, "offset", "frames")
"""What is read; other columns (gender, age, a length in seconds) are let pass."""


def list_manifest(path: Path, source: str) -> pd.DataFrame:
    """Lists the rows of a manifest; relative paths are relative to the manifest's folder.

    Valence, arousal and dominance stay on the corpus's own scale. `offset` and `frames` (at the
    file's own rate) choose a stretch of a file. Raises `TableError` naming line and column.
    """
    manifest = Path(os.path.abspath(path.expanduser()))
    raw = _read(manifest)
    if "path" not in raw.columns:
        raise TableError(
            f"The manifest {manifest} must have a column `path`, but its columns are "
            f"{', '.join(map(repr, raw.columns[:12]))} instead. The first line must name the "
            "columns, separated by commas."
        )
    if raw.empty:
        raise TableError(f"The manifest {manifest} must have at least one row, but has none.")
    names = raw["path"].map(str.strip)
    if (names == "").any():
        line = int((names == "").to_numpy().argmax()) + 2
        raise TableError(f"{manifest}, line {line}: `path` must not be empty.")
    files = [os.path.normpath(os.path.join(manifest.parent, name)) for name in names]
    columns: dict[str, object] = {"path": files}
    for column in TEXT_COLUMNS:
        if column in raw.columns:
            strip = column in STRIPPED_STRINGS
            columns[column] = raw[column].map(str.strip) if strip else raw[column]
    for column in LABEL_COLUMNS:
        if column in raw.columns:
            columns[column] = numbers(raw[column], column=column, path=manifest)
    for column in ("offset", "frames"):
        if column in raw.columns:
            columns[column] = _frames(raw[column], column=column, manifest=manifest)
    listing = make_listing(pd.DataFrame(columns))
    if "id" in raw.columns:
        _check_ids(listing["id"], manifest)
        listing["id"] = [f"{source}/{name}" for name in listing["id"]]
    else:
        _check_segments(listing, manifest)
        ids = pd.Series(path_ids(files, folder=manifest.parent, source=source))
        part = listing["path"].duplicated(keep=False)
        listing["id"] = ids.mask(part, ids + "@" + listing["offset"].astype(str))
    return listing


def _read(manifest: Path) -> pd.DataFrame:
    if not manifest.is_file():
        state = "is a folder" if manifest.is_dir() else "does not exist"
        raise TableError(f"The manifest must be a CSV file, but {manifest} {state}.")
    try:
        raw = read_csv(manifest)
    except UnicodeDecodeError as error:
        raise TableError(f"The manifest {manifest} must be UTF-8, but is not: {error}.") from error
    except (OSError, ValueError) as error:
        raise TableError(f"The manifest {manifest} cannot be read: {error}") from error
    raw.columns = raw.columns.map(str.strip)
    twice = sorted(set(raw.columns[raw.columns.duplicated()]))
    if twice:
        raise TableError(f"The manifest {manifest} names the column {twice[0]!r} twice.")
    return raw


def _frames(column_values: pd.Series, *, column: str, manifest: Path) -> pd.Series:
    values = numbers(column_values, column=column, path=manifest).fillna(0.0)
    wrong = (values < 0) | (values % 1 != 0)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise TableError(
            f"{manifest}, line {row + 2}: `{column}` must be a whole number of frames, at least 0, "
            f"but is {column_values.iloc[row]!r} instead."
        )
    return values.astype("int64")


def _check_ids(ids: pd.Series, manifest: Path) -> None:
    wrong = ids.duplicated(keep="first") | (ids == "")
    if not wrong.any():
        return
    row = int(wrong.to_numpy().argmax())
    first = int((ids == ids.iloc[row]).to_numpy().argmax())
    other = f" and was used in line {first + 2} already" if first != row else ""
    raise TableError(
        f"{manifest}, line {row + 2}: `id` must be unique and not empty, "
        f"but is {ids.iloc[row]!r}{other}."
    )


def _check_segments(listing: pd.DataFrame, manifest: Path) -> None:
    again = listing.duplicated(["path", "offset"], keep="first")
    if not again.any():
        return
    row = int(again.to_numpy().argmax())
    same = (listing["path"] == listing["path"].iloc[row]) & (
        listing["offset"] == listing["offset"].iloc[row]
    )
    raise TableError(
        f"{manifest}, line {row + 2}: names the same file as line {int(same.argmax()) + 2} "
        f"({listing['path'].iloc[row]}). Every row must be an utterance of its own: remove one, "
        "or give both an `offset` or an `id`."
    )
