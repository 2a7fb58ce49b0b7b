"""Locks of the operating system, which end with the process that holds them, however it ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pretrain.shared.atomic_files import writing


@contextmanager
def lock(path: Path, *, wait: bool, said_when_waiting: str = "") -> Iterator[bool]:
    """Holds the lock file `path`; yields False when another process has it and `wait` is False.

    `said_when_waiting` is printed if there is something to wait for.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        opened = path.open("w")
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                yield False
                return
            if said_when_waiting:
                print(said_when_waiting, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield True
