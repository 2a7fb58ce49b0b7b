"""Fingerprints of a corpus, computed once and kept under the hashes of its recordings."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tqdm import tqdm

from pretrain.data.audio import AudioError, Utterance, read_waveform
from pretrain.data.scan import num_threads
from pretrain.locks import lock
from pretrain.replacing import replaced
from probe.fingerprint import FORMAT, Bits, Fingerprints, concatenate, fingerprint

CHUNK_SECONDS = 1_800.0
"""Audio per file: an interrupted call loses less than this, and no more is in memory at once."""


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some recordings of a corpus."""

    ids: list[str]
    """Of N utterances."""

    prints: Fingerprints
    """Of the same N, in the same order."""


def fingerprints_of(table: pd.DataFrame, folder: Path) -> Iterator[Chunk]:
    """Yields the fingerprints of all utterances whose audio can be read, in order of their hashes.

    They are kept in `folder`, a file per half hour of audio under the audio hashes in it, so that a
    later call, or a corpus with the same recordings under other names, reads them.

    Args:
        table: An utterance table. Labels and paths do not matter to the cache.
        folder: Where fingerprints are kept.
    """
    ordered = table.sort_values(["audio_hash", "id"], kind="stable").reset_index(drop=True)
    seconds = ordered["frames"] / ordered["sample_rate"]
    number = (seconds.cumsum() // CHUNK_SECONDS).to_numpy()
    chunks = [ordered[number == value] for value in np.unique(number)]
    name = str(table["source"].iloc[0])
    with tqdm(
        total=float(seconds.sum()) + 1e-3,
        unit="s",
        desc=f"fingerprints of {name}",
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio, "
        "{elapsed}<{remaining}",
    ) as progress:
        for chunk in chunks:
            path = folder / f"{_key(chunk)}.safetensors"
            prints = _read(path, len(chunk))
            if prints is None:
                # Several processes of one command ask for the same corpus at once.
                with lock(path.with_suffix(".lock"), wait=True):
                    prints = _read(path, len(chunk)) or _compute(chunk, path, progress)
                path.with_suffix(".lock").unlink(missing_ok=True)
            else:
                progress.update(float((chunk["frames"] / chunk["sample_rate"]).sum()))
            yield Chunk(ids=chunk["id"].astype(str).tolist(), prints=prints)


def _key(chunk: pd.DataFrame) -> str:
    return blake2b("\n".join([FORMAT, *chunk["audio_hash"]]).encode(), digest_size=16).hexdigest()


def _compute(chunk: pd.DataFrame, path: Path, progress: "tqdm[None]") -> Fingerprints:
    """Computes what is not kept; of a file that cannot be read, the fingerprint is empty."""
    parts: list[tuple[Bits, npt.NDArray[np.bool_]] | None] = []
    durations = chunk["frames"] / chunk["sample_rate"]
    # Threads, not processes: decoding, resampling and transforming release the interpreter lock.
    pool = ThreadPoolExecutor(num_threads())
    try:
        found = pool.map(_fingerprint, chunk.itertuples())
        for one, duration in zip(found, durations, strict=True):
            parts.append(one)
            progress.update(float(duration))
    finally:
        pool.shutdown(cancel_futures=True)
    empty = np.empty(0, np.uint32), np.empty(0, np.bool_)
    prints = concatenate([one or empty for one in parts])
    if all(one is not None for one in parts):
        with replaced(path) as beside:
            save_file(
                {"bits": prints.bits, "heard": prints.heard, "lengths": prints.lengths}, beside
            )
    return prints


def _fingerprint(row: Utterance) -> tuple[Bits, npt.NDArray[np.bool_]] | None:
    """Returns the fingerprint of one utterance, or None if its file cannot be read."""
    try:
        return fingerprint(read_waveform(row))
    except AudioError:
        return None


def _read(path: Path, num_utterances: int) -> Fingerprints | None:
    """Returns what `_compute` kept, or None if it is absent or damaged."""
    try:
        with safe_open(path, framework="numpy") as file:
            prints = Fingerprints(
                **{name: file.get_tensor(name) for name in ("bits", "heard", "lengths")}
            )
    except (OSError, SafetensorError, KeyError):
        return None
    fits = len(prints.lengths) == num_utterances and prints.lengths.sum() == len(prints.bits)
    return prints if fits and len(prints.bits) == len(prints.heard) else None
