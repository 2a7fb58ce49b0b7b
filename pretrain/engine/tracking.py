"""What a running training shows and writes: metrics.jsonl, the progress bar, warnings."""

import json
import math
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from pretrain.replacing import replace_text

SECONDS_BETWEEN_LINES = 20.0
"""How often a progress line is printed where there is no terminal to draw a bar on."""

SECONDS_BETWEEN_TICKS = 1.0
"""How often the bar's clock is drawn anew on a terminal, however long an update takes."""

BAR_FORMAT = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed} < {remaining}]{postfix}"


def drop_metrics_from(path: Path, update: int) -> None:
    """Removes what a run wrote after its last checkpoint, before it continues at `update`."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["update"] < update:
                kept.append(line)
        except (ValueError, KeyError):
            continue  # a line cut short when the run was killed
    replace_text(path, "".join(kept))


def append_metrics(path: Path, record: Mapping[str, object]) -> None:
    """Appends a line to metrics.jsonl; numbers that JSON cannot hold become null."""
    finite = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(finite) + "\n")


class ProgressBar:
    """A bar with rate, loss, the objective's own metric and the time left."""

    def __init__(self, name: str, done: int, total: int, *, visible: bool) -> None:
        is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=name,
            unit="update",
            disable=not visible,
            dynamic_ncols=True,
            mininterval=0.5 if is_terminal else SECONDS_BETWEEN_LINES,
            maxinterval=10.0 if is_terminal else SECONDS_BETWEEN_LINES,
            bar_format=BAR_FORMAT + ("" if is_terminal else "\n"),
        )
        self._closed = threading.Event()
        self._clock = threading.Thread(target=self._tick, name="progress bar", daemon=True)
        if visible and is_terminal:
            self._clock.start()

    def _tick(self) -> None:
        while not self._closed.wait(SECONDS_BETWEEN_TICKS):
            try:
                self._bar.refresh()
            except OSError:
                return  # the terminal is gone

    def show(self, numbers: Mapping[str, float]) -> None:
        """Moves on by one update and shows its numbers."""
        text = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()

    def start_clock(self) -> None:
        """Counts elapsed time from here on, as if the bar were new."""
        self._bar.unpause()

    def say(self, text: str) -> None:
        """Prints a line without tearing the bar."""
        if not self._bar.disable:
            self._bar.write(text, file=sys.stderr)

    def warn(self, text: str) -> None:
        """Prints a warning without tearing the bar."""
        self.say(f"WARNING: {text}")

    def close(self) -> None:
        self._closed.set()
        if self._clock.ident is not None:
            self._clock.join()
        self._bar.close()
