"""Audio files to 16 kHz mono: decoding, resampling, exact lengths, hashes.

S samples at 16 kHz, F frames at the file's own rate, H channels.
"""

import hashlib
import os
import re
from typing import Any, Protocol

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""Endings, in lower case, of the files that count as audio."""

Waveform = NDArray[np.float32]


class AudioError(ValueError):
    """An audio file cannot be used; the message is the reason, without the path."""


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
    path, frames = str(row.path), int(row.frames)
    try:
        samples, sample_rate = decode(path, offset=int(row.offset), frames=frames)
        if sample_rate != int(row.sample_rate):
            raise AudioError(f"sample rate is {sample_rate} Hz, the table says {row.sample_rate}")
    except AudioError as error:
        raise AudioError(
            f"{path}: {error}. The file has changed since the corpus was read; start again."
        ) from error
    return to_16k_mono(samples, sample_rate)


def decode(path: str, *, offset: int = 0, frames: int = 0) -> tuple[Waveform, int]:
    """Returns samples (F, H) and rate in Hz of a file from frame `offset` on.

    `frames` = 0 reads to the end. Raises `AudioError` when the file cannot be read or holds less
    than was asked for, or less than its own header promises.
    """
    try:
        # Bytes, because soundfile refuses names that are not UTF-8 (Windows has only text).
        with soundfile.SoundFile(path if os.name == "nt" else os.fsencode(path)) as file:
            promised = file.frames
            if offset >= promised > 0 or offset + frames > promised > 0:
                raise AudioError(f"has {promised} frames, but {offset} + {frames} were asked for")
            if offset:
                file.seek(offset)
            samples: Waveform = file.read(frames or -1, dtype="float32", always_2d=True)
            sample_rate, information = int(file.samplerate), str(file.extra_info)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        raise AudioError(_reason(path, error)) from error
    expected = frames or promised - offset
    if len(samples) < expected:
        raise AudioError(f"truncated: {len(samples)} of {expected} frames could be decoded")
    # libsndfile shortens a cut WAV silently and says so only in its log. Programs that write to a
    # pipe cannot know the size and put in one near 2^31 or 2^32: that is no cut.
    told = re.search(r"^data : (\d+) \(should be (\d+)\)", information, flags=re.MULTILINE)
    if told and int(told[2]) < int(told[1]) < 0x7FFF_0000:
        raise AudioError(f"truncated: {told[2]} of {told[1]} bytes of sound are there")
    return samples, sample_rate


def to_16k_mono(samples: Waveform, sample_rate: int) -> Waveform:
    """Returns (F, H) samples as (S,) float32 at 16 kHz, S = `num_samples_16k(F, sample_rate)`."""
    mono: Waveform = samples[:, 0]
    if samples.shape[1] > 1:
        mono = samples.mean(axis=1, dtype=np.float32)
    if sample_rate != SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, sample_rate, SAMPLE_RATE_HZ)
        # soxr rounds as `num_samples_16k` does; this keeps the promise should a version not.
        missing = num_samples_16k(len(samples), sample_rate) - len(mono)
        mono = np.pad(mono, (0, missing)) if missing > 0 else mono[: len(mono) + missing]
    return np.ascontiguousarray(mono, dtype=np.float32)


def audio_hash(waveform: Waveform) -> str:
    """Returns a hash of a finite (S,) waveform, rounded to steps of 2^-15.

    So a FLAC copy of a 16-bit file equals it; 32-bit integers leave room for float files beyond
    full scale. Lossless 16 kHz files have one hash everywhere; lossy or resampled ones may have
    another where the decoder or resampler was built for another processor.
    """
    limit = np.float32(2**16 - 1)  # times 32768 it stays below 2^31
    steps = np.clip(waveform, -limit, limit)
    steps *= np.float32(32768)
    whole = np.rint(steps, out=steps).astype("<i4")
    return hashlib.blake2b(whole.data, digest_size=16).hexdigest()


def _reason(path: str, error: Exception) -> str:
    if not os.path.exists(path):
        return "file not found"
    if os.path.isdir(path):
        return "is a folder, not a file"
    if os.path.getsize(path) == 0:
        return "empty file (0 bytes)"
    if not os.access(path, os.R_OK):
        return "no permission to read it"
    text = str(getattr(error, "error_string", "") or error)
    return f"cannot be decoded: {' '.join(text.split()).rstrip('.')}"


def ogg_is_cut(path: str) -> bool:
    """Tells whether the last page of an Ogg file (RFC 3533) is incomplete.

    libsndfile plays a cut Vorbis stream as a shorter one, without a word. False for other files.
    """
    max_page_bytes = 27 + 255 + 255 * 255
    with open(path, "rb") as file:
        if file.read(4) != b"OggS":
            return False
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - max_page_bytes))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    num_lengths = page[26]
    return len(page) < 27 + num_lengths + sum(page[27 : 27 + num_lengths])
