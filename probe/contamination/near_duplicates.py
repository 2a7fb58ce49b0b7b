"""Which utterances of one corpus share sound with another, and which of both nobody could compare.

What has no fingerprint to compare is counted: it is known by its audio hash alone, and an empty
result says nothing of it. Fingerprints are computed once and kept.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
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
from probe.contamination.fingerprint import (
    FORMAT,
    MIN_FRAMES,
    Bits,
    FingerprintIndex,
    Fingerprints,
    Match,
    concatenate,
    fingerprint,
)

FRAME_SECONDS = 0.012

CHUNK_SECONDS = 1_800.0
"""Most audio per file: an interrupted call loses less than this, and no more is in memory at once.
(Only a single recording, or copies of one, can be longer.)"""

HASH_BITS = 64

ARRAYS = [field.name for field in fields(Fingerprints)]


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


@dataclass(kw_only=True)
class Compared:
    """How much of a corpus could be compared by sound."""

    num_utterances: int
    num_unreadable: int = 0
    """Their files are gone or damaged, or hold another sound than the table says."""

    num_too_short: int = 0
    """Fewer than `MIN_FRAMES` of their frames are loud enough to compare."""

    @property
    def none(self) -> bool:
        return self.num_unreadable + self.num_too_short == self.num_utterances

    def missing(self, name: str) -> list[str]:
        """Returns what was not compared, in words; empty if all was."""
        return [
            f"{count} of {name} {why}"
            for count, why in (
                (self.num_unreadable, "whose files are gone or changed"),
                (self.num_too_short, "too short or too quiet for a fingerprint"),
            )
            if count
        ]


def near_duplicates(
    ours: pd.DataFrame, theirs: pd.DataFrame, folder: Path
) -> tuple[list[dict[str, Any]] | None, Compared, Compared]:
    """Compares two utterance tables by sound; fingerprints are kept in `folder`.

    Returns the closest match of each of ours that shares sound with theirs, the surest first, or
    None if nothing was compared at all; and how much of ours and of theirs was. Theirs are not
    counted where nothing of ours can be compared.
    """
    of_ours, of_theirs = (Compared(num_utterances=len(table)) for table in (ours, theirs))
    chunks = list(_of_files(ours, folder, of_ours))
    best: dict[int, tuple[Match, str]] = {}
    if not of_ours.none:
        joined = {
            name: np.concatenate([getattr(chunk.prints, name) for chunk in chunks])
            for name in ARRAYS
        }
        index = FingerprintIndex(Fingerprints(**joined))
        for chunk in _of_files(theirs, folder, of_theirs):
            for match in index.matches(chunk.prints):
                if match.ours not in best or match.error_rate < best[match.ours][0].error_rate:
                    best[match.ours] = match, chunk.ids[match.theirs]
    ids = [name for chunk in chunks for name in chunk.ids]
    found = [
        {
            "ours": ids[place],
            "theirs": name,
            "by": "fingerprint",
            "bit_error_rate": round(match.error_rate, 3),
            "seconds": round(match.frames * FRAME_SECONDS, 2),
        }
        for place, (match, name) in sorted(best.items(), key=lambda item: item[1][0].error_rate)
    ]
    return None if of_ours.none or of_theirs.none else found, of_ours, of_theirs


def _of_files(table: pd.DataFrame, folder: Path, compared: Compared) -> Iterable[Chunk]:
    """Yields the fingerprints of the utterances whose file is there, and counts all."""
    there = {path: os.path.isfile(path) for path in set(table["path"])}
    has_file = table["path"].map(there).astype(bool)
    compared.num_unreadable += int((~has_file).sum())
    for chunk in fingerprints_of(table[has_file], folder) if has_file.any() else ():
        owner = np.repeat(np.arange(len(chunk.ids)), chunk.prints.lengths)
        heard = np.bincount(owner, chunk.prints.heard, minlength=len(chunk.ids))
        compared.num_unreadable += chunk.num_unreadable
        compared.num_too_short += int((heard < MIN_FRAMES).sum()) - chunk.num_unreadable
        yield chunk


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
    with tqdm(
        total=float(_seconds(table).sum()) + 1e-3,
        unit="s",
        desc=f"fingerprints of {table['source'].iloc[0]}",
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio, "
        "{elapsed}<{remaining}",
    ) as progress:
        for chunk in _chunks(table):
            said = "\n".join([FORMAT, *chunk["audio_hash"]]).encode()
            key = blake2b(said, digest_size=16).hexdigest()
            file = TensorFile(
                path=folder / f"{key}.safetensors",
                names=ARRAYS,
                fits=partial(_fits, num_utterances=len(chunk)),
            )
            kept, num_unreadable = file.read(), 0
            if kept is None:
                # Several processes of one command ask for the same corpus at once.
                with file.making(waiting=""):
                    kept = file.read()
                    if kept is None:
                        kept, num_unreadable = _compute(chunk, progress)
                        if not num_unreadable:
                            file.write(kept)
            else:
                progress.update(float(_seconds(chunk).sum()))
            prints = Fingerprints(**{name: kept[name].numpy() for name in ARRAYS})
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


def _compute(chunk: pd.DataFrame, progress: "tqdm[None]") -> tuple[Tensors, int]:
    """Computes the arrays of fingerprints, and counts the utterances that cannot be read."""
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
    tensors = {name: torch.from_numpy(getattr(prints, name)) for name in ARRAYS}
    return tensors, parts.count(None)


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


def _fits(kept: Tensors, num_utterances: int) -> bool:
    num_bits = int(kept["lengths"].sum())
    return len(kept["lengths"]) == num_utterances and (
        len(kept["bits"]) == len(kept["heard"]) == num_bits
    )
