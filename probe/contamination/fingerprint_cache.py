"""Fingerprints of a corpus, computed once and kept under the hashes of its recordings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from tqdm import tqdm

from pretrain.data.audio.waveforms import AudioError, audio_hash, read_waveform
from pretrain.data.scan.scan import num_threads
from pretrain.shared.kept_tensors import TensorFile, Tensors
from probe.contamination.fingerprint import FORMAT, Bits, Fingerprints, concatenate, fingerprint

CHUNK_SECONDS = 1_800.0
"""Most audio per file: an interrupted call loses less than this, and no more is in memory at once.
(Only a single recording, or copies of one, can be longer.)"""

HASH_BITS = 64


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some recordings of a corpus."""

    ids: list[str]
    """Of N utterances."""

    prints: Fingerprints
    """Of the same N, in the same order."""

    num_unreadable: int
    """Of the N: their files are gone, damaged, or hold another sound than the table says. Their
    fingerprints are empty, like those of recordings shorter than a window."""


def fingerprints_of(table: pd.DataFrame, folder: Path) -> Iterator[Chunk]:
    """Yields the fingerprints of all utterances, each in one chunk.

    They are kept in `folder`, a file per half hour of audio at most, under the audio hashes in it,
    so that a later call, or a corpus with the same recordings under other names, reads them. Where
    one chunk ends does not depend on the others: of a corpus that has grown by a recording, one is
    computed again. A chunk with an unreadable recording is not kept.

    Args:
        table: An utterance table. Labels and paths do not matter to the cache.
        folder: Where fingerprints are kept.
    """
    name = str(table["source"].iloc[0])
    with tqdm(
        total=float(_seconds(table).sum()) + 1e-3,
        unit="s",
        desc=f"fingerprints of {name}",
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio, "
        "{elapsed}<{remaining}",
    ) as progress:
        for chunk in _chunks(table):
            said = "\n".join([FORMAT, *chunk["audio_hash"]]).encode()
            key = blake2b(said, digest_size=16).hexdigest()
            file = TensorFile(
                path=folder / f"{key}.safetensors",
                names=["bits", "heard", "lengths"],
                fits=partial(_fits, num_utterances=len(chunk)),
            )
            prints, num_unreadable = _read(file), 0
            if prints is None:
                # Several processes of one command ask for the same corpus at once.
                with file.making(waiting=""):
                    prints = _read(file)
                    if prints is None:
                        prints, num_unreadable = _compute(chunk, file, progress)
            else:
                progress.update(float(_seconds(chunk).sum()))
            ids = chunk["id"].astype(str).tolist()
            yield Chunk(ids=ids, prints=prints, num_unreadable=num_unreadable)


def _chunks(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Cuts a table into parts that begin with the same bits of a hash, as few as fit."""
    ordered = table.sort_values(["audio_hash", "id"], kind="stable").reset_index(drop=True)
    # Hashed again: every bit is even then, whatever wrote the table.
    hashes = [
        blake2b(name.encode(), digest_size=HASH_BITS // 8).digest()
        for name in ordered["audio_hash"]
    ]
    bits = np.frombuffer(b"".join(hashes), dtype=">u8")
    seconds = _seconds(ordered).to_numpy()
    chunks = []
    left = [(np.arange(len(ordered)), 0)]
    while left:
        rows, depth = left.pop()
        if seconds[rows].sum() > CHUNK_SECONDS and depth < HASH_BITS:
            is_one = (bits[rows] >> np.uint64(HASH_BITS - 1 - depth)) & np.uint64(1) == 1
            left += [(rows[is_one], depth + 1), (rows[~is_one], depth + 1)]
        elif len(rows):
            chunks.append(ordered.iloc[rows])
    return chunks


def _seconds(table: pd.DataFrame) -> "pd.Series[float]":
    return table["frames"] / table["sample_rate"]


def _compute(
    chunk: pd.DataFrame, file: TensorFile, progress: "tqdm[None]"
) -> tuple[Fingerprints, int]:
    """Computes what is not kept, and counts the utterances that cannot be read."""
    parts: list[tuple[Bits, npt.NDArray[np.bool_]] | None] = []
    # Threads, not processes: decoding, resampling and transforming release the interpreter lock.
    pool = ThreadPoolExecutor(num_threads())
    try:
        found = pool.map(_fingerprint, chunk.itertuples())
        for one, duration in zip(found, _seconds(chunk), strict=True):
            parts.append(one)
            progress.update(float(duration))
    finally:
        pool.shutdown(cancel_futures=True)
    empty = np.empty(0, np.uint32), np.empty(0, np.bool_)
    prints = concatenate([one or empty for one in parts])
    num_unreadable = parts.count(None)
    if not num_unreadable:
        file.write({name: torch.from_numpy(getattr(prints, name)) for name in file.names})
    return prints, num_unreadable


def _fingerprint(row: Any) -> tuple[Bits, npt.NDArray[np.bool_]] | None:
    """Returns the fingerprint of one utterance, or None if its file no longer holds it.

    A coded file that another processor's decoder reads a bit differently (see `audio_hash`) counts
    as changed: whether it is what was heard, nobody can say.
    """
    try:
        waveform = read_waveform(row)
    except AudioError:
        return None
    return fingerprint(waveform) if audio_hash(waveform) == str(row.audio_hash) else None


def _read(file: TensorFile) -> Fingerprints | None:
    """Returns what `_compute` kept, or None if it is absent or damaged."""
    kept = file.read()
    return Fingerprints(**{name: kept[name].numpy() for name in file.names}) if kept else None


def _fits(kept: Tensors, num_utterances: int) -> bool:
    num_bits = int(kept["lengths"].sum())
    return len(kept["lengths"]) == num_utterances and (
        len(kept["bits"]) == len(kept["heard"]) == num_bits
    )
