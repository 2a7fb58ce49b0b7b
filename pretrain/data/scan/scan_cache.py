"""What scans found out, on disk: a table, and a journal of what came since it was written.

The journal has a line per file, written as soon as it was looked at, so that a process that is
killed loses nothing. A line that was cut is passed over.
"""

import contextlib
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pretrain.data.tables.utterances import read_csv, write_csv
from pretrain.shared.json_files import JsonError, parse_object

KEY = ["path", "offset", "wanted", "size", "changed_ns"]
"""A finding holds as long as these are the same."""

HASH_LENGTH = 32

_TYPES = {
    **dict.fromkeys(("offset", "wanted", "size", "changed_ns"), "int64"),
    **dict.fromkeys(("frames", "sample_rate", "num_channels"), "int64"),
    **dict.fromkeys(("channel_deviation", "mixed_deviation", "deviation"), "float64"),
    **dict.fromkeys(("path", "audio_hash", "error"), "str"),
}


class ScanCache:
    """Findings about the files of one corpus; several threads and processes may append."""

    def __init__(self, path: Path, facts: Sequence[str]) -> None:
        self.path = path
        self._journal = path.with_suffix(".journal")
        self._columns = [*KEY, *facts]
        self._lock = threading.Lock()

    def load(self) -> pd.DataFrame:
        """Returns what is known, in columns of their types; later findings replace earlier ones.

        What is missing or damaged is not known: then it is looked at again.
        """
        known = pd.concat([self._read_table(), self._read_journal()], ignore_index=True)
        return known.drop_duplicates(KEY, keep="last").reset_index(drop=True)

    def append(self, found: Sequence[Mapping[str, object]]) -> None:
        """Writes findings behind the others, if the disk lets it."""
        if not found:
            return
        # A line that was cut has no end: the first of these must not become part of it.
        lines = [json.dumps({column: row[column] for column in self._columns}) for row in found]
        # A full disk does not end a scan: `save` says so in the end.
        with self._lock, contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("a", encoding="ascii") as file:
                file.write("\n" + "\n".join(lines) + "\n")

    def save(self, known: pd.DataFrame) -> None:
        """Replaces everything by `known`."""
        write_csv(known.loc[:, self._columns], self.path)
        self._journal.unlink(missing_ok=True)

    def _read_table(self) -> pd.DataFrame:
        try:
            known = read_csv(self.path, encoding_errors="surrogateescape")
            return self._valid(known.loc[:, self._columns])
        except (OSError, ValueError, KeyError):
            return self._valid(pd.DataFrame(columns=self._columns))

    def _read_journal(self) -> pd.DataFrame:
        rows = []
        try:
            lines = self._journal.read_bytes().splitlines()
        except OSError:
            lines = []
        for line in lines:
            try:
                row = parse_object(line, str(self._journal), allow_nan=True)
            except JsonError:
                continue
            if row.keys() == {*self._columns}:
                rows.append(row)
        try:
            return self._valid(pd.DataFrame(rows, columns=self._columns))
        except (ValueError, TypeError):
            return self._valid(pd.DataFrame(columns=self._columns))

    def _valid(self, known: pd.DataFrame) -> pd.DataFrame:
        types = {column: _TYPES[column] for column in self._columns}
        typed = known.astype(types)
        return typed.loc[typed["audio_hash"].str.len() == HASH_LENGTH]
