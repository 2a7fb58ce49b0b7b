"""The progress bar lives on a terminal, and keeps still in a log."""

import io
import sys
import threading
import time

import pytest

from pretrain.engine import tracking
from pretrain.engine.tracking import ProgressBar


class Screen(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def test_the_clock_moves_while_an_update_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "SECONDS_BETWEEN_TICKS", 0.01)
    screen = Screen(True)
    monkeypatch.setattr(sys, "stderr", screen)
    bar = ProgressBar("row", 0, 10, visible=True)
    drawn = screen.getvalue().count("0/10")
    deadline = time.monotonic() + 30
    while screen.getvalue().count("0/10") < drawn + 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    bar.close()
    assert not any(thread.name == "progress bar" for thread in threading.enumerate())


def test_in_a_log_only_updates_make_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "SECONDS_BETWEEN_TICKS", 0.01)
    screen = Screen(False)
    monkeypatch.setattr(sys, "stderr", screen)
    bar = ProgressBar("row", 0, 10, visible=True)
    drawn = screen.getvalue()
    time.sleep(0.1)
    assert screen.getvalue() == drawn
    bar.say("something")
    assert "something" in screen.getvalue()
    bar.close()
