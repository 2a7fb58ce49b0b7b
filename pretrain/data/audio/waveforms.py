"""Audio files to 16 kHz mono: resampling, exact lengths, windows, limits, hashes.

S samples at 16 kHz, F frames at the file's own rate, H channels.
"""

import hashlib
from collections.abc import Iterable, Iterator
from math import ceil, gcd
from typing import Any, Protocol

import numpy as np
import pandas as pd
import soxr

from pretrain.data.audio.sound_file import AudioError as AudioError
from pretrain.data.audio.sound_file import AudioFile
from pretrain.data.audio.sound_file import Waveform as Waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.shared.errors import InputError

WHOLE_SECONDS = 60.0
"""Utterances at other rates up to this length are resampled as a whole, longer ones by windows."""

WINDOW_MARGIN_SECONDS = 0.25
"""What a window is resampled with on both sides; the resampler's filter is shorter."""

MAX_WHOLE_SECONDS = 120.0
"""An encoder's memory grows with the square of the length: two minutes take some GB, twenty minutes
would take hundreds. Pre-training cuts crops, and MFSN segments, from any length."""


class Utterance(Protocol):
    """What is read of a row of the utterance table (a Series or an `itertuples` row)."""

    @property
    def path(self) -> Any: ...
    @property
    def offset(self) -> Any: ...
    @property
    def frames(self) -> Any: ...
    @property
    def sample_rate(self) -> Any: ...


def num_samples_16k(frames: int, sample_rate: int) -> int:
    """Returns the exact S of `read_waveform`: F x 16000 / rate, a half rounded up."""
    return (2 * int(frames) * SAMPLE_RATE_HZ + int(sample_rate)) // (2 * int(sample_rate))


def read_waveform(row: Utterance) -> Waveform:
    """Returns the utterance of a table row as (S,) float32 at 16 kHz, the mean of its channels.

    Raises `AudioError`, naming the file, when it is no longer what the table says.
    """
    return _read_stretch(row, 0, int(row.frames))


def check_whole(table: pd.DataFrame) -> None:
    """Raises `ValueError`, naming the longest, when utterances of a table are too long."""
    seconds = table["frames"] / table["sample_rate"]
    num_long = int((seconds > MAX_WHOLE_SECONDS).sum())
    if not num_long:
        return
    longest = table.iloc[int(seconds.to_numpy().argmax())]
    others = f" ({num_long - 1} more are above the limit)" if num_long > 1 else ""
    raise InputError(
        f"{longest['source']}: an utterance must be at most {MAX_WHOLE_SECONDS:g} s long where an "
        f"encoder takes it as a whole, but {longest['id']} is {seconds.max():.0f} s long "
        f"instead{others}; the file is {longest['path']}. Cut it: in a manifest give each part a "
        "row with its first frame, `offset`, and their number, `frames`; in an audformat table "
        "`start` and `end`."
    )


def read_window(row: Utterance, start: int, stop: int) -> Waveform:
    """Returns samples `start` to `stop` (excluded, at most S) of `read_waveform(row)`.

    Of a long recording only the window is decoded (of MP3 all before it, too). Of files at 16 kHz
    it is the same to the bit. At other rates, in utterances above `WHOLE_SECONDS`, a resampler that
    begins elsewhere rounds differently: 3e-7 at usual rates, 2e-5 at odd ones; it depends on row,
    `start` and `stop` only. Raises as `read_waveform` does.
    """
    frames, rate = int(row.frames), int(row.sample_rate)
    if rate == SAMPLE_RATE_HZ:
        return _read_stretch(row, start, stop)
    if frames <= WHOLE_SECONDS * rate:
        return read_waveform(row)[start:stop]
    # A frame that falls on a sample of the whole waveform, so that the window's samples do, too.
    step = rate // gcd(rate, SAMPLE_RATE_HZ)
    margin = WINDOW_MARGIN_SECONDS * rate
    first = max(0, int(start * rate / SAMPLE_RATE_HZ - margin)) // step * step
    last = min(frames, ceil(stop * rate / SAMPLE_RATE_HZ + margin))
    skipped = first * SAMPLE_RATE_HZ // rate
    return _read_stretch(row, first, last)[start - skipped : stop - skipped]


def _read_stretch(row: Utterance, first: int, last: int) -> Waveform:
    """Returns frames `first` to `last` of an utterance at 16 kHz."""
    path, offset = str(row.path), int(row.offset)
    try:
        with AudioFile(path) as file:
            if file.sample_rate != int(row.sample_rate):
                raise AudioError(
                    f"sample rate is {file.sample_rate} Hz, the table says {row.sample_rate}"
                )
            said = file.said_frames
            if said is not None and offset + int(row.frames) > said:
                raise AudioError(f"has {said} frames, but {offset} + {row.frames} were asked for")
            blocks = file.blocks(offset=offset + first, frames=last - first)
            return np.concatenate(list(to_16k_blocks(blocks, file.sample_rate)))
    except AudioError as error:
        raise AudioError(
            f"{path}: {error}. The file has changed since the corpus was read; start again."
        ) from error


def to_16k_mono(samples: Waveform, sample_rate: int) -> Waveform:
    """Returns (F, H) samples as (S,) float32 at 16 kHz, S = `num_samples_16k(F, sample_rate)`."""
    return np.concatenate(list(to_16k_blocks([samples], sample_rate)))


def mixed(samples: Waveform) -> Waveform:
    """Returns the mean (F,) of the channels of (F, H) samples."""
    mono: Waveform = samples[:, 0]
    if samples.shape[1] > 1:
        mono = samples.mean(axis=1, dtype=np.float32)
    return mono


def to_16k_blocks(blocks: Iterable[Waveform], sample_rate: int) -> Iterator[Waveform]:
    """Yields (F, H) blocks as (S,) blocks at 16 kHz: to the bit the same as all in one."""
    if sample_rate == SAMPLE_RATE_HZ:
        yield np.empty(0, np.float32)
        for block in blocks:
            yield np.ascontiguousarray(mixed(block), dtype=np.float32)
        return
    resampler = soxr.ResampleStream(sample_rate, SAMPLE_RATE_HZ, 1, dtype="float32")
    frames = samples = 0
    for block in blocks:
        frames += len(block)
        out = resampler.resample_chunk(np.ascontiguousarray(mixed(block), dtype=np.float32))
        samples += len(out)
        yield out
    rest = resampler.resample_chunk(np.empty(0, np.float32), last=True)
    # soxr rounds as `num_samples_16k` does; this keeps the promise should a version not.
    missing = num_samples_16k(frames, sample_rate) - samples - len(rest)
    yield np.pad(rest, (0, missing)) if missing > 0 else rest[: len(rest) + missing]


def audio_hash(waveform: Waveform) -> str:
    """Returns a hash of a finite (S,) waveform, rounded to steps of 2^-15.

    So a FLAC copy of a 16-bit file equals it; 32-bit integers leave room for float files beyond
    full scale. Lossless 16 kHz files have one hash everywhere; lossy or resampled ones may have
    another where the decoder or resampler was built for another processor.
    """
    hasher = AudioHasher()
    hasher.update(waveform)
    return hasher.hexdigest()


class AudioHasher:
    """`audio_hash` of a waveform that comes in blocks."""

    def __init__(self) -> None:
        self._hasher = hashlib.blake2b(digest_size=16)

    def update(self, waveform: Waveform) -> None:
        limit = np.float32(2**16 - 1)  # times 32768 it stays below 2^31
        steps = np.clip(waveform, -limit, limit)
        steps *= np.float32(32768)
        whole = np.rint(steps, out=steps).astype("<i4")
        self._hasher.update(whole.data)

    def hexdigest(self) -> str:
        return self._hasher.hexdigest()
