"""Under `accelerate launch`, Ctrl-C is for the training alone, not for its launcher as well.

A terminal sends Ctrl-C to its whole foreground process group. The launcher dies of it at once, with
a traceback, and the shell takes the terminal back while the training still finishes its update:
nobody sees it work on, and a second Ctrl-C does not reach it. So the training becomes a foreground
group of its own, as a shell makes one for a job, and the launcher simply waits. (torchrun waits by
itself and passes signals on.)
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SECONDS_TO_STOP = 2.0


class Foreground:
    """The terminal as taken over from a launcher's process group."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.launcher = os.getppid()
        os.setpgid(0, 0)
        self._give_to(os.getpgrp())
        signal.signal(signal.SIGTSTP, self._suspend)

    def give_back(self) -> None:
        """Makes the launcher's the foreground group again."""
        with suppress(OSError):
            if os.tcgetpgrp(self._terminal) == os.getpgrp():
                self._give_to(self.launcher)
        os.close(self._terminal)

    def _give_to(self, group: int) -> None:
        # A background process that does this is stopped by SIGTTOU unless it is blocked.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
        try:
            os.tcsetpgrp(self._terminal, group)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-Z: the shell knows of the launcher only, so that is what is stopped. This process
        waits here until the launcher is continued, by `fg` or `bg`."""
        self._give_to(self.launcher)
        os.killpg(self.launcher, signal.SIGTSTP)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while not _is_stopped(self.launcher) and time.monotonic() < deadline:
            time.sleep(0.01)
        while _is_stopped(self.launcher):
            time.sleep(0.1)
        with suppress(OSError):
            if os.tcgetpgrp(self._terminal) == self.launcher:
                self._give_to(os.getpgrp())
        os.killpg(0, signal.SIGCONT)  # processes that read ahead were stopped by the same Ctrl-Z


_owned: list[Foreground] = []
"""The terminal while it is taken over."""


@contextmanager
def own_foreground() -> Iterator[None]:
    """Inside, Ctrl-C reaches this process but not the `accelerate launch` that started it.

    Nothing happens without a terminal, in the background, or when it was not started so. Nor inside
    a script: its shell has to hear Ctrl-C too, to end the script.
    """
    terminal = _terminal_of_launcher()
    if terminal is not None:
        _owned.append(Foreground(terminal))
    try:
        yield
    finally:
        while _owned:
            _owned.pop().give_back()
        if terminal is not None:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)


def end_quietly() -> None:
    """To be called where a stopped run ends, from any thread: ends the launcher whose terminal was
    taken over, which would make a traceback of the exit status."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    while _owned:
        foreground = _owned.pop()
        foreground.give_back()
        if os.getppid() == foreground.launcher:
            os.kill(foreground.launcher, signal.SIGTERM)


def _terminal_of_launcher() -> int | None:
    if "ACCELERATE_MIXED_PRECISION" not in os.environ or "TORCHELASTIC_RUN_ID" in os.environ:
        return None
    launcher = os.getppid()
    try:
        words = Path(f"/proc/{launcher}/cmdline").read_bytes().split(b"\0")
        if not any(b"accelerate" in word for word in words) or os.getpgrp() != launcher:
            return None
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    if os.tcgetpgrp(terminal) != launcher:
        os.close(terminal)
        return None
    return terminal


def _is_stopped(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "T"
