"""The scan of a corpus and its cache."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data import scan as scan_module
from pretrain.data.scan import Facts, cache_file, scan


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
