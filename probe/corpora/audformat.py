"""Manifests in audformat's CSV form: columns `file`, `start`, `end`, and labels.

The format of audEERING's audb (audformat, "tables as CSV"): paths are relative to the table's
folder, start and end are times such as `0 days 00:00:01.250000` or seconds, an empty end is the
file's end. Only one table at a time is read; speakers and labels must be columns of it.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pretrain.data.readers.manifest import list_manifest
from pretrain.data.readers.registry import SUFFIXES
from pretrain.data.tables.delimited import header_of

COLUMNS = {"path": "file", "id": ""}
"""A segment is known by its file and times; what the table may call `id` is something else."""


def is_audformat(path: Path) -> bool:
    """Whether this is a table with a column `file` and none called `path`."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    names = header_of(path)
    return "file" in names and "path" not in names


def list_table(path: Path, source: str, columns: Mapping[str, str]) -> pd.DataFrame:
    """Lists the rows of a manifest of either form."""
    listed = list_audformat if is_audformat(path) else list_manifest
    return listed(path, source, columns)


def list_audformat(
    path: Path, source: str, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Lists the rows of such a table; other columns mean what they mean in a manifest.

    `columns` says what the table calls them, see `pretrain.data.tables.columns`.

    Raises:
        TableError: A time or a number is wrong, with file, line and column.
    """
    return list_manifest(path, source, COLUMNS | dict(columns or {}))
