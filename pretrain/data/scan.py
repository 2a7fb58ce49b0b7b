"""Looks at every file of a corpus once: length, rate, loudness, hash, or why it cannot be used.

The findings are kept under `runs/corpora/cache` and used again for files whose size and time of
change are the same. Only facts are kept, so that changed limits need no new scan.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr
from tqdm.auto import tqdm

from pretrain.data.audio import AudioError, audio_hash, decode, ogg_is_cut, to_16k_mono
from pretrain.data.overshoot import without_overshoot
from pretrain.data.places import corpora_folder
from pretrain.data.table import read_csv, write_csv

VERSION = "1"
"""To be raised when a fact below changes its meaning."""

FILES_PER_TASK = 16
MAX_THREADS = 16

KEY = ["path", "offset", "wanted", "size", "changed_ns"]
"""A finding holds as long as these are the same."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a scan finds out about one file or one stretch of it."""

    frames: int = 0
    """Frames decoded, at the file's own rate."""

    sample_rate: int = 0
    """In Hz."""

    deviation: float = 0.0
    """Standard deviation of the 16 kHz waveform, full scale = 1 (an offset is not sound)."""

    audio_hash: str = ""
    error: str = ""
    """Why nothing is known, empty when all is well."""


FACTS = list(Facts.__dataclass_fields__)


def look(path: str, offset: int, wanted: int) -> Facts:
    """Decodes `wanted` frames (0 = all the rest) of a file and returns what it finds."""
    try:
        samples, sample_rate = decode(path, offset=offset, frames=wanted)
        if ogg_is_cut(path):
            raise AudioError("truncated: the last page of the Ogg file is incomplete")
    except AudioError as error:
        return Facts(error=str(error))
    if not len(samples):
        return Facts(error="empty: no audio frames")
    if not np.isfinite(samples).all():
        bad = int((~np.isfinite(samples)).any(axis=1).sum())
        return Facts(
            sample_rate=sample_rate, error=f"not finite: {bad} frames hold NaN or infinity"
        )
    waveform = to_16k_mono(samples, sample_rate)
    return Facts(
        frames=len(samples),
        sample_rate=sample_rate,
        deviation=float(waveform.std(dtype=np.float64)) if len(waveform) else 0.0,
        audio_hash=audio_hash(waveform),
    )


def scan(listing: pd.DataFrame, *, folder: Path, name: str) -> pd.DataFrame:
    """Returns the `FACTS` of every row of `listing` (columns path, offset, frames), same index.

    `frames` = 0 means to the end of the file. `folder` decides where findings are cached; `name`
    is shown beside the progress bar.
    """
    wanted = pd.DataFrame(
        {
            "path": listing["path"].astype("str"),
            "offset": listing["offset"].astype("int64"),
            "wanted": listing["frames"].astype("int64"),
        }
    )
    stats = [_stat(path) for path in wanted["path"]]
    wanted["size"] = [size for size, _ in stats]
    wanted["changed_ns"] = [changed_ns for _, changed_ns in stats]
    cache = cache_file(folder)
    known = _load(cache)
    facts = _join(wanted, known)
    unknown = facts["error"].isna()
    if unknown.any():
        todo = wanted.loc[unknown.to_numpy()].drop_duplicates(KEY)
        fresh: list[dict[str, object]] = []
        try:
            _look_at_all(todo, name=name, into=fresh)
        finally:
            # Also after an interruption: what was looked at need not be looked at again.
            known = _merge(known, pd.DataFrame(fresh, columns=[*KEY, *FACTS]))
            # A file that could not be used may be repaired, or its disk be back, next time.
            write_csv(known.loc[known["error"] == ""], cache)
        facts = _join(wanted, known)
    facts.index = listing.index
    return facts.loc[:, FACTS]


def cache_file(folder: Path) -> Path:
    """Returns where findings about files under `folder` are kept.

    Other decoders may give other samples, so their versions are part of the name.
    """
    versions = f"{soundfile.__libsndfile_version__} {soxr.__version__}"
    key = "\n".join([VERSION, versions, os.path.abspath(folder)])
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8)
    return corpora_folder() / "cache" / f"{digest.hexdigest()}.csv"


def _look_at_all(todo: pd.DataFrame, *, name: str, into: list[dict[str, object]]) -> None:
    rows: list[dict[str, object]] = [
        {str(key): value for key, value in row.items()} for row in todo.to_dict("records")
    ]

    def look_at_some(some: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{**row, **asdict(_look_at_row(row))} for row in some]

    parts = [rows[i : i + FILES_PER_TASK] for i in range(0, len(rows), FILES_PER_TASK)]
    # Threads, not processes: decoding, resampling and hashing all release the interpreter lock.
    pool = ThreadPoolExecutor(num_threads())
    tasks = [pool.submit(look_at_some, part) for part in parts]
    try:
        with tqdm(total=len(rows), desc=f"reading {name}", unit="file", mininterval=0.5) as bar:
            for task in as_completed(tasks):
                bar.update(len(task.result()))
    finally:
        pool.shutdown(cancel_futures=True)
        # Of all tasks, those too that were done but not waited for when this was interrupted.
        for task in tasks:
            if not task.cancelled() and task.exception() is None:
                into.extend(task.result())


def num_threads() -> int:
    """Returns how many threads scan: one per usable core, at most `MAX_THREADS`."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(MAX_THREADS, available or 1))


def _look_at_row(row: dict[str, object]) -> Facts:
    path, offset, wanted = str(row["path"]), int(str(row["offset"])), int(str(row["wanted"]))
    return look(path, offset, without_overshoot(path, offset, wanted))


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return -1, -1
    return found.st_size, found.st_mtime_ns


def _join(wanted: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    return wanted.merge(known, on=KEY, how="left", validate="many_to_one")


def _merge(known: pd.DataFrame, fresh: pd.DataFrame) -> pd.DataFrame:
    place = ["path", "offset", "wanted"]
    if known.empty:
        return fresh
    old = ~pd.MultiIndex.from_frame(known[place]).isin(pd.MultiIndex.from_frame(fresh[place]))
    return pd.concat([known.loc[old], fresh], ignore_index=True)


def _load(cache: Path) -> pd.DataFrame:
    types = {column: "int64" for column in ("offset", "wanted", "size", "changed_ns")}
    types |= {"frames": "int64", "sample_rate": "int64", "deviation": "float64"}
    try:
        known = (
            read_csv(cache, encoding_errors="surrogateescape").loc[:, [*KEY, *FACTS]].astype(types)
        )
        return known.loc[known["audio_hash"].str.len() == 32].drop_duplicates(KEY)
    except (OSError, ValueError, KeyError):
        # Missing, or damaged: then everything is looked at again.
        return pd.DataFrame(columns=[*KEY, *FACTS]).astype(
            types | {"path": "str", "audio_hash": "str", "error": "str"}
        )
