"""The scan of a corpus and its cache."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data.scan import scan as scan_module
from pretrain.data.scan.look import FACTS, Facts, look
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.scan.scan import KEY, ScanCache, cache_file, scan
from tests.conftest import PROJECT


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were really looked at."""
    names: list[str] = []
    really = scan_module.look

    def look(path: str, offset: int, wanted: int) -> Facts:
        names.append(Path(path).name)
        return really(path, offset, wanted)

    monkeypatch.setattr(scan_module, "look", look)
    return names


def write(path: Path, *, seed: int, frames: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, frames)
    soundfile.write(path, noise, 16000, subtype="PCM_16")


def listing_of(*paths: Path, offset: int = 0, frames: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"path": list(map(str, paths)), "offset": offset, "frames": frames})


def test_a_scan_finds_length_rate_loudness_and_hash(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", seed=0)
    facts = scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x").iloc[0]
    assert (facts["frames"], facts["sample_rate"], facts["error"]) == (8000, 16000, "")
    assert facts["deviation"] == pytest.approx(0.1, rel=0.05)
    assert len(facts["audio_hash"]) == 32


def test_a_second_scan_looks_at_nothing_and_finds_the_same(
    tmp_path: Path, looked: list[str]
) -> None:
    files = [tmp_path / f"{number}.wav" for number in range(20)]
    for number, file in enumerate(files):
        write(file, seed=number)
    listing = listing_of(*files)
    listing.index = pd.Index(range(100, 120))
    first = scan(listing, folder=tmp_path, name="x")
    assert sorted(looked) == sorted(file.name for file in files)
    second = scan(listing, folder=tmp_path, name="x")
    assert len(looked) == 20
    pd.testing.assert_frame_equal(first, second)
    assert list(second.index) == list(range(100, 120))


def test_a_changed_file_is_looked_at_again_and_no_other(tmp_path: Path, looked: list[str]) -> None:
    files = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for number, file in enumerate(files):
        write(file, seed=number)
    first = scan(listing_of(*files), folder=tmp_path, name="x")
    looked.clear()
    time_ns = files[0].stat().st_mtime_ns
    write(files[0], seed=5)
    os.utime(files[0], ns=(time_ns + 1, time_ns + 1))  # the same size, and nearly the same time
    second = scan(listing_of(*files), folder=tmp_path, name="x")
    assert looked == ["a.wav"]
    assert first["audio_hash"][0] != second["audio_hash"][0]
    assert first["audio_hash"][1] == second["audio_hash"][1]


def test_another_stretch_of_a_file_is_looked_at_anew(tmp_path: Path, looked: list[str]) -> None:
    write(tmp_path / "a.wav", seed=0)
    whole = scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x")
    part = scan(listing_of(tmp_path / "a.wav", offset=10, frames=99), folder=tmp_path, name="x")
    assert (whole["frames"][0], part["frames"][0]) == (8000, 99)
    scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x")
    assert len(looked) == 2


def test_a_bad_file_is_tried_again(tmp_path: Path, looked: list[str]) -> None:
    bad = tmp_path / "a.wav"
    listing = listing_of(bad)
    for expected in (1, 2):
        assert scan(listing, folder=tmp_path, name="x")["error"][0] == "file not found"
        assert len(looked) == expected
    write(bad, seed=0)
    assert scan(listing, folder=tmp_path, name="x")["error"][0] == ""


def test_a_damaged_cache_is_made_anew(tmp_path: Path, looked: list[str]) -> None:
    write(tmp_path / "a.wav", seed=0)
    first = scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x")
    for damage in (
        b"",
        b"path,offset\n1,2\n",
        cache_file(tmp_path).read_bytes()[:-40],
        b"\xff\x00",
    ):
        cache_file(tmp_path).write_bytes(damage)
        looked.clear()
        again = scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x")
        pd.testing.assert_frame_equal(first, again)
        assert looked == ["a.wav"]


def test_an_interrupted_scan_keeps_what_it_found(
    tmp_path: Path, looked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_module, "FILES_PER_TASK", 1)
    monkeypatch.setattr(scan_module, "MAX_THREADS", 1)
    files = [tmp_path / f"{number}.wav" for number in range(6)]
    for number, file in enumerate(files):
        write(file, seed=number)
    working = scan_module.look

    def look(path: str, offset: int, wanted: int) -> Facts:
        if path.endswith("3.wav"):
            raise KeyboardInterrupt
        return working(path, offset, wanted)

    with monkeypatch.context() as patch:
        patch.setattr(scan_module, "look", look)
        with pytest.raises(KeyboardInterrupt):
            scan(listing_of(*files), folder=tmp_path, name="x")
    looked.clear()
    facts = scan(listing_of(*files), folder=tmp_path, name="x")
    assert (facts["error"] == "").all()
    assert looked[0] == "3.wav"
    assert set(looked) <= {"3.wav", "4.wav", "5.wav"}


def test_a_killed_scan_keeps_what_it_found(tmp_path: Path, looked: list[str]) -> None:
    """SIGKILL cannot be answered: findings must be on disk as they come."""
    files = [tmp_path / f"{number}.wav" for number in range(6)]
    for number, file in enumerate(files):
        write(file, seed=number)
    code = (
        "import os, signal, sys\n"
        "import pandas as pd\n"
        "from pathlib import Path\n"
        "from pretrain.data.scan import scan as module\n"
        "module.FILES_PER_TASK = module.MAX_THREADS = 1\n"
        "really = module.look\n"
        "def look(path, *more):\n"
        "    if path.endswith('4.wav'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return really(path, *more)\n"
        "module.look = look\n"
        "listing = pd.DataFrame({'path': sys.argv[2:], 'offset': 0, 'frames': 0})\n"
        "module.scan(listing, folder=Path(sys.argv[1]), name='x')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path), *map(str, files)]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == -signal.SIGKILL, result.stderr
    journal = cache_file(tmp_path).with_suffix(".journal")
    assert journal.is_file()
    # A line that was cut when the process was killed counts as not written.
    with journal.open("a") as lines:
        lines.write(json.dumps([str(files[4]), 0])[:-1])
    facts = scan(listing_of(*files), folder=tmp_path, name="x")
    assert (facts["error"] == "").all()
    assert sorted(looked) == ["4.wav", "5.wav"]
    assert not journal.exists()
    scan(listing_of(*files), folder=tmp_path, name="x")
    assert len(looked) == 2


def test_a_cut_line_does_not_spoil_the_next_one(tmp_path: Path, looked: list[str]) -> None:
    write(tmp_path / "a.wav", seed=0)
    journal = cache_file(tmp_path).with_suffix(".journal")
    journal.parent.mkdir(parents=True)
    journal.write_text('["/x.wav", 0')
    ScanCache(cache_file(tmp_path)).append([{**dict.fromkeys(FACTS, 0), **dict.fromkeys(KEY, 1)}])
    lines = journal.read_text().splitlines()
    assert len(lines) == 2
    assert len(json.loads(lines[1])) == len(FACTS) + len(KEY)
    # Of wrong types and without a hash: it is not taken for a finding.
    scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x")
    assert looked == ["a.wav"]


def test_a_disk_that_takes_nothing_does_not_end_a_scan(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", seed=0)
    cache_file(tmp_path).parent.parent.mkdir(parents=True)
    cache_file(tmp_path).parent.write_text("a file where a folder should be")
    with pytest.warns(CorpusWarning, match=r"cannot be kept in .*\.csv .*looked at again"):
        facts = scan(listing_of(tmp_path / "a.wav"), folder=tmp_path, name="x")
    assert facts["frames"][0] == 8000


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_facts_do_not_depend_on_the_size_of_blocks(
    tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).normal(0.05, 0.1, (3 * rate + 17, 2))
    soundfile.write(tmp_path / "a.wav", noise, rate)
    whole = look(str(tmp_path / "a.wav"), 5, 0)
    monkeypatch.setattr("pretrain.data.audio.sound_file.BLOCK_FRAMES", 4096)
    blocks = look(str(tmp_path / "a.wav"), 5, 0)
    assert (blocks.frames, blocks.audio_hash) == (whole.frames, whole.audio_hash)
    for fact in ("deviation", "channel_deviation", "mixed_deviation"):
        assert getattr(blocks, fact) == pytest.approx(getattr(whole, fact), rel=1e-12)
    assert whole.channel_deviation == pytest.approx(noise.std(axis=0).mean(), rel=1e-3)
