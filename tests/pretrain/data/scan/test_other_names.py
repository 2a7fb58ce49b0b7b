"""Files whose names a table writes in another form than the disk."""

import unicodedata
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile

from pretrain.data.readers.read import read_corpus
from pretrain.data.scan.other_names import find_files
from pretrain.data.scan.quarantine import CorpusWarning, QuarantineError
from probe.corpora.read import read_probe_corpus

NAME = "\u00fcbung"


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))


def write(path: Path, seed: int = 0, rate: int = 16_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, rate), rate)


def write_table(folder: Path, text: str) -> str:
    (folder / "manifest.csv").write_text(text, encoding="utf-8")
    return f"mine={folder}"


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_names_in_another_unicode_form_are_found(
    tmp_path: Path, on_disk: Literal["NFC", "NFD"], in_table: Literal["NFC", "NFD"]
) -> None:
    folder = unicodedata.normalize(on_disk, NAME)
    rows = ["path,speaker"]
    for number in range(3):
        name = f"{NAME}/{NAME}{number}.wav"
        write(tmp_path / unicodedata.normalize(on_disk, name), number)
        rows.append(f"{unicodedata.normalize(in_table, name)},s{number}")
    spec = write_table(tmp_path, "\n".join(rows) + "\n")
    with pytest.warns(CorpusWarning, match="3 files in another Unicode form"):
        table = read_corpus(spec)
    assert list(table["speaker"]) == ["s0", "s1", "s2"]
    assert all(Path(path).is_file() and folder in path for path in table["path"])


def test_paths_with_backslashes_are_found(tmp_path: Path) -> None:
    write(tmp_path / "clips" / f"{unicodedata.normalize('NFD', NAME)}.wav")
    spec = write_table(tmp_path, f"path\nclips\\{NAME}.wav\n")
    with pytest.warns(CorpusWarning, match="1 files with backslashes"):
        assert len(read_corpus(spec)) == 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (r"C:\data\a.wav", "file not found .its path has backslashes, as on Windows"),
        ("clips/A.WAV", r"file not found .a\.wav is there: the case differs"),
        ("gone.wav", "gone.wav: file not found"),
    ],
)
def test_a_file_that_is_not_found_says_why_perhaps(tmp_path: Path, path: str, said: str) -> None:
    write(tmp_path / "clips" / "a.wav")
    with pytest.raises(QuarantineError, match=said):
        read_corpus(write_table(tmp_path, f"path\n{path}\n"))


def test_a_name_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    names = [NAME, unicodedata.normalize("NFD", NAME)]
    for name in (*names, r"a\b"):
        (tmp_path / name).write_bytes(b"")
    there = [str(tmp_path / name) for name in (*names, r"a\b")]
    assert find_files(there).paths == there
    # Which of two forms is meant by a third, nobody knows.
    mixed = str(tmp_path / "a\u0301\u00fc.wav")
    for name in ("a\u0301u\u0308.wav", "\u00e1\u00fc.wav"):
        (tmp_path / name).write_bytes(b"")
    assert find_files([mixed]).paths == [mixed]


def test_times_in_an_audformat_table_use_the_rate_of_the_file_that_is_found(
    tmp_path: Path,
) -> None:
    write(tmp_path / f"{unicodedata.normalize('NFD', NAME)}.wav", rate=44_100)
    (tmp_path / "table.csv").write_text(f"file,start,end\n{NAME}.wav,0.5,1\n", encoding="utf-8")
    with pytest.warns(CorpusWarning, match="another Unicode form"):
        table = read_probe_corpus(f"mine={tmp_path / 'table.csv'}")
    assert (table["offset"][0], table["frames"][0]) == (22_050, 22_050)
