"""Who works for a process ends with it, even if it was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pretrain.shared.processes.stopping import PARENT
from tests.conftest import PROJECT

CHILD = """
import time
from pretrain.shared.processes.stopping import end_with_parent
end_with_parent()
print("ready", flush=True)
time.sleep(100)
"""

STARTER = f"""
import os, subprocess, sys, time
from pretrain.shared.processes.stopping import for_child
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], env=for_child(os.environ))
print(child.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.slow
def test_a_child_of_a_killed_process_is_ended() -> None:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], env=environment, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        child = int(starter.stdout.readline())
        assert starter.stdout.readline() == "ready\n"
        assert _is_running(child)
        starter.kill()
        # The pipe ends when nobody can write to it any more: the child too is gone.
        assert starter.stdout.read() == ""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # until it has been waited for
    assert not _is_running(child)


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@pytest.mark.slow
@pytest.mark.parametrize("script", ["pretrain/run.py", "probe/table4.py", "mfsn/run.py"])
def test_a_command_whose_starter_is_gone_already_ends_at_once(script: str, tmp_path: Path) -> None:
    code = (
        f"import importlib, sys, time; sys.path.insert(0, {str(PROJECT)!r}); sys.argv = ['x'];"
        f"module = importlib.import_module({script[:-3].replace('/', '.')!r});"
        "module.parse = lambda arguments: time.sleep(100);"
        "module.main([])"
    )
    environment = {**os.environ, PARENT: "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGTERM
