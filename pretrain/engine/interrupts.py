"""Ctrl-C and SIGTERM end a run after the current update, with a checkpoint."""

import signal
import time
from types import FrameType, TracebackType

SECONDS_TO_INSIST = 2.0

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While entered, remembers a signal. A second Ctrl-C, some seconds later, interrupts at once;
    launchers send every signal twice within moments, and SIGTERM as often as they like."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._since = 0.0
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _remember(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.signal is None:
            self.signal, self._since = number, now
        elif number == signal.SIGINT and now - self._since > SECONDS_TO_INSIST:
            raise KeyboardInterrupt
