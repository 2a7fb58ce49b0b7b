"""Frame states of all layers of a frozen encoder: computed once, kept on disk, mapped into memory.

Shapes: N utterances, B utterances of a batch, S samples, T frames of a batch, M frames of a shard,
L layers, D channels.

The folder of a corpus holds shards of two minutes of audio each. A shard is complete or absent,
and they are never joined: memory stays small whatever the size of the corpus, and an interrupted
call loses at most one shard.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import normalize_waveform
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.errors import InputError
from pretrain.shared.kept_tensors import TensorFile, Tensors
from pretrain.shared.numbers_version import kept_as
from pretrain.shared.processes.locks import lock
from probe.features.baselines import HOP_SAMPLES, LOG_MEL, NUM_MELS, WINDOW_SAMPLES, LogMelFeatures
from probe.features.batches import (
    IndexArray,
    Lengths,
    batches,
    lengths_16k,
    longest_first,
    read_batch,
)
from probe.features.utterance_features import ids_hash, recordings_hash

SHARD_SECONDS = 120.0
"""Most audio in a shard."""

FORMAT = kept_as("audio", "encoder", "frames")
"""Part of every folder's name: frames of another way of computing are not reused."""

LARGEST_HALF = torch.finfo(torch.float16).max


class FrameRoomError(InputError):
    """Frames do not fit on the disk."""


class FrameSource(Protocol):
    """Turns a batch of waveforms into the frames of every layer."""

    name: str
    """For the progress bar."""

    key: str
    """Hash of everything that its numbers depend on, fit for a file name."""

    numbers_per_frame: int
    """L times D."""

    def prepare(self, waveform: Waveform) -> Waveform:
        """(S,) as it was recorded -> as it is heard, of the same length."""
        ...

    def num_frames(self, num_samples: Tensor) -> Tensor:
        """Returns how many frames utterances of so many samples have."""
        ...

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, S) prepared and zero-padded, (B,) -> L times (B, T, D) float32, (B,) frames."""
        ...


class EncoderFrames:
    """Every layer of a frozen encoder."""

    def __init__(self, encoder: FrozenEncoder) -> None:
        self._encoder = encoder
        self.name, self.key = encoder.name, encoder.key
        self.prepare, self.num_frames = encoder.prepare, encoder.num_frames
        self.numbers_per_frame = (encoder.num_layers + 1) * encoder.dim

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> tuple[list[Tensor], Tensor]:
        output = self._encoder(waveforms, num_samples)
        return [layer.float().cpu() for layer in output.layers], output.num_frames.cpu()


class LogMelFrames:
    """80 log-mel bands (25 ms, 10 ms) as one layer: frames of what `LogMelFeatures` summarises."""

    name = LOG_MEL
    key = LogMelFeatures.key
    prepare = staticmethod(normalize_waveform)
    numbers_per_frame = NUM_MELS

    def __init__(self) -> None:
        self._mel = LogMelFeatures()

    def num_frames(self, num_samples: Tensor) -> Tensor:
        return (num_samples - WINDOW_SAMPLES) // HOP_SAMPLES + 1

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> tuple[list[Tensor], Tensor]:
        """(B, S), (B,) -> [(B, T, 80)], (B,)"""
        return [self._mel.logs(waveforms).mT], self.num_frames(num_samples)


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Frame states of N utterances, in order of the table."""

    shards: list[Tensor]
    """(L, M, D) each, float16 (float32 where a number does not fit), mapped from disk."""

    shard: IndexArray
    """(N,) the shard that an utterance is in."""

    first: IndexArray
    """(N,) its first frame there."""

    num_frames: IndexArray
    """(N,) its number of valid frames. Nothing else is kept."""

    @property
    def num_layers(self) -> int:
        return len(self.shards[0])

    @property
    def dim(self) -> int:
        return self.shards[0].shape[2]

    def of(self, row: int) -> Tensor:
        """Returns the (L, m, D) frames of an utterance, a view of the file."""
        first = int(self.first[row])
        return self.shards[int(self.shard[row])][:, first : first + int(self.num_frames[row])]


def kept_frames(table: pd.DataFrame, source: FrameSource, folder: Path) -> Frames:
    """Returns the frames of the utterances, in order of the table.

    They are kept in `folder` under the source's key and the hash of the recordings. A later call
    maps them; one that another process computes meanwhile waits for it.

    Raises:
        ValueError: An utterance is shorter than one frame, its frames are not finite, or the disk
            has no room for them.
    """
    by_id = table.sort_values("id", kind="stable").reset_index(drop=True)
    lengths = lengths_16k(by_id)
    plan = _shards(longest_first(lengths), lengths)  # ties by id: shards are always the same
    name = f"{source.key}-{recordings_hash(by_id)[:16]}-{FORMAT}.frames"
    waiting = f"Waiting for another process that computes the frames of {source.name}"
    with lock(folder / f".{name}.lock", wait=True, said_when_waiting=waiting):
        files = [_shard_file(folder / name, n, by_id, rows) for n, rows in enumerate(plan)]
        found = [file.read() for file in files]
        if any(shard is None for shard in found):
            _compute(by_id, lengths, source, files, plan, found)
    where = {str(utterance): place for place, utterance in enumerate(by_id["id"])}
    rows_by_id = np.array([where[str(utterance)] for utterance in table["id"]], dtype=np.intp)
    shard_of, first, count = (np.zeros(len(by_id), dtype=np.intp) for _ in range(3))
    shards = []
    for place, (rows, shard) in enumerate(zip(plan, found, strict=True)):
        assert shard is not None
        shards.append(shard["frames"])
        shard_of[rows], count[rows] = place, shard["num_frames"].numpy()
        first[rows] = np.cumsum(count[rows]) - count[rows]
    return Frames(
        shards=shards,
        shard=shard_of[rows_by_id],
        first=first[rows_by_id],
        num_frames=count[rows_by_id],
    )


def _shards(order: IndexArray, lengths: Lengths) -> list[IndexArray]:
    """Cuts the utterances into runs of at most `SHARD_SECONDS` of audio."""
    pieces, start, used = [], 0, 0
    for place, row in enumerate(order):
        if place > start and used + lengths[row] > SHARD_SECONDS * SAMPLE_RATE_HZ:
            pieces.append(order[start:place])
            start, used = place, 0
        used += int(lengths[row])
    return [*pieces, order[start:]]


def _compute(
    table: pd.DataFrame,
    lengths: Lengths,
    source: FrameSource,
    files: list[TensorFile],
    plan: list[IndexArray],
    found: list[Tensors | None],
) -> None:
    """Fills the gaps of `found`."""
    missing = np.concatenate([r for r, s in zip(plan, found, strict=True) if s is None])
    _check_room(lengths[missing], source, files[0].path.parent)
    there = sum(
        float(lengths[rows].sum()) for rows, s in zip(plan, found, strict=True) if s is not None
    )
    with tqdm(
        total=float(lengths.sum()) / SAMPLE_RATE_HZ + 1e-3,
        initial=there / SAMPLE_RATE_HZ,
        unit="s",
        desc=f"frames of {source.name}",
        bar_format="{desc}: {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s of audio, "
        "{elapsed}<{remaining}",
    ) as progress:
        for place, rows in enumerate(plan):
            if found[place] is not None:
                continue
            pieces: list[Tensor] = []
            for batch in batches(rows, lengths):
                pieces += _run(table, source, batch)
            frames = torch.cat(pieces, dim=1)
            if float(frames.abs().max()) < LARGEST_HALF:
                frames = frames.half()
            num_frames = torch.tensor([piece.shape[1] for piece in pieces])
            files[place].write({"frames": frames, "num_frames": num_frames})
            found[place] = files[place].read()
            assert found[place] is not None, f"{files[place].path} cannot be read back"
            progress.update(float(lengths[rows].sum()) / SAMPLE_RATE_HZ)


def _check_room(lengths: Lengths, source: FrameSource, folder: Path) -> None:
    """Says how much will be written, and refuses it where the disk is too small."""
    num_frames = int(source.num_frames(torch.from_numpy(lengths)).sum())
    bytes_needed = 2 * num_frames * source.numbers_per_frame  # float16
    there = next(parent for parent in folder.absolute().parents if parent.exists())
    free = shutil.disk_usage(there).free
    if bytes_needed > free:
        raise FrameRoomError(
            f"The frames of {source.name} take {bytes_needed / 1e9:.2f} GB, but {there} has "
            f"{free / 1e9:.2f} GB free instead: make room, or keep features elsewhere "
            "(--features)."
        )
    print(f"Frames of {source.name}: {bytes_needed / 1e9:.2f} GB in {folder}", flush=True)


def _run(table: pd.DataFrame, source: FrameSource, batch: IndexArray) -> list[Tensor]:
    """Returns the (L, m, D) valid frames of every utterance of the batch."""
    layers, num_frames = source(*read_batch(table, batch, source.prepare))
    pieces = []
    for row, (utterance, count) in enumerate(
        zip(table["id"].iloc[batch], num_frames.tolist(), strict=True)
    ):
        piece = torch.stack([layer[row, :count] for layer in layers])
        if not piece.isfinite().all():
            raise InputError(
                f"The frames of {source.name} are not finite for utterance {utterance!r}: "
                "its weights are damaged, or its training diverged."
            )
        pieces.append(piece)
    return pieces


def _shard_file(folder: Path, place: int, table: pd.DataFrame, rows: IndexArray) -> TensorFile:
    return TensorFile(
        path=folder / f"{place:05d}.safetensors",
        of=ids_hash(table["id"].iloc[rows].astype(str)),
        names=["frames", "num_frames"],
        fits=lambda shard: (
            len(shard["num_frames"]) == len(rows)
            and int(shard["num_frames"].sum()) == shard["frames"].shape[1]
        ),
        is_mapped=True,
    )
