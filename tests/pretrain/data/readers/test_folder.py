"""What is found in a folder: every format, nothing twice, nothing left out without a word."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.readers.folder import audio_files
from pretrain.data.readers.read import read_corpus
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.tables.delimited import read_csv


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    return tmp_path / "corpus"


def write(path: Path, seed: int, **how: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 8000), 16000, **how)


OTHERS = {
    "aiff": "AIFF", "aif": "AIFF", "au": "AU", "snd": "AU", "w64": "W64", "sph": "NIST",
    "caf": "CAF", "rf64": "RF64", "voc": "VOC", "oga": "OGG",
}  # fmt: skip


def test_every_format_that_can_be_decoded_is_read(corpus: Path) -> None:
    for number, (ending, kind) in enumerate(OTHERS.items()):
        write(corpus / f"{number}.{ending}", number, format=kind)
    write(corpus / "a.wav", 99)
    table = read_corpus(f"folder={corpus}")
    assert len(table) == len(OTHERS) + 1
    assert set(table["frames"]) == {8000}
    assert table["audio_hash"].nunique() == len(table)


def test_sound_that_cannot_be_decoded_is_counted_by_its_ending(corpus: Path) -> None:
    write(corpus / "a.wav", 0)
    for name in ("b.m4a", "c.M4A", "deep/d.amr", "notes.txt", ".hidden.m4a"):
        (corpus / name).parent.mkdir(exist_ok=True)
        (corpus / name).write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.warns(CorpusWarning, match=r"3 files .* \(1 \.amr, 2 \.m4a\).*ffmpeg"):
        assert len(read_corpus(f"folder={corpus}")) == 1


def test_a_folder_of_nothing_but_such_files_says_so(corpus: Path) -> None:
    (corpus / "b.wma").write_bytes(b"x")
    with (
        pytest.warns(CorpusWarning, match=r"1 \.wma"),
        pytest.raises(ValueError, match="holds none"),
    ):
        audio_files(corpus)


def test_a_pipe_is_set_aside_and_not_waited_for(corpus: Path, tmp_path: Path) -> None:
    for number in range(30):
        write(corpus / f"{number}.wav", number)
    os.mkfifo(corpus / "pipe.wav")
    place = tmp_path / "quarantine.csv"
    with pytest.warns(CorpusWarning, match="1 of 31 files"):
        assert len(read_corpus(f"folder={corpus}", quarantine_file=place)) == 30
    assert "is a pipe, a socket or a device" in read_csv(place)["reason"][0]


@pytest.mark.parametrize("num_folders", [2, 3])
def test_folders_that_link_to_each_other_are_read_once(corpus: Path, num_folders: int) -> None:
    for number in range(num_folders):
        write(corpus / f"f{number}" / f"{number}.wav", number)
    for number in range(num_folders):
        for other in range(num_folders):
            if other != number:
                (corpus / f"f{number}" / f"to{other}").symlink_to(corpus / f"f{other}")
    with pytest.warns(CorpusWarning, match="reachable by more than one path.* read once"):
        table = read_corpus(f"folder={corpus}")
    assert list(table["id"]) == [f"folder/f{number}/{number}" for number in range(num_folders)]


def test_a_file_counts_under_its_own_path_and_links_only_where_it_has_none(
    corpus: Path, tmp_path: Path
) -> None:
    write(corpus / "z.wav", 0)
    (corpus / "a.wav").symlink_to(corpus / "z.wav")
    write(tmp_path / "store" / "0001.wav", 1)
    (corpus / "b.wav").symlink_to(tmp_path / "store" / "0001.wav")
    (corpus / "c.wav").symlink_to(tmp_path / "store" / "0001.wav")
    with pytest.warns(CorpusWarning, match=r"2 folders or files .*a\.wav"):
        found = audio_files(corpus)
    assert found == [str(corpus / "b.wav"), str(corpus / "z.wav")]


def test_a_corpus_of_links_only_is_read(corpus: Path, tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "store" / f"x{number}.wav", number)
        (corpus / f"{number}.wav").symlink_to(tmp_path / "store" / f"x{number}.wav")
    assert list(read_corpus(f"folder={corpus}")["id"]) == ["folder/0", "folder/1", "folder/2"]
