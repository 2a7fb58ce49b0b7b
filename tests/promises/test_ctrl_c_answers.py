"""Ctrl-C at a terminal is answered at once, and nothing works on unnoticed."""

import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import PROJECT

pytestmark = pytest.mark.slow

TRAINING = """
import hashlib, sys, time
from pretrain.shared.command_line import STOPPED, run_main
from pretrain.engine import interrupts

interrupts.SECONDS_TO_INSIST = interrupts.SECONDS_TO_UNWIND = 0.2

def main(arguments):
    work = "finishing this update, about 40 s"
    say = lambda text: print(text, flush=True)
    with interrupts.StopRequest(say, lambda leaves: work) as request:
        say("training")
        if arguments == ["long"]:  # one operation, during which Python hears nothing
            hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000_000)
        while request.signal is None:
            time.sleep(0.02)
        time.sleep(0.6)  # the rest of the update
    say("saved")
    return STOPPED

sys.exit(run_main(lambda: main(sys.argv[1:])))
"""

LAUNCHER = """
import os, subprocess, sys
os.environ["ACCELERATE_MIXED_PRECISION"] = "no"
process = subprocess.Popen([sys.executable, *sys.argv[1:]])
process.wait()
if process.returncode:
    raise subprocess.CalledProcessError(process.returncode, "training")
"""


class Terminal:
    """A command in a terminal of its own, as its foreground process group."""

    def __init__(self, *command: str) -> None:
        self._process, self._screen = pty.fork()
        if self._process == 0:
            os.environ["PYTHONPATH"] = str(PROJECT)
            os.execv(command[0], command)
        self.said = ""

    def press_ctrl_c(self) -> None:
        os.write(self._screen, b"\x03")

    def wait_for(self, text: str) -> None:
        """Reads until `text` was printed, or everything was."""
        while text not in self.said and self._read():
            pass
        assert text in self.said, self.said

    def close(self) -> int:
        """Hangs up; returns the status as `os.waitpid` has it."""
        os.close(self._screen)
        return os.waitpid(self._process, 0)[1]

    def end(self) -> int:
        """Reads until the command has ended; returns its status as `os.waitpid` has it."""
        while self._read():
            pass
        return self.close()

    def _read(self) -> bool:
        try:
            content = os.read(self._screen, 4096)
        except OSError:  # the last process has closed it
            return False
        self.said += content.decode()
        return bool(content)


@pytest.fixture
def scripts(tmp_path: Path) -> tuple[str, str]:
    """Paths of something that trains and of something that launches as `accelerate launch`."""
    (tmp_path / "training.py").write_text(TRAINING)
    (tmp_path / "accelerate").write_text(LAUNCHER)
    return str(tmp_path / "training.py"), str(tmp_path / "accelerate")


def test_under_accelerate_launch_ctrl_c_is_answered_and_the_launcher_waits(
    scripts: tuple[str, str],
) -> None:
    training, launcher = scripts
    terminal = Terminal(sys.executable, launcher, training)
    terminal.wait_for("training")
    terminal.press_ctrl_c()
    terminal.wait_for("Ctrl-C: finishing this update, about 40 s; once more to stop now.")
    assert "saved" not in terminal.said
    status = terminal.end()
    assert "saved\r\nStopped on request; the same command continues" in terminal.said
    assert "Traceback" not in terminal.said
    assert status != 0


@pytest.mark.parametrize("is_launched", [False, True])
def test_a_second_ctrl_c_ends_even_a_long_operation(
    is_launched: bool, scripts: tuple[str, str]
) -> None:
    training, launcher = scripts
    terminal = Terminal(sys.executable, *([launcher] if is_launched else []), training, "long")
    terminal.wait_for("training")
    terminal.press_ctrl_c()
    terminal.wait_for("once more to stop now")
    time.sleep(0.3)
    terminal.press_ctrl_c()
    status = terminal.end()
    assert "continues from the last checkpoint" in terminal.said
    assert "saved" not in terminal.said
    assert "Traceback" not in terminal.said
    if not is_launched:
        assert os.waitstatus_to_exitcode(status) == 130


def test_a_terminal_that_is_closed_costs_no_checkpoint(
    scripts: tuple[str, str], tmp_path: Path
) -> None:
    training, _ = scripts
    saved = tmp_path / "saved"
    source = Path(training).read_text()
    Path(training).write_text(
        source.replace('say("saved")', f'say("saved"); open({str(saved)!r}, "w")')
    )
    terminal = Terminal(sys.executable, training)
    terminal.wait_for("training")
    status = terminal.close()
    assert os.waitstatus_to_exitcode(status) == 130
    assert saved.is_file()


def test_what_a_killed_launcher_leaves_behind_stops_by_itself(
    scripts: tuple[str, str], tmp_path: Path
) -> None:
    training, launcher = scripts
    reads, writes = os.pipe()
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, launcher, training],
        {**os.environ, "PYTHONPATH": str(PROJECT)},
        file_actions=[(os.POSIX_SPAWN_DUP2, writes, 1), (os.POSIX_SPAWN_DUP2, writes, 2)],
    )
    os.close(writes)
    said = ""
    while "training" not in said:
        said += os.read(reads, 4096).decode()
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    while content := os.read(reads, 4096):  # ends when the training has
        said += content.decode()
    os.close(reads)
    assert "The launcher has ended: finishing this update" in said
    assert "Stopped on request" in said
