"""What a running training shows and writes: metrics.jsonl, the progress bar, warnings."""

import json
import math
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pretrain.shared.atomic_files import replace_text, writing
from pretrain.shared.json_files import JsonError, Schema, parse_object

SECONDS_BETWEEN_LINES = 20.0
"""How often a progress line is printed where there is no terminal to draw a bar on."""

SECONDS_BETWEEN_TICKS = 1.0
"""How often the bar's clock is drawn anew on a terminal, however long an update takes."""

BAR_FORMAT = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed} < {remaining}]{postfix}"


class MetricsLine(Schema):
    """One line of metrics.jsonl; numbers that JSON cannot hold are null."""

    update: int


NUM_REMEMBERED = 2000
"""Most lines of metrics.jsonl that a checkpoint has a copy of."""


class MetricsLog:
    """Writes metrics.jsonl, and remembers in the checkpoint what was written since the one before:
    a file that was cut meanwhile is made whole again."""

    def __init__(self) -> None:
        self._num_lines: int | None = 0
        """Lines of the whole run; None where a former version has not counted them."""

        self._recent: deque[dict[str, Any]] = deque(maxlen=NUM_REMEMBERED)
        """The newest lines since the checkpoint before."""

    def append(self, path: Path, record: Mapping[str, object]) -> None:
        """Appends a line, whole or not at all.

        Raises `OSError` when the disk refuses; the file is then as it was.
        """
        finite = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        with writing(path), path.open("ab", buffering=0) as file:
            before = file.tell()
            left = _line(finite)
            try:
                while left:  # the system may take a part before it refuses
                    left = left[file.write(left) :]
            except OSError:
                file.truncate(before)
                raise
        self._recent.append(finite)
        if self._num_lines is not None:
            self._num_lines += 1

    def state_dict(self) -> dict[str, Any]:
        return {"num_lines": self._num_lines, "recent": list(self._recent)}

    def saved(self) -> None:
        """Called behind a checkpoint: what it has need not be in the next one."""
        self._recent.clear()

    def restore(self, path: Path, update: int, state: Mapping[str, Any]) -> str:
        """Makes the file what it was when the run had done `update` updates, from what is there and
        a checkpoint's `state_dict` (empty for none, or one of a former version).

        Returns what is lost of it, in words, or "".
        """
        lines = {u: line for u, line in _complete_lines(path).items() if u < update}
        recent = state.get("recent", [])
        lines |= {record["update"]: _line(record) for record in recent if record["update"] < update}
        self._num_lines = state.get("num_lines", None if update else 0)
        self._recent.clear()
        if lines or path.exists():
            replace_text(path, b"".join(lines[u] for u in sorted(lines)).decode())
        lost = (self._num_lines or 0) - len(lines)
        if lost <= 0:
            return ""
        return (
            f"{path} was cut or changed: {lost} of the {self._num_lines} lines from before update "
            f"{update} are lost, and its curves have a gap there. The training itself goes on "
            "exactly."
        )


def _complete_lines(path: Path) -> dict[int, bytes]:
    """Returns the lines that are whole, by their update; of two of one update the later one."""
    if not path.is_file():
        return {}
    lines = {}
    for line in path.read_bytes().splitlines():
        try:
            update: int = parse_object(line, str(path), MetricsLine)["update"]
        except JsonError:
            continue  # cut short when the run was killed, or damaged
        lines[update] = line + b"\n"
    return lines


def _line(record: Mapping[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"


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
