"""Files that are complete or absent: written to the side, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path, *, durably: bool = False) -> Iterator[Path]:
    """Yields a path beside `path` to write to, and renames that to `path` at the end.

    When writing fails, `path` stays as it was. With `durably` both content and name outlast a power
    cut behind this.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        if durably:
            _sync(beside)
        os.replace(beside, path)
        if durably:
            _sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Replaces the text file `path` in one step, durably."""
    with replaced(path, durably=True) as beside:
        beside.write_text(text, encoding="utf-8")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
