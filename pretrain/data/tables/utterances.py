"""The utterance table: one schema for every corpus, one row per utterance."""

import csv
import hashlib
import os
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pandas as pd

from pretrain.data.tables.delimited import TableError as TableError
from pretrain.data.tables.delimited import numbers, read_delimited
from pretrain.shared.atomic_files import replaced

STRING_COLUMNS = (
    "id", "path", "speaker", "session", "emotion", "text", "split", "source", "audio_hash",
)  # fmt: skip
"""`id` is unique; a missing speaker, session, emotion, text or split is the empty string."""

INTEGER_COLUMNS = ("offset", "frames", "sample_rate")
"""First frame in the file and number of frames, both at the file's own `sample_rate` in Hz."""

LABEL_COLUMNS = ("valence", "arousal", "dominance")
"""On the corpus's own scale; missing values are NaN."""

COLUMNS = (
    "id", "path", "offset", "frames", "sample_rate", "speaker", "session", "emotion",
    "valence", "arousal", "dominance", "text", "split", "source", "audio_hash",
)  # fmt: skip

LABEL_LIMIT = 100.0
"""No scale in use goes beyond -100..100, so a larger value is a slip (a lost decimal point)."""

REQUIRED_STRINGS = ("id", "path", "source", "audio_hash")
STRIPPED_STRINGS = ("id", "speaker", "session", "emotion", "split", "source")


def validate_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns `frame` with the columns in order, their exact types and a new index 0..N-1.

    Raises `TableError`, naming column, row and value, when something is missing or wrong.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    unknown = [str(column) for column in frame.columns if column not in COLUMNS]
    if missing or unknown:
        raise TableError(
            f"An utterance table must have the columns {', '.join(COLUMNS)}; "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}."
        )
    if frame.empty:
        raise TableError("An utterance table must have at least one row, but is empty instead.")
    table = frame.loc[:, list(COLUMNS)].reset_index(drop=True)
    for column in STRING_COLUMNS:
        _check(table, column, table[column].map(lambda value: isinstance(value, str)), "be a text")
        table[column] = table[column].astype("str")
    _check(table, "text", table["text"].map(_is_unicode), "be valid Unicode")
    for column in REQUIRED_STRINGS:
        _check(table, column, table[column] != "", "not be empty")
    for column in STRIPPED_STRINGS:
        _check(table, column, table[column].map(str.isprintable), "have no control characters")
        stripped = table[column].map(str.strip) == table[column]
        _check(table, column, stripped, "have no spaces at its ends")
    _check(table, "path", table["path"].map(os.path.isabs), "be absolute")
    _check(table, "id", ~table["id"].duplicated(keep="first"), "be unique")
    for column in INTEGER_COLUMNS:
        _check(table, column, table[column].map(_is_whole), "be a whole number")
        table[column] = table[column].astype("int64")
        least = 0 if column == "offset" else 1
        _check(table, column, table[column] >= least, f"be at least {least}")
    for column in LABEL_COLUMNS:
        _check(table, column, table[column].map(_is_number), "be a number, or NaN where unknown")
        table[column] = table[column].astype("float64")
        in_range = table[column].isna() | (table[column].abs() <= LABEL_LIMIT)
        _check(table, column, in_range, f"be between {-LABEL_LIMIT:g} and {LABEL_LIMIT:g}")
    return table


def table_hash(frame: pd.DataFrame) -> str:
    """Returns a hash of ids, audio and labels, in any row order; paths do not matter."""
    columns = ("id", "audio_hash", "speaker", "session", "emotion", "text", "split")
    ordered = frame.sort_values("id")
    digest = hashlib.blake2b(digest_size=16)
    for column in columns:
        values = [str(value) for value in ordered[column]]
        # The lengths keep ["ab", "c"] and ["a", "bc"] apart.
        digest.update(f"{column}:{','.join(str(len(value)) for value in values)};".encode())
        digest.update("".join(values).encode("utf-8", "surrogateescape"))
    for column in LABEL_COLUMNS:
        labels = ordered[column].to_numpy(dtype="<f8") + 0.0  # -0.0 becomes 0.0
        digest.update(column.encode())
        digest.update(np.where(np.isnan(labels), np.nan, labels).tobytes())
    return digest.hexdigest()


def save_table(frame: pd.DataFrame, path: Path) -> None:
    """Writes a validated table as CSV, complete or not at all."""
    write_csv(validate_table(frame), path)


def load_table(path: Path) -> pd.DataFrame:
    """Reads what `save_table` wrote; raises `TableError` when the file is not such a table."""
    try:
        frame = read_delimited(path, encoding_errors="surrogateescape")
    except (OSError, ValueError) as error:
        raise TableError(f"The utterance table {path} cannot be read: {error}") from error
    for column in (*INTEGER_COLUMNS, *LABEL_COLUMNS):
        if column in frame.columns:
            frame[column] = numbers(frame[column], column=column, path=path)
    try:
        return validate_table(frame)
    except TableError as error:
        raise TableError(f"{path}: {error}") from error


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Writes `frame` as UTF-8 CSV to the side and renames it: readers see all or nothing."""
    # A carriage return ends a line for every reader, but is not quoted where "\n" ends the rows.
    has_return = any(
        "\r" in cell
        for column in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[column])
        for cell in frame[column]
        if isinstance(cell, str)
    )
    with replaced(path) as beside:
        frame.to_csv(
            beside,
            index=False,
            # File names that are not UTF-8 reach Python as surrogates; this keeps their bytes.
            errors="surrogateescape",
            lineterminator="\n",
            quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL,
        )


def read_csv(path: Path, *, encoding_errors: str = "strict") -> pd.DataFrame:
    """Reads a UTF-8 CSV file of our own making, every cell as text: speaker 03 and the word NA
    survive. What people write is read by `pretrain.data.tables.delimited`."""
    return pd.read_csv(
        path,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        encoding_errors=encoding_errors,
    )


def _check(table: pd.DataFrame, column: str, good: pd.Series, rule: str) -> None:
    if good.all():
        return
    row: Hashable = good.index[~good.astype(bool)][0]
    value = table.at[row, column]
    value = value.item() if isinstance(value, np.generic) else value
    raise TableError(
        f"`{column}` must {rule}, but is {value!r} instead "
        f"(row {row}, id {table.at[row, 'id']!r}; {int((~good.astype(bool)).sum())} such rows)."
    )


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) or (
        isinstance(value, (float, np.floating)) and bool(np.isfinite(value)) and value == int(value)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
