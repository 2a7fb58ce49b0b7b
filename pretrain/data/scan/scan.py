"""Looks at every file of a corpus once: length, rate, loudness, hash, or why it cannot be used.

The findings are kept under `runs/corpora/cache`, as they come, and used again for files whose size
and time of change are the same. Only facts are kept, so that changed limits need no new scan.
"""

import hashlib
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import soxr
from tqdm.auto import tqdm

from pretrain.data.audio.length_faults import length_fault
from pretrain.data.audio.moments import Moments
from pretrain.data.audio.ogg_pages import ogg_is_cut
from pretrain.data.audio.sound_file import AudioFile
from pretrain.data.audio.waveforms import AudioError, AudioHasher, Waveform, mixed, to_16k_blocks
from pretrain.data.scan.overshoot import without_overshoot
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.scan.scan_cache import KEY, ScanCache
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.paths import corpora_folder

VERSION = kept_as("audio", "scan")
"""Part of every file name: facts of another meaning are not reused."""

FILES_PER_TASK = 16
MAX_THREADS = 16


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a scan finds out about one file or one stretch of it."""

    frames: int = 0
    """Frames decoded, at the file's own rate."""

    sample_rate: int = 0
    """In Hz."""

    num_channels: int = 0

    channel_deviation: float = 0.0
    """Root of the mean variance of the channels, full scale = 1, at the file's own rate; 0 of one
    channel."""

    mixed_deviation: float = 0.0
    """The same of the mean of the channels: far below, when they cancel each other."""

    deviation: float = 0.0
    """Standard deviation of the 16 kHz waveform, full scale = 1 (an offset is not sound)."""

    audio_hash: str = ""
    error: str = ""
    """Why nothing is known, empty when all is well."""


FACTS = tuple(Facts.__dataclass_fields__)


def look(path: str, offset: int, wanted: int) -> Facts:
    """Decodes `wanted` frames (0 = all the rest) of a file and returns what it finds."""
    try:
        with AudioFile(path) as file:
            facts = _heard(file, offset, wanted)
            file_format, bytes_per_frame = file.format, file.bytes_per_frame
        if ogg_is_cut(path):
            raise AudioError("truncated: the last page of the Ogg file is incomplete")
        if facts.error:
            return facts
        fault = ""
        if not wanted:
            fault = length_fault(
                path,
                file_format=file_format,
                frames=offset + facts.frames,
                sample_rate=facts.sample_rate,
                bytes_per_frame=bytes_per_frame,
            )
    except AudioError as error:
        return Facts(error=str(error))
    if fault or not facts.frames:
        return Facts(error=fault or "empty: no audio frames")
    return facts


def _heard(file: AudioFile, offset: int, wanted: int) -> Facts:
    """Decodes once, block by block: an hour takes no more memory than a minute."""
    frames = num_bad = 0
    channels, mix, sound, hasher = Moments(), Moments(), Moments(), AudioHasher()

    def finite_blocks() -> Iterator[Waveform]:
        nonlocal frames, num_bad
        for block in file.blocks(offset=offset, frames=wanted):
            frames += len(block)
            num_bad += int((~np.isfinite(block)).any(axis=1).sum())
            if num_bad:
                continue
            if file.num_channels > 1:
                channels.update(block)
                mix.update(mixed(block))
            yield block

    for waveform in to_16k_blocks(finite_blocks(), file.sample_rate):
        sound.update(waveform)
        hasher.update(waveform)
    if num_bad:
        return Facts(
            sample_rate=file.sample_rate,
            error=f"not finite: {num_bad} frames hold NaN or infinity",
        )
    return Facts(
        frames=frames,
        sample_rate=file.sample_rate,
        num_channels=file.num_channels,
        channel_deviation=float(np.sqrt(channels.variance().mean())),
        mixed_deviation=float(np.sqrt(mix.variance())),
        deviation=float(np.sqrt(sound.variance())),
        audio_hash=hasher.hexdigest(),
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
    cache = ScanCache(cache_file(folder), FACTS)
    known = cache.load()
    facts = _join(wanted, known)
    unknown = facts["error"].isna()
    if unknown.any():
        todo = wanted.loc[unknown.to_numpy()].drop_duplicates(KEY)
        fresh = pd.DataFrame(_look_at_all(todo, cache, name=name), columns=[*KEY, *FACTS])
        known = _merge(known, fresh)
        # A file that could not be used may be repaired, or its disk be back, next time.
        _save(cache, known.loc[known["error"] == ""])
        facts = _join(wanted, known)
    facts.index = listing.index
    return facts.loc[:, list(FACTS)]


def _save(cache: ScanCache, known: pd.DataFrame) -> None:
    try:
        cache.save(known)
    except OSError as error:
        # What was found serves this command all the same.
        warnings.warn(
            f"What was found out about the files cannot be kept in {cache.path} "
            f"({error.strerror}); they will be looked at again next time.",
            CorpusWarning,
            stacklevel=3,
        )


def cache_file(folder: Path) -> Path:
    """Returns where findings about files under `folder` are kept.

    Other decoders may give other samples, so their versions are part of the name.
    """
    versions = f"{soundfile.__libsndfile_version__} {soxr.__version__}"
    key = "\n".join([VERSION, versions, os.path.abspath(folder)])
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8)
    return corpora_folder() / "cache" / f"{digest.hexdigest()}.csv"


def _look_at_all(todo: pd.DataFrame, cache: ScanCache, *, name: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {str(key): value for key, value in row.items()} for row in todo.to_dict("records")
    ]

    def look_at_some(some: list[dict[str, object]]) -> list[dict[str, object]]:
        found = [{**row, **asdict(_look_at_row(row))} for row in some]
        # At once, so that whatever ends this process, what was looked at need not be looked at
        # again.
        cache.append([row for row in found if not row["error"]])
        return found

    found: list[dict[str, object]] = []
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
