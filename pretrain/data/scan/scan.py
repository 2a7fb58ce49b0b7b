"""Looks at every file of a corpus once, and keeps what was found.

The findings are kept under `runs/corpora/cache`, as they come, and used again for files whose size
and time of change are the same. Only facts are kept, so that changed limits need no new scan.
"""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import soundfile
import soxr
from tqdm.auto import tqdm

from pretrain.data.scan.look import FACTS, without_overshoot
from pretrain.data.scan.look import look as look
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.data.tables.delimited import read_csv, write_csv
from pretrain.shared.json_files import JsonError, parse_object
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.paths import corpora_folder

VERSION = kept_as("audio", "scan")
"""Part of every file name: facts of another meaning are not reused."""

FILES_PER_TASK = 16
MAX_THREADS = 16

KEY = ["path", "offset", "wanted", "size", "changed_ns"]
"""A finding holds as long as these are the same."""

COLUMNS = [*KEY, *FACTS]

TYPES = dict.fromkeys(KEY, "int64") | {"path": "str"} | FACTS
"""Of `COLUMNS`."""

HASH_LENGTH = 32


def scan(listing: pd.DataFrame, *, folder: Path, name: str) -> pd.DataFrame:
    """Returns the `FACTS` of every row of `listing` (columns path, offset, frames), same index.

    `frames` = 0 means to the end of the file. `folder` decides where findings are cached; `name`
    is shown beside the progress bar.
    """
    wanted = listing[["path", "offset", "frames"]].rename(columns={"frames": "wanted"})
    wanted = wanted.astype({"path": "str", "offset": "int64", "wanted": "int64"})
    wanted[["size", "changed_ns"]] = [_stat(path) for path in wanted["path"]]
    cache = ScanCache(cache_file(folder))
    known = cache.load()
    facts = _join(wanted, known)
    unknown = facts["error"].isna()
    if unknown.any():
        todo = wanted.loc[unknown.to_numpy()].drop_duplicates(KEY)
        fresh = pd.DataFrame(_look_at_all(todo, cache, name=name), columns=COLUMNS)
        known = _merge(known, fresh)
        try:
            # A file that could not be used may be repaired, or its disk be back, next time.
            cache.save(known.loc[known["error"] == ""])
        except OSError as error:
            # What was found serves this command all the same.
            warn_of_corpus(
                f"What was found out about the files cannot be kept in {cache.path} "
                f"({error.strerror}); they will be looked at again next time."
            )
        facts = _join(wanted, known)
    facts.index = listing.index
    return facts.loc[:, list(FACTS)]


def cache_file(folder: Path) -> Path:
    """Returns where findings about files under `folder` are kept.

    Other decoders may give other samples, so their versions are part of the name.
    """
    versions = f"{soundfile.__libsndfile_version__} {soxr.__version__}"
    key = "\n".join([VERSION, versions, os.path.abspath(folder)])
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8)
    return corpora_folder() / "cache" / f"{digest.hexdigest()}.csv"


def _look_at_all(todo: pd.DataFrame, cache: "ScanCache", *, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = todo.to_dict("records")  # type: ignore[assignment]  # texts as keys

    def look_at_some(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for row in some:
            path, offset, wanted = row["path"], row["offset"], row["wanted"]
            found.append(row | asdict(look(path, offset, without_overshoot(path, offset, wanted))))
        # At once, so that whatever ends this process, what was looked at need not be looked at
        # again.
        cache.append([row for row in found if not row["error"]])
        return found

    found: list[dict[str, Any]] = []
    parts = [rows[i : i + FILES_PER_TASK] for i in range(0, len(rows), FILES_PER_TASK)]
    # Threads, not processes: decoding, resampling and hashing all release the interpreter lock.
    pool = ThreadPoolExecutor(num_threads())
    tasks = [pool.submit(look_at_some, part) for part in parts]
    try:
        with tqdm(total=len(rows), desc=f"reading {name}", unit="file", mininterval=0.5) as bar:
            for task in as_completed(tasks):
                found += task.result()
                bar.update(len(task.result()))
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def num_threads() -> int:
    """Returns how many threads scan: one per usable core, at most `MAX_THREADS`."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MAX_THREADS, available or 1))


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _join(wanted: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    return wanted.merge(known, on=KEY, how="left", validate="many_to_one")


def _merge(known: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    """Returns both, without what was known of files that have changed."""
    place = ["path", "offset", "wanted"]
    if known.empty:
        return fresh
    old = ~pd.MultiIndex.from_frame(known[place]).isin(pd.MultiIndex.from_frame(fresh[place]))
    return pd.concat([known.loc[old], fresh], ignore_index=True)


class ScanCache:
    """Findings about the files of one corpus: a table, and a journal of what came since.

    The journal has a line per file, written as soon as it was looked at, so that a process that is
    killed loses nothing. A line that was cut is passed over. Several threads and processes may
    append.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = path.with_suffix(".journal")
        self._lock = threading.Lock()

    def load(self) -> pd.DataFrame:
        """Returns what is known, in columns of their types; later findings replace earlier ones.

        What is missing or damaged is not known: then it is looked at again.
        """
        try:
            table = read_csv(self.path, encoding_errors="surrogateescape")
        except (OSError, ValueError):
            table = pd.DataFrame()
        rows = []
        with contextlib.suppress(OSError):
            for line in self._journal.read_bytes().splitlines():
                with contextlib.suppress(JsonError):
                    rows.append(parse_object(line, str(self._journal), allow_nan=True))
        journal = pd.DataFrame([row for row in rows if row.keys() == {*COLUMNS}])
        known = pd.concat([_valid(table), _valid(journal)], ignore_index=True)
        return known.drop_duplicates(KEY, keep="last").reset_index(drop=True)

    def append(self, found: Sequence[Mapping[str, object]]) -> None:
        """Writes findings behind the others, if the disk lets it."""
        if not found:
            return
        # A line that was cut has no end: the first of these must not become part of it.
        lines = [json.dumps({column: row[column] for column in COLUMNS}) for row in found]
        # A full disk does not end a scan: `save` says so in the end.
        with self._lock, contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._journal.open("a", encoding="ascii") as file:
                file.write("\n" + "\n".join(lines) + "\n")

    def save(self, known: pd.DataFrame) -> None:
        """Replaces everything by `known`."""
        write_csv(known.loc[:, COLUMNS], self.path)
        self._journal.unlink(missing_ok=True)


def _valid(known: pd.DataFrame) -> pd.DataFrame:
    """Returns what findings can be; nothing where they are not of `TYPES`."""
    try:
        typed = known.loc[:, COLUMNS].astype(TYPES)
    except (ValueError, TypeError, KeyError):
        typed = pd.DataFrame(columns=COLUMNS).astype(TYPES)
    return typed.loc[typed["audio_hash"].str.len() == HASH_LENGTH]
