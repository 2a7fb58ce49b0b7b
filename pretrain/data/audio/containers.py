"""Where a container says that its sound is, and what follows behind it.

RIFF (WAV, RF64, BW64), AIFF, CAF and Wave64 consist of chunks (name, size, content); AU and NIST
SPHERE of one header and the sound.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

UNKNOWN_32_BIT = 0x7FFF_0000
"""Programs that write to a pipe put in a size near 2^31 or 2^32, or 0."""

TAGS = (b"ID3", b"TAG", b"APET", b"LYRI")
"""Beginnings of tags that programs append to any file."""

CUT_CHUNKS = (b"LIST", b"INFO", b"id3 ", b"ID3 ", b"bext", b"cue ", b"fact", b"JUNK", b"_PMX")
"""Chunks that may be the last one and be cut without a loss of sound."""

MAX_ZEROS_READ = 1 << 24


@dataclass(frozen=True)
class _Chunks:
    """How a container of chunks is written."""

    first: int
    """Bytes before the first chunk."""
    id_bytes: int
    size_bytes: int
    little: bool
    sound_id: bytes
    before_sound: int = 0
    """Bytes of the sound's chunk before the sound."""
    header_counts: bool = False
    """Whether a chunk's size includes its name and size."""
    alignment: int = 2


_RIFF = _Chunks(12, 4, 4, True, b"data")
_WAVE64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_KINDS = {
    b"RIFF": _RIFF,
    b"RF64": _RIFF,
    b"BW64": _RIFF,
    b"RIFX": _Chunks(12, 4, 4, False, b"data"),
    b"FORM": _Chunks(12, 4, 4, False, b"SSND", before_sound=8),
    b"caff": _Chunks(8, 4, 8, False, b"data", before_sound=4, alignment=1),
    b"riff": _Chunks(
        40, 16, 8, True, b"data" + _WAVE64_TAIL, header_counts=True, alignment=8
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sound:
    """The sound of a file, as its header says."""

    path: str
    magic: bytes
    start: int
    """In bytes, of the file."""
    size: int
    """In bytes; 0 where the header says 0 or "unknown"."""
    file_size: int

    @property
    def is_little_endian(self) -> bool:
        """Of samples, where the header has no word on that."""
        return self.magic == b"dns." or (self.magic in _KINDS and _KINDS[self.magic].little)

    @property
    def num_bytes_behind(self) -> int:
        """Bytes of the file behind the sound."""
        return max(0, self.file_size - self.start - self.size)

    def is_joined(self) -> bool:
        """Whether another file of this kind begins right behind the sound."""
        with open(self.path, "rb") as file:
            return _read(file, self.start + self.size, 4) == self.magic

    def followed_by_sound(self) -> bool:
        """Whether what is behind the sound is neither chunks, nor tags, nor zeros: then it can only
        be sound that the header does not count."""
        end, left = self.start + self.size, self.num_bytes_behind
        if not left:
            return False
        with open(self.path, "rb") as file:
            if _read(file, end, 4).startswith(TAGS):
                return False
            kind = _KINDS.get(self.magic)
            if kind is not None:
                padded = -(-end // kind.alignment) * kind.alignment
                if any(_is_chain(file, at, self.file_size, kind) for at in {end, padded}):
                    return False
            file.seek(end)
            return left > MAX_ZEROS_READ or any(file.read(left))


def sound_of(path: str) -> Sound | None:
    """Returns where the sound is; None for files of another kind or without sound."""
    file_size = os.path.getsize(path)
    with open(path, "rb") as file:
        magic = _read(file, 0, 4)
        if magic in (b".snd", b"dns."):
            start, size = struct.unpack("<II" if magic == b"dns." else ">II", _read(file, 4, 8))
        elif magic == b"NIST":
            start, size = _nist(_read(file, 0, 1024))
        elif magic in _KINDS:
            start, size = _find_sound(file, file_size, _KINDS[magic])
        else:
            return None
    if not start:
        return None
    known = 0 if UNKNOWN_32_BIT <= size <= 0xFFFF_FFFF and start + size > file_size else size
    return Sound(path=path, magic=magic, start=start, size=max(0, known), file_size=file_size)


def _find_sound(file: BinaryIO, file_size: int, kind: _Chunks) -> tuple[int, int]:
    """Returns start and size of the sound, 0 and 0 where there is no such chunk."""
    true_size = 0
    for place, name, size in _walk(file, kind.first, file_size, kind):
        if name == b"ds64":
            true_size = int.from_bytes(_read(file, place + 8, 8), "little")
        if name == kind.sound_id:
            size = true_size if size == 0xFFFF_FFFF and true_size else size
            unknown = kind.size_bytes == 8 and size >= 1 << 62
            inside = 0 if unknown else max(0, size - kind.before_sound)
            return place + kind.before_sound, inside
    return 0, 0


def _is_chain(file: BinaryIO, at: int, file_size: int, kind: _Chunks) -> bool:
    """Whether nothing but chunks follow from `at` on, the last one of them cut at most."""
    for place, name, size in _walk(file, at, file_size, kind):
        if not all(0x20 <= byte <= 0x7E for byte in name[:4]) or name[:4] in _KINDS:
            return False
        if place + size > file_size and name[:4] not in CUT_CHUNKS:
            return False
    return True


def _walk(
    file: BinaryIO, at: int, file_size: int, kind: _Chunks
) -> Iterator[tuple[int, bytes, int]]:
    """Yields place of the content, name, and size of the content of the chunks from `at` on."""
    header = kind.id_bytes + kind.size_bytes
    while at + header <= file_size:
        name = _read(file, at, kind.id_bytes)
        order: Literal["little", "big"] = "little" if kind.little else "big"
        size = int.from_bytes(_read(file, at + kind.id_bytes, kind.size_bytes), order)
        size = max(0, size - (header if kind.header_counts else 0))
        yield at + header, name, size
        at += -(-(header + size) // kind.alignment) * kind.alignment


def _nist(header: bytes) -> tuple[int, int]:
    """Returns start and size of the sound of a NIST SPHERE file that is not compressed."""
    lines = header.decode("latin-1").splitlines()
    fields = dict(line.split(" ", 2)[::2] for line in lines[2:] if line.count(" ") >= 2)
    try:
        frames, channels = int(fields["sample_count"]), int(fields.get("channel_count", "1"))
        return int(lines[1]), frames * channels * int(fields.get("sample_n_bytes", "2"))
    except (KeyError, ValueError, IndexError):
        return 0, 0


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
