"""Tensors of all segments of a corpus: computed once, kept on disk, mapped into memory.

Shapes: N segments of all utterances, B segments of a batch.

What is read back is a mapping of the file: processes that work on different folds share it.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from mfsn.data.faults import FaultSettings
from mfsn.data.head_inputs import InputSettings
from mfsn.data.segments import Segments
from pretrain.data.audio.waveforms import Waveform, read_waveform
from pretrain.data.tables.utterances import table_hash
from pretrain.shared.json_files import hash_of
from pretrain.shared.kept_tensors import Parts, TensorFile, Tensors
from pretrain.shared.numbers_version import kept_as
from probe.features.utterance_features import ids_hash

BATCH_SEGMENTS = 20
"""Segments that are computed together: one minute of audio."""

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
    file = TensorFile(
        path=folder / f"{name}.safetensors",
        of=ids_hash(table["id"].astype(str)),
        is_mapped=True,
    )
    return file.read_or_make(
        lambda: _compute(table, segments, source, file),
        waiting=f"Waiting for another process that computes the segments: {source.name}",
    )


def _compute(
    table: pd.DataFrame, segments: Segments, source: SegmentSource, file: TensorFile
) -> Tensors:
    with (
        Parts(file, len(segments)) as parts,
        tqdm(
            total=len(segments),
            initial=parts.num_done,
            unit="segment",
            desc=f"segments: {source.name}",
        ) as progress,
    ):
        for first, last in _batches(segments, parts.num_done):
            parts.add(source([_cut(table, segments, place) for place in range(first, last)]))
            progress.update(parts.num_done - progress.n)
    return parts.rows


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
