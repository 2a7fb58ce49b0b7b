"""Segments of a corpus: how utterances are cut, and tensors of all segments, computed once, kept on
disk and mapped into memory, so that processes that work on different folds share them.

S samples of an utterance, N segments of all utterances, B segments of a batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from mfsn.data.fold_data import IntArray
from mfsn.data.head_inputs import HOP_SAMPLES, FaultSettings, InputSettings
from pretrain.data.audio.waveforms import Waveform, read_waveform
from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES, SAMPLE_RATE_HZ
from pretrain.data.tables.utterances import table_hash
from pretrain.shared.errors import InputError
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
class Segments:
    """All N segments of a list of utterances, in order of utterance and time."""

    utterance: IntArray
    """(N,) place of the utterance in the list."""

    start: IntArray
    """(N,) first sample at 16 kHz."""

    stop: IntArray
    """(N,) sample behind the last."""

    num_samples: IntArray
    """(N,) samples that the encoders take as valid."""

    num_spectral_frames: IntArray
    """(N,) frames of spectrogram and MFCC that count as valid."""

    first: IntArray
    """(U + 1,) segments of utterance u are first[u] to first[u + 1]."""

    num_left_out: int
    """Remainders that were too short."""

    seconds_left_out: float
    """Their length together."""

    def __len__(self) -> int:
        return len(self.start)

    def summary(self) -> str:
        """Says how many there are, and what was left out for being too short."""
        return (
            f"{len(self)} segments; {self.num_left_out} remainders at the end of an utterance "
            f"({self.seconds_left_out:.1f} s in all) are too short and left out"
        )


def cut(num_samples: int, inputs: InputSettings, faults: FaultSettings) -> list[tuple[int, int]]:
    """Returns start and stop of the segments of an utterance of S samples.

    They follow each other without gap or overlap from 0 on. Only a remainder that is shorter than
    `min_tail_samples` is missing at the end, unless it is the utterance's only segment.
    """
    length = inputs.segment_samples
    bounds = [(at, min(at + length, num_samples)) for at in range(0, num_samples, length)]
    start, stop = bounds[-1]
    if len(bounds) > 1 and stop - start < inputs.min_tail_samples and not faults.tiny_tails:
        bounds.pop()
    return bounds


def make_segments(
    lengths: Sequence[int], ids: Sequence[str], inputs: InputSettings, faults: FaultSettings
) -> Segments:
    """Cuts utterances of `lengths` samples at 16 kHz. Raises `ValueError`: an utterance is shorter
    than one frame of the encoders."""
    for length, utterance in zip(lengths, ids, strict=True):
        if length < RECEPTIVE_FIELD_SAMPLES:
            raise InputError(
                f"Utterance {utterance!r} has {length} samples at 16 kHz, but one frame takes "
                f"{RECEPTIVE_FIELD_SAMPLES}: leave it out of the corpus."
            )
    bounds = [cut(length, inputs, faults) for length in lengths]
    start = np.array([start for pairs in bounds for start, _ in pairs], dtype=np.int64)
    stop = np.array([stop for pairs in bounds for _, stop in pairs], dtype=np.int64)
    counts = [len(pairs) for pairs in bounds]
    tails = [length - pairs[-1][1] for length, pairs in zip(lengths, bounds, strict=True)]
    # Frames are centred on multiples of the hop, so a frame on the very first sample is one too.
    # The frame centred behind a full segment is the first of the next one.
    num_frames = np.minimum(1 + (stop - start) // HOP_SAMPLES, inputs.num_spectral_frames)
    num_samples = np.maximum(stop - start, RECEPTIVE_FIELD_SAMPLES)
    if faults.loud_padding:
        num_frames = np.full_like(num_frames, inputs.num_spectral_frames)
    if faults.front_padded_waveform:
        num_samples = np.full_like(num_samples, inputs.segment_samples)
    return Segments(
        utterance=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        start=start,
        stop=stop,
        num_samples=num_samples,
        num_spectral_frames=num_frames,
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        num_left_out=int(np.count_nonzero(tails)),
        seconds_left_out=sum(tails) / SAMPLE_RATE_HZ,
    )


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
