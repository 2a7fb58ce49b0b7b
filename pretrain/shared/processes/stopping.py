"""How a process is stopped: by a signal, or because the one that it works for has ended.

What is computed is kept, and the command says how to go on. Processes that work for another one
end with it, however it ended: nobody trains for nobody.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

PARENT = "WORKS_FOR_PROCESS"
"""Set for such a process: the number of the one that has started it."""

SECONDS_BETWEEN_LOOKS = 0.5


@contextmanager
def stopped_by(*numbers: int) -> Iterator[None]:
    """Inside, the first of these signals raises KeyboardInterrupt; later ones, which come while
    what is at work is left in order, are passed over. Changes nothing in a thread of its own."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    with _answered_by(interrupt, numbers):
        yield


@contextmanager
def stopped_afterwards() -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM wait until the end: for libraries that call back from C, where
    what their callbacks raise is lost, and with it a part of the result. Changes nothing in a
    thread of its own."""
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)

    try:
        with _answered_by(remember, (signal.SIGINT, signal.SIGTERM)):
            yield
    finally:
        if came:
            signal.raise_signal(came[0])


@contextmanager
def _answered_by(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[int]
) -> Iterator[None]:
    """Inside, `handler` gets these signals; only a process's main thread can say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, earlier in before:
            signal.signal(number, earlier)


def for_child(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment in which this process starts one that calls `end_with_parent`."""
    return {**environment, PARENT: str(os.getpid())}


def end_with_parent() -> None:
    """Makes this process get SIGTERM, as from someone who stops it, once the one that has started
    it by `for_child` is gone, even if that was before this call. Otherwise nothing happens.

    A thread looks: where the system could send a signal by itself, it is not the same everywhere.
    """
    parent = os.environ.pop(PARENT, "")
    if parent:
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    os.kill(os.getpid(), signal.SIGTERM)
