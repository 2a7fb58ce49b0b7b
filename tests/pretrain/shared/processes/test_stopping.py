"""SIGTERM stops a command as Ctrl-C does, wherever it is at work."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import soundfile

from pretrain.shared.processes.stopping import stopped_afterwards, stopped_by
from tests.conftest import PROJECT
from tests.pretrain.data.voices import voice


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_a_corpus_is_read_keeps_what_was_read(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for count in range(40):
        soundfile.write(folder / f"{count:02d}.wav", voice(count, 0.5), 16_000)
    # The last file takes for ever: reading it is when the signal comes.
    code = (
        "import runpy, sys, time\n"
        "from pretrain.data.scan import scan\n"
        "really = scan.look\n"
        "def look(path, *more):\n"
        "    while path.endswith('39.wav') and not stopped:\n"
        "        time.sleep(0.01)\n"
        "    return really(path, *more)\n"
        "stopped = []\n"
        "class Pool(scan.ThreadPoolExecutor):\n"
        "    def shutdown(self, **how):\n"
        "        stopped.append(True)\n"
        "        super().shutdown(**how)\n"
        "scan.ThreadPoolExecutor = Pool\n"
        "scan.look = look\n"
        f"sys.argv = ['check_corpora', 'folder={folder}']\n"
        f"runpy.run_path({str(PROJECT / 'probe' / 'check_corpora.py')!r}, run_name='__main__')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "RUNS": str(tmp_path / "runs")},
        stderr=subprocess.PIPE,
        text=True,
    )
    cache = tmp_path / "runs" / "corpora" / "cache"
    deadline = time.monotonic() + 60
    while sum(file.read_text().count(".wav") for file in cache.glob("*.journal")) < 32:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "files looked at so far are not looked at again" in said
    assert "Traceback" not in said


def test_a_second_sigterm_is_passed_over_and_the_handler_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    left_in_order: list[bool] = []

    def stopped() -> None:
        with stopped_by(signal.SIGTERM):
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                left_in_order.append(True)

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert left_in_order
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_thread_of_its_own_leaves_signals_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with stopped_by(signal.SIGTERM):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_a_signal_that_must_wait_comes_afterwards_and_ignored_ones_never() -> None:
    reached = []

    def work() -> None:
        with stopped_by(signal.SIGTERM), stopped_afterwards():
            signal.raise_signal(signal.SIGTERM)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == ["the end"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopped_afterwards():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
