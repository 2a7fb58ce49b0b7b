"""The same person or class under several forms of its name, from a manifest to the folds."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.scan.quarantine import CorpusWarning
from probe.corpora.read import read_probe_corpus
from probe.corpora.targets import find_tasks
from probe.folds.divide import divide
from probe.folds.protocols import SplitError

JUERGEN = "J\u00fcrgen"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    for place in range(12):
        noise = np.random.default_rng(place).normal(0, 0.1, 8000)
        soundfile.write(tmp_path / f"{place}.wav", noise, 16_000)
    return tmp_path


def write(folder: Path, speakers: list[str], emotions: list[str]) -> str:
    rows = [
        f"{place}.wav,{speakers[place % len(speakers)]},{emotions[place % len(emotions)]}"
        for place in range(12)
    ]
    lines = ["path,speaker,emotion", *rows]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"mine={folder}"


def test_a_person_under_two_unicode_forms_is_never_in_training_and_test(folder: Path) -> None:
    names = [JUERGEN, unicodedata.normalize("NFD", JUERGEN), "Ann", "Bo"]
    with pytest.warns(CorpusWarning, match="`speaker` has names that differ only in Unicode form"):
        table = read_probe_corpus(write(folder, names, ["sad", "glad", "glad"]))
    folds = divide(table, "speaker").folds
    assert sorted(folds["fold"].unique()) == ["Ann", "Bo", JUERGEN]
    (task,) = find_tasks(table)
    assert task.classes == ("glad", "sad")


def test_unknown_people_are_not_one_speaker_of_their_own(folder: Path) -> None:
    with pytest.warns(CorpusWarning, match="an unknown speaker where it is 'nan'"):
        table = read_probe_corpus(write(folder, ["Ann", "Bo", "Cy", "nan"], ["sad", "glad"]))
    with pytest.raises(SplitError, match="needs the speaker of every utterance, but 3 of 12"):
        divide(table, "speaker")
    notes = divide(table, "random10").notes
    assert notes  # the protocol that needs no speakers goes on


def test_a_label_of_nothing_is_no_class(folder: Path) -> None:
    spec = write(folder, ["Ann", "Bo", "Cy"], ["sad", "glad", "None", "sad"])
    with pytest.warns(
        CorpusWarning, match=r"`emotion` counts as no label where it is 'None' \(3\)"
    ):
        (task,) = find_tasks(read_probe_corpus(spec))
    assert task.classes == ("glad", "sad")
    assert int(task.labelled.sum()) == 9


def test_classes_that_differ_in_case_are_told_by_name(folder: Path) -> None:
    spec = write(folder, ["3", "03", "Bo"], ["Neutral", "neutral", "sad"])
    with pytest.warns(CorpusWarning) as caught:
        table = read_probe_corpus(spec)
    told = " ".join(str(warning.message) for warning in caught)
    assert "'Neutral' (4) and 'neutral' (4)" in told
    assert "'03' (4) and '3' (4)" in told
    assert table["emotion"].nunique() == 3
