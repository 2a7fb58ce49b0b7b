"""Signals that stop a command: what is computed is kept, and the command says how to go on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by(*numbers: int) -> Iterator[None]:
    """Inside, the first of these signals raises KeyboardInterrupt; later ones, which come while
    what is at work is left in order, are passed over. Changes nothing in a thread of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = [(number, signal.signal(number, interrupt)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
