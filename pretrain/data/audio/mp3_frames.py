"""Counts the frames of an MP3 file (ISO/IEC 11172-3 and 13818-3, layer III).

Only an index in the first frame (Xing, Info, VBRI) says how many there are. Without one a decoder
guesses from the size of the first frame, which is wrong for a variable bit rate; and an index
counts the first of several joined files only.
"""

import mmap
from collections.abc import Iterator

KBIT_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBIT_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""By the two bits of the version: MPEG 1, 2 and 2.5."""

INDEX_NAMES = (b"Xing", b"Info", b"VBRI")
MAX_INDEX_PLACE = 4 + 2 + 32 + 32


def num_samples(path: str) -> int:
    """Returns how many samples per channel the frames of a file hold, the index's own left out."""
    return sum(size for size, is_index in _frames(path) if not is_index)


def has_index(path: str) -> bool:
    """Whether the first frame says how many frames there are."""
    return next((is_index for _, is_index in _frames(path)), False)


def _frames(path: str) -> Iterator[tuple[int, bool]]:
    """Yields the number of samples of every frame, and whether it is an index."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for at, samples in _places(data):
            start = data[at : at + MAX_INDEX_PLACE]
            yield samples, any(name in start for name in INDEX_NAMES)


def _places(data: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Yields place and number of samples of every frame."""
    at = 0
    while at + 4 <= len(data):
        if data[at : at + 3] == b"ID3" and at + 10 <= len(data):
            # Its size has 7 bits per byte.
            at += 10 + sum((data[at + 6 + i] & 0x7F) << 7 * (3 - i) for i in range(4))
            continue
        length, samples = _frame(data, at)
        if not length:
            # Garbage: to the next header that is followed by another one, or by the end.
            at = data.find(b"\xff", at + 1)
            if at < 0:
                return
            length, samples = _frame(data, at)
            if not length or (at + length + 4 <= len(data) and not _frame(data, at + length)[0]):
                continue
        if at + length > len(data):
            return
        yield at, samples
        at += length


def _frame(data: mmap.mmap, at: int) -> tuple[int, int]:
    """Returns bytes and samples of the frame at a place, 0 and 0 where there is none."""
    header = int.from_bytes(data[at : at + 4], "big")
    version, layer = header >> 19 & 3, header >> 17 & 3
    kbit, rate = header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer != 1 or kbit in (0, 15) or rate == 3:
        return 0, 0
    samples = 1152 if version == 3 else 576
    bits = 1000 * (KBIT_1 if version == 3 else KBIT_2)[kbit]
    return samples // 8 * bits // RATES_HZ[version][rate] + (header >> 9 & 1), samples
