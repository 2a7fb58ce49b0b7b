"""Ctrl-C, SIGTERM and a lost terminal end a run after the current update, with a checkpoint."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

from pretrain.shared.command_line import STOPPED
from pretrain.shared.processes.terminal import end_quietly

SECONDS_TO_INSIST = 1.0
"""Launchers may send a signal again within moments; what comes later was meant."""

SECONDS_TO_UNWIND = 3.0
"""So long a run that is to stop now may take to leave what it computes by itself."""

SECONDS_BETWEEN_CHECKS = 1.0

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "The terminal closed"}


class StopRequest:
    """While entered, remembers a signal and answers it at once; a second Ctrl-C stops at once.

    Python's own handlers run only between two operations of the main thread, and the backward of a
    large model is one operation of many seconds. So a thread hears the signals as well: it answers,
    and ends the process when an insisting Ctrl-C is not heeded within `SECONDS_TO_UNWIND`.
    It also notices when the launcher has died, so that nothing is trained for nobody.
    """

    def __init__(
        self,
        answer: Callable[[str], None] | None = None,
        work: Callable[[bool], str] = lambda leaves: "finishing what is in hand",
    ) -> None:
        """`answer` prints a line (None: another process speaks); `work` says what is still done
        before the stop, given `leaves`."""
        self.signal: int | None = None
        self._since = 0.0
        self._answer = answer
        self._work = work
        self._previous: dict[int, object] = {}
        self._terminals: list[int] = []
        self._left = threading.Event()

    @property
    def leaves(self) -> bool:
        """Whether SIGKILL is likely to follow soon, so that what takes long should be left."""
        return self.signal is not None and _leaves(self.signal)

    def __enter__(self) -> "StopRequest":
        self._launcher = os.getppid() if _is_launched() else None
        self._terminals = [number for number in (0, 1, 2) if os.isatty(number)]
        self._hears, self._tells = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._previous_wakeup = signal.set_wakeup_fd(self._tells, warn_on_full_buffer=False)
        for number in SIGNALS:
            previous = signal.getsignal(number)
            # nohup ignores it, so that the run outlives its terminal.
            if number == signal.SIGHUP and previous == signal.SIG_IGN:
                continue
            self._previous[number] = signal.signal(number, self._remember)
        self._left.clear()
        self._thread = threading.Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._left.set()
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned
        signal.set_wakeup_fd(self._previous_wakeup)
        os.write(self._tells, b"\0")
        self._thread.join()
        os.close(self._tells)
        os.close(self._hears)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self._leave_terminal()
        now = time.monotonic()
        if self.signal is None:
            self.signal, self._since = number, now
        elif _insists(self.signal, number) and now - self._since > SECONDS_TO_INSIST:
            raise KeyboardInterrupt

    def _listen(self) -> None:
        """What the thread does until the request is left."""
        first, since = 0, 0.0
        while not self._left.is_set():
            ready, _, _ = select.select([self._hears], [], [], SECONDS_BETWEEN_CHECKS)
            numbers = os.read(self._hears, 64) if ready else b""
            for number in (n for n in numbers if n in self._previous):
                if not first:
                    first, since = number, time.monotonic()
                    self._say(self._first_answer(number))
                elif _insists(first, number) and time.monotonic() - since > SECONDS_TO_INSIST:
                    self._say("Stopping now; the last checkpoint stays.")
                    if not self._left.wait(SECONDS_TO_UNWIND):
                        self._say("Stopped; the same command continues from the last checkpoint.")
                        try:
                            end_quietly()
                        finally:
                            os._exit(STOPPED)
            if self._launcher is not None and os.getppid() != self._launcher:
                self._launcher = None
                self.signal = self.signal or signal.SIGTERM
                self._say(
                    f"The launcher has ended: {self._work(_leaves(self.signal))} "
                    f"(kill -INT {os.getpid()} stops now)."
                )

    def _first_answer(self, number: int) -> str:
        insist = "; once more to stop now" if number == signal.SIGINT else ""
        return f"{NAMES[signal.Signals(number)]}: {self._work(_leaves(number))}{insist}."

    def _say(self, text: str) -> None:
        if self._answer is None:
            return
        try:
            self._answer(text)
        except OSError:
            self._answer = None  # the terminal is gone

    def _leave_terminal(self) -> None:
        """What is printed to a terminal that is gone would raise, and cost the checkpoint."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in self._terminals:
            os.dup2(nowhere, number)
        os.close(nowhere)


def _insists(first: int, number: int) -> bool:
    """Tells whether a later signal means at once. torchrun passes a first Ctrl-C on as it is and
    makes SIGTERM of a second one; schedulers repeat SIGTERM as often as they like."""
    forwarded = "TORCHELASTIC_RUN_ID" in os.environ and first == signal.SIGINT
    return number == signal.SIGINT or (forwarded and number == signal.SIGTERM)


def _leaves(number: int) -> bool:
    return number != signal.SIGINT or "TORCHELASTIC_RUN_ID" in os.environ


def _is_launched() -> bool:
    return "ACCELERATE_MIXED_PRECISION" in os.environ or "TORCHELASTIC_RUN_ID" in os.environ
