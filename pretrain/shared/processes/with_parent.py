"""Processes that work for another one end with it, however it ended: nobody trains for nobody."""

import os
import signal
import threading
import time
from collections.abc import Mapping

PARENT = "WORKS_FOR_PROCESS"
"""Set for such a process: the number of the one that has started it."""

SECONDS_BETWEEN_LOOKS = 0.5


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
