"""Runs pip and says how far it is: one moving line on a terminal, a line now and then in a log."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

SECONDS_BETWEEN_LINES = float(os.environ.get("SECONDS_BETWEEN_LINES", "15"))

PIP = (
    "install", "--disable-pip-version-check", "--progress-bar", "off", "-c", "constraints.txt",
    "-e", ".[dev,tracking]",
)  # fmt: skip

NUM_LAST_LINES = 15


def main(venv: Path) -> int:
    log = venv / "pip.log"
    command = [sys.executable, "-m", "pip", *PIP]
    began = time.monotonic()
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as pip,
    ):
        assert pip.stdout is not None
        lines = pip.stdout
        said: list[str] = []

        def listen() -> None:
            for line in lines:
                file.write(line)
                file.flush()
                said.append(line.strip())

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        is_terminal = sys.stdout.isatty()
        try:
            while True:
                try:
                    status = pip.wait(1.0 if is_terminal else SECONDS_BETWEEN_LINES)
                    break
                except subprocess.TimeoutExpired:
                    show(time.monotonic() - began, venv, said, is_terminal)
        except KeyboardInterrupt:
            pip.wait()
            print("\nStopped on request; the same command starts again.", file=sys.stderr)
            return 130
        listener.join()
    end = "\n" if is_terminal else ""
    if status:
        print(end + "\n".join(said[-NUM_LAST_LINES:]), file=sys.stderr)
        print(f"error: pip ended with status {status}; all it said is in {log}.", file=sys.stderr)
        return 1
    print(f"{end}== Installed in {time.monotonic() - began:.0f} s")
    return 0


def show(seconds: float, venv: Path, said: list[str], is_terminal: bool) -> None:
    """Says the time, what is installed so far, and what pip is at."""
    at = next((line for line in reversed(said) if not line.startswith("WARNING")), "starting")
    if at.startswith("Installing collected packages"):
        at = f"unpacking {at.count(',') + 1} packages"
    text = f"   {seconds:4.0f} s, {gigabytes(venv):.1f} GB installed: {at}"
    width = shutil.get_terminal_size().columns - 1 if is_terminal else 100
    print(("\r\033[K" if is_terminal else "") + text[:width], end="" if is_terminal else "\n")
    sys.stdout.flush()


def gigabytes(folder: Path) -> float:
    """Returns the size of all files in a folder that others are writing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except OSError:
                continue
    return total / 1e9


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
