"""A file seen from some place on, or with a few bytes changed, for a decoder that is to believe
something else than its header."""

import io
import os
from typing import Any


class FileView(io.RawIOBase):
    """The bytes of `path` from `start` on; those at `patch_at` are replaced by `patch`."""

    def __init__(self, path: str, *, start: int = 0, patch_at: int = 0, patch: bytes = b"") -> None:
        super().__init__()
        self._file = open(path, "rb")  # noqa: SIM115  # closed by `close`
        self._start, self._patch_at, self._patch = start, patch_at, patch
        self._size = os.fstat(self._file.fileno()).st_size - start
        self._place = 0

    def close(self) -> None:
        self._file.close()
        super().close()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._place)
        view = memoryview(buffer).cast("B")
        data = bytearray(self._file.read(len(view)))
        for index, byte in enumerate(self._patch):
            at = self._patch_at + index - self._place
            if 0 <= at < len(data):
                data[at] = byte
        view[: len(data)] = data
        self._place += len(data)
        return len(data)
