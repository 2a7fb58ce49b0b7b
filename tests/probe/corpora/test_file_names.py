"""EmoDB and RAVDESS, read from their file names."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.tables.delimited import read_csv
from pretrain.data.tables.utterances import table_hash
from probe.corpora.read import read_probe_corpus
from tests.conftest import RealSpeech

RAVDESS_TWINS = "ravdess/03-01-03-01-02-01-07 = ravdess/03-01-03-01-02-02-07"


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def write(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).normal(0, 0.1, 8000)
        soundfile.write(folder / name, noise, 16000)


def messages(caught: pytest.WarningsRecorder) -> str:
    return "\n".join(str(warning.message) for warning in caught)


def test_emodb_names_give_speaker_session_emotion_and_text(tmp_path: Path) -> None:
    letters = "WLEAFTN"
    names = [f"03a01{letter}a.wav" for letter in letters] + ["16b10Wb.wav", "08a02F.wav"]
    write(tmp_path / "wav", *names)
    with pytest.warns(CorpusWarning) as caught:
        table = read_probe_corpus(f"emodb:incomplete={tmp_path}").set_index("id")
    assert [table.at[f"emodb/03a01{letter}a", "emotion"] for letter in letters] == [
        "anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral",
    ]  # fmt: skip
    assert table.at["emodb/16b10Wb", "speaker"] == "16"
    assert table.at["emodb/16b10Wb", "session"] == "5"
    assert table.at["emodb/03a01Fa", "session"] == "1"
    assert table.at["emodb/08a02F", "session"] == "1"
    assert table.at["emodb/03a01Fa", "text"] == "Der Lappen liegt auf dem Eisschrank."
    assert "9 utterances (535 are published)" in messages(caught)
    assert "emotion anger: 2 instead of 127 (-125)" in messages(caught)
    assert "speaker 09: 0 instead of 43 (-43)" in messages(caught)


def test_ravdess_names_give_speaker_session_emotion_and_text(tmp_path: Path) -> None:
    write(
        tmp_path,
        "Actor_12/03-01-06-01-02-01-12.wav",
        "Actor_11/03-01-02-02-01-02-11.wav",
        "Actor_11/03-02-02-02-01-02-11.wav",
    )
    with pytest.warns(CorpusWarning) as caught:
        table = read_probe_corpus(f"ravdess:incomplete={tmp_path}").set_index("id")
    assert list(table.index) == ["ravdess/03-01-02-02-01-02-11", "ravdess/03-01-06-01-02-01-12"]
    assert list(table["emotion"]) == ["calm", "fearful"]
    assert list(table["speaker"]) == ["11", "12"]
    assert list(table["session"]) == ["6", "6"]
    assert list(table["text"]) == ["Kids are talking by the door", "Dogs are sitting by the door"]
    assert "1 files" in messages(caught)  # the song
    assert "lacks 1438 of 1440 published files: 03-01-01-01-01-01-01, " in messages(caught)
    assert "emotion neutral: 0 instead of 96 (-96)" in messages(caught)


@pytest.mark.parametrize(
    ("corpus", "name"), [("emodb", "03a01Fa"), ("ravdess", "03-01-06-01-02-01-12")]
)
def test_a_second_copy_of_a_file_is_refused_with_both_places(
    tmp_path: Path, corpus: str, name: str
) -> None:
    write(tmp_path, f"one/{name}.wav", f"two/{name}.wav")
    with pytest.raises(ValueError, match=rf"{name} is there twice: .*one.* and .*two"):
        read_probe_corpus(f"{corpus}={tmp_path}")


@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
@pytest.mark.parametrize("name", ["hello", "03a01Xa", "17a01Fa", "03a03Fa", "03-01-09-01-02-01-12"])
def test_other_files_are_refused(tmp_path: Path, corpus: str, name: str) -> None:
    write(tmp_path, f"{name}.wav")
    with pytest.raises(ValueError, match=rf"{corpus} under their original names.*{name}"):
        read_probe_corpus(f"{corpus}={tmp_path}")


def test_an_unknown_corpus_names_those_of_the_probe(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'ravdess'.*emodb, ravdess"):
        read_probe_corpus(f"radvess={tmp_path}")


@pytest.mark.parametrize(("corpus", "total"), [("emodb", 535), ("ravdess", 1440)])
def test_real_names_give_the_manifest_and_the_published_counts(
    corpus: str, total: int, real_speech: RealSpeech
) -> None:
    folder = real_speech(corpus)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = read_probe_corpus(f"{corpus}={folder}")
    told = [str(warning.message) for warning in caught if warning.category is CorpusWarning]
    assert len(told) == (1 if corpus == "ravdess" else 0)
    assert all(RAVDESS_TWINS in text for text in told)
    assert len(table) == total
    manifest = read_csv(folder / "manifest.csv")
    manifest.index = manifest["path"].map(lambda path: f"{corpus}/{Path(path).stem}")
    for column in ("speaker", "session", "emotion", "text"):
        assert list(table[column]) == list(manifest.loc[table["id"], column])
    assert table["audio_hash"].nunique() == total - (corpus == "ravdess")
    assert table_hash(table) == table_hash(table.sample(frac=1.0, random_state=0))
