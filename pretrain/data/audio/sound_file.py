"""An audio file as a stream of blocks, in order, to where its sound really ends.

F frames at the file's own rate, H channels. A header's count of frames is a promise that is checked
where it is one, and passed over where it is a guess or unknown.
"""

import io
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from pretrain.data.audio.containers import sound_of
from pretrain.data.audio.mp3_frames import has_index
from pretrain.data.audio.unreadable import why_unreadable
from pretrain.shared.errors import InputError

Waveform = NDArray[np.float32]

BLOCK_FRAMES = 1 << 18
"""Most frames that are decoded at once, so that an hour takes no more memory than a minute."""

UNKNOWN_FRAMES = 1 << 62
"""libsndfile says 2^63 - 1 where a FLAC file does not know its length."""

OPUS_PREROLL_SECONDS = 2.0
"""Behind a seek an Opus decoder needs some packets to be where it would have been without; 80 ms by
its standard (RFC 7845), 0.5 s to be so to the bit (tried)."""

RAW_BYTES = {
    "PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4,
    "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip
"""Bytes per sample of the encodings in which every frame has its own, so that sound without a size
can be read to the file's end."""


class AudioError(InputError):
    """An audio file cannot be used; the message is the reason, without the path."""


class SequentialFile(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """Without the seek that soundfile adds to every read. It fails at the end of a FLAC file of
    unknown length and anywhere in GSM and G.721, and makes an MP3 decoder round differently."""

    def seekable(self) -> bool:
        return False


class AudioFile:
    """An audio file that is open for reading. Raises `AudioError` where it cannot be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._view: FileView | None = None
        self._file = self._open()
        self.sample_rate = int(self._file.samplerate)
        """In Hz."""
        self.num_channels = int(self._file.channels)
        self.format = str(self._file.format)
        """libsndfile's name of the container: WAV, FLAC, MP3, ..."""
        self._subtype = str(self._file.subtype)
        self.bytes_per_frame = RAW_BYTES.get(self._subtype, 0) * self.num_channels
        """0 where frames have no bytes of their own."""
        if self._file.frames == 0 and self.bytes_per_frame:
            self._open_without_size()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._view is not None:
            self._view.close()

    @property
    def said_frames(self) -> int | None:
        """F as the header says or guesses it, None where it says nothing."""
        frames = int(self._file.frames)
        return None if frames >= UNKNOWN_FRAMES else frames

    def blocks(self, *, offset: int = 0, frames: int = 0) -> Iterator[Waveform]:
        """Yields samples (at most `BLOCK_FRAMES`, H) from frame `offset` on; may be called once.

        `frames` = 0 reads to the end. Raises `AudioError`, behind the last block, when the file
        holds less than was asked for, or less than its header promises.
        """
        said = self.said_frames
        if said is not None and (offset >= said > 0 or offset + frames > said > 0):
            raise AudioError(f"has {said} frames, but {offset} + {frames} were asked for")
        self._go_to(offset)
        limit = frames or (UNKNOWN_FRAMES if said is None else said - offset)
        got = 0
        while got < limit:
            wanted = min(BLOCK_FRAMES, limit - got)
            block = self._read(wanted)
            got += len(block)
            if len(block):
                yield block
            if len(block) < wanted:
                break
        if frames and said is None and got < frames:
            raise AudioError(f"has {offset + got} frames, but {offset} + {frames} were asked for")
        # Without an index the length of an MP3 file is a guess from its first frame.
        is_guess = self.format == "MP3" and not frames and not has_index(self.path)
        if got < limit < UNKNOWN_FRAMES and not is_guess:
            raise AudioError(f"truncated: {got} of {limit} frames could be decoded")
        # libsndfile shortens a cut WAV silently and says so only in its log. Programs that write to
        # a pipe cannot know the size and put in one near 2^31 or 2^32: that is no cut.
        log = str(self._file.extra_info)
        told = re.search(r"^data : (\d+) \(should be (\d+)\)", log, flags=re.MULTILINE)
        if told and int(told[2]) < int(told[1]) < 0x7FFF_0000:
            raise AudioError(f"truncated: {told[2]} of {told[1]} bytes of sound are there")

    def _open(self) -> SequentialFile:
        try:
            mode = os.stat(self.path).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                # To open a pipe would wait for whoever writes to it.
                raise AudioError("is a pipe, a socket or a device, not a regular file")
            # Bytes, because soundfile refuses names that are not UTF-8 (Windows has only text).
            return SequentialFile(self.path if os.name == "nt" else os.fsencode(self.path))
        except (soundfile.SoundFileError, RuntimeError, OSError, TypeError) as error:
            raise AudioError(why_unreadable(self.path, error)) from error

    def _open_without_size(self) -> None:
        """Reads to the file's end where the header says 0 bytes of sound and sound follows, as a
        program leaves it that was stopped or wrote to a pipe."""
        sound = sound_of(self.path)
        if sound is None or sound.size or not sound.followed_by_sound():
            return
        little = self._file.endian == "LITTLE" or sound.is_little_endian
        self._view = FileView(self.path, start=sound.start)
        first, self._file = self._file, SequentialFile(
            self._view,
            samplerate=self.sample_rate,
            channels=self.num_channels,
            format="RAW",
            subtype=self._subtype,
            endian="LITTLE" if little else "BIG",
        )  # fmt: skip
        first.close()

    def _go_to(self, offset: int) -> None:
        """Moves to a frame such that what is read there is, to the bit, what reading from the start
        would give."""
        if not offset:
            return
        if self._subtype.startswith("MPEG"):
            # Behind a seek it misses the bits that earlier frames left for later ones.
            self._skip(offset)
            return
        preroll = 0
        if self._subtype == "OPUS":
            preroll = min(offset, int(OPUS_PREROLL_SECONDS * self.sample_rate))
        try:
            self._file.seek(offset - preroll)
        except (soundfile.SoundFileError, RuntimeError):
            # Some codecs (GSM, G.721) only go forward.
            self._file.close()
            self._file, preroll = self._open(), offset
        self._skip(preroll)

    def _skip(self, frames: int) -> None:
        while frames > 0:
            skipped = len(self._read(min(BLOCK_FRAMES, frames)))
            if not skipped:
                return
            frames -= skipped

    def _read(self, frames: int) -> Waveform:
        try:
            block: Waveform = self._file.read(frames, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError, OSError) as error:
            raise AudioError(why_unreadable(self.path, error)) from error
        return block


class FileView(io.FileIO):
    """The bytes of `path` from `start` on, those at `patch_at` replaced by `patch`: for a decoder
    that is to believe something else than the header."""

    def __init__(self, path: str, *, start: int = 0, patch_at: int = 0, patch: bytes = b"") -> None:
        super().__init__(path)
        self._size = os.fstat(self.fileno()).st_size - start
        self._start, self._patch_at, self._patch = start, patch_at, patch
        self.seek(0)

    def tell(self) -> int:
        return super().tell() - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._size}[whence]
        return super().seek(self._start + max(0, base + offset)) - self._start

    def readinto(self, buffer: Any) -> int:
        first = self._patch_at - self.tell()
        view = memoryview(buffer).cast("B")
        size = super().readinto(view) or 0
        for place, byte in enumerate(self._patch, first):
            if 0 <= place < size:
                view[place] = byte
        return size
