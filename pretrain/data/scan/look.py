"""Looks at one file, or one stretch of it: length, rate, loudness, hash, or why it is unusable."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from pretrain.data.audio.length_faults import length_fault, ogg_is_cut
from pretrain.data.audio.sound_file import AudioError, AudioFile
from pretrain.data.audio.waveforms import AudioHasher, Waveform, mixed, to_16k_blocks

OVERSHOOT_SECONDS = 0.02
"""An encoder frame. Ends that are rounded to milliseconds lie behind the end of their file by less;
what lies farther is a wrong time."""


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


DTYPES: dict[type, str] = {int: "int64", float: "float64", str: "str"}
FACTS = {name: DTYPES[type(value)] for name, value in asdict(Facts()).items()}
"""Name to type in a table."""


def look(path: str, offset: int, wanted: int) -> Facts:
    """Decodes `wanted` frames (0 = all the rest) of a file and returns what it finds."""
    try:
        with AudioFile(path) as file:
            facts = _heard(file, offset, wanted)
        if ogg_is_cut(path):
            raise AudioError("truncated: the last page of the Ogg file is incomplete")
        if facts.error:
            return facts
        fault = "" if wanted else length_fault(file, offset + facts.frames)
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


def without_overshoot(path: str, offset: int, wanted: int) -> int:
    """Returns `wanted` frames (0 = all the rest), or those up to the end of the file where that is
    less than `OVERSHOOT_SECONDS` before."""
    if not wanted:
        return wanted
    try:
        with AudioFile(path) as file:
            said, sample_rate = file.said_frames, file.sample_rate
    except AudioError:
        return wanted
    missing = offset + wanted - said if said else 0
    is_rounding = 0 < missing < min(OVERSHOOT_SECONDS * sample_rate, wanted)
    return wanted - missing if is_rounding else wanted


class Moments:
    """Variance of C columns in float64, merged block by block (Chan, Golub, LeVeque 1979)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: npt.NDArray[np.float64] = np.zeros(())
        self._squares: npt.NDArray[np.float64] = np.zeros(())

    def update(self, block: npt.NDArray[np.floating]) -> None:
        """Adds (F, C) or (F,) numbers."""
        if not len(block):
            return
        count = len(block)
        mean = block.mean(axis=0, dtype=np.float64)
        squares = count * block.var(axis=0, dtype=np.float64)
        total = self._count + count
        step = mean - self._mean
        self._squares = self._squares + squares + step**2 * (self._count * count / total)
        self._mean = self._mean + step * (count / total)
        self._count = total

    def variance(self) -> npt.NDArray[np.float64]:
        """Returns (C,) or (), 0 of nothing."""
        return self._squares / max(1, self._count)
