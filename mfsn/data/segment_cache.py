"""Tensors of all segments of a corpus: computed once, kept on disk, mapped into memory.

Shapes: N segments of all utterances, B segments of a batch.

What is read back is a mapping of the file: processes that work on different folds share it.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import rmtree
from typing import Protocol

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from mfsn.data.faults import FaultSettings
from mfsn.data.head_inputs import InputSettings
from mfsn.data.segments import Segments
from pretrain.config.settings import hash_of
from pretrain.data.audio.waveforms import Waveform, read_waveform
from pretrain.data.tables.utterances import table_hash
from pretrain.shared.atomic_files import replaced
from pretrain.shared.locks import lock
from pretrain.shared.numbers_version import kept_as
from probe.features.utterance_features import ids_hash

BATCH_SEGMENTS = 20
"""Segments that are computed together: one minute of audio."""

SAVE_EVERY_SECONDS = 20.0
"""What is computed is kept at least this often, so that Ctrl-C loses little."""

FORMAT = kept_as("audio", "encoder", "segments")
"""Part of every file name: numbers of another way of computing are not reused."""

LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True, kw_only=True)
class CutUtterance:
    """An utterance and its segments."""

    id: str
    waveform: Waveform
    """(S,) at 16 kHz"""

    bounds: list[tuple[int, int]]
    """Start and stop of every segment, in samples."""


class SegmentSource(Protocol):
    """Turns utterances into tensors with one row per segment."""

    name: str
    """For the progress bar."""

    key: str
    """Hash of everything that its numbers depend on besides corpus, inputs and faults."""

    def __call__(self, utterances: list[CutUtterance]) -> dict[str, Tensor]:
        """Returns (B, ...) tensors on the CPU, B segments of all utterances in order."""
        ...


def halved(tensor: Tensor) -> Tensor:
    """Returns float16 where all numbers fit into it, else what was given."""
    return tensor.half() if float(tensor.abs().max()) < LARGEST_HALF else tensor


def kept_tensors(
    table: pd.DataFrame,
    segments: Segments,
    source: SegmentSource,
    inputs: InputSettings,
    faults: FaultSettings,
    folder: Path,
) -> dict[str, Tensor]:
    """Returns the source's (N, ...) tensors of a table in order of id.

    They are kept in `folder`; a later call maps them, and one that another process makes meanwhile
    waits for it. An interrupted call leaves what it has done, and the next one goes on from there.
    """
    how = asdict(inputs) | {**asdict(faults), "test_selection": False}
    name = f"{source.key}-{table_hash(table)[:16]}-{hash_of(how)[:16]}-{FORMAT}"
    path = folder / f"{name}.safetensors"
    ids = ids_hash(table["id"].astype(str))
    if (found := _read(path, ids)) is not None:
        return found
    waiting = f"Waiting for another process that computes the segments: {source.name}"
    with lock(folder / f".{name}.lock", wait=True, said_when_waiting=waiting):
        if (found := _read(path, ids)) is None:
            parts = folder / f"{name}.parts"
            _write(path, _compute(table, segments, source, parts, ids), ids)
            rmtree(parts, ignore_errors=True)
            found = _read(path, ids)
    assert found is not None, f"{path} cannot be read back"
    return found


def _compute(
    table: pd.DataFrame, segments: Segments, source: SegmentSource, parts: Path, ids: str
) -> dict[str, Tensor]:
    rows: dict[str, Tensor] = {}
    done = 0
    while (part := _read(parts / f"{done:08d}.safetensors", ids)) is not None:
        _put(rows, part, done, len(segments))
        done += len(next(iter(part.values())))
    kept = done
    started = time.monotonic()
    with tqdm(
        total=len(segments), initial=done, unit="segment", desc=f"segments: {source.name}"
    ) as progress:
        try:
            for first, last in _batches(segments, done):
                utterances = [_cut(table, segments, place) for place in range(first, last)]
                batch = source(utterances)
                _put(rows, batch, done, len(segments))
                done = int(segments.first[last])
                progress.update(done - progress.n)
                if time.monotonic() - started > SAVE_EVERY_SECONDS:
                    _keep(parts, rows, kept, done, ids)
                    kept, started = done, time.monotonic()
        except BaseException:
            _keep(parts, rows, kept, done, ids)
            raise
    return rows


def _batches(segments: Segments, done: int) -> Iterator[tuple[int, int]]:
    """Yields utterances `first` to `last` (excluded) from segment `done` on.

    They are the same after an interruption, because a part ends where a batch ends.
    """
    num_utterances = len(segments.first) - 1
    first = int(segments.first.searchsorted(done))
    while first < num_utterances:
        last = first + 1
        while (
            last < num_utterances
            and segments.first[last + 1] - segments.first[first] <= BATCH_SEGMENTS
        ):
            last += 1
        yield first, last
        first = last


def _cut(table: pd.DataFrame, segments: Segments, place: int) -> CutUtterance:
    row = table.iloc[place]
    chosen = slice(segments.first[place], segments.first[place + 1])
    bounds = zip(segments.start[chosen].tolist(), segments.stop[chosen].tolist(), strict=True)
    return CutUtterance(id=str(row["id"]), waveform=read_waveform(row), bounds=list(bounds))


def _put(rows: dict[str, Tensor], batch: dict[str, Tensor], start: int, total: int) -> None:
    """Puts a batch at its place among the N rows, in the wider of the two types."""
    for name, values in batch.items():
        if name not in rows:
            rows[name] = torch.empty((total, *values.shape[1:]), dtype=values.dtype)
        rows[name] = rows[name].to(torch.promote_types(rows[name].dtype, values.dtype))
        rows[name][start : start + len(values)] = values


def _keep(parts: Path, rows: dict[str, Tensor], start: int, stop: int, ids: str) -> None:
    if stop > start:
        part = {name: values[start:stop] for name, values in rows.items()}
        _write(parts / f"{start:08d}.safetensors", part, ids)


def _write(path: Path, tensors: dict[str, Tensor], ids: str) -> None:
    """Writes to the side, then renames: a file is complete or absent."""
    with replaced(path) as beside:
        save_file({name: t.contiguous() for name, t in tensors.items()}, beside, {"ids": ids})


def _read(path: Path, ids: str) -> dict[str, Tensor] | None:
    """Maps what `_write` wrote for the same ids, or None if it is absent or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            if file.metadata()["ids"] != ids:
                return None
            return {name: file.get_tensor(name) for name in file.keys()} or None  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError):
        return None
