"""Networks are tested on the test part of their own folds, or on strangers; never in between."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mfsn.data.corpus import read_emotion_corpus
from mfsn.experiment.evaluation import corpus_to_test
from mfsn.experiment.prepare import from_anywhere
from mfsn.experiment.results import FusionRunError, write_table
from pretrain.shared.random_streams import generator
from tests.probe.split_corpora import write_emobox

NAMES = [f"{speaker}{number}" for speaker in "abcd" for number in range(3)]
SPLITS = {"a": "test", "b": "dev"}
FOLD = {"train": NAMES[3:], "test": NAMES[:3]}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A corpus of four speakers: a is tested, b chooses, c and d are trained on."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = ["path,speaker,session,emotion,split"]
    for number, name in enumerate(NAMES):
        samples = generator("evaluation", number).normal(0, 0.05, 8_000)
        soundfile.write(folder / f"{name}.wav", samples.astype(np.float32), 16_000)
        emotion, split = ("sad", "angry")[number % 2], SPLITS.get(name[0], "train")
        lines.append(f"{name}.wav,{name[0]},,{emotion},{split}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"mine={folder / 'manifest.csv'}"


def trained(folder: Path, spec: str, protocol: str) -> dict[str, Any]:
    """What `evaluate` reads of a run on this corpus."""
    corpus = read_emotion_corpus(spec, protocol)
    folder.mkdir()
    write_table(folder / "utterances.csv", corpus.table[["id", "speaker", "session", "audio_hash"]])
    write_table(folder / "folds.csv", corpus.folds)
    return {
        "corpus": corpus.described,
        "protocol": protocol.partition("=")[0],
        "protocol_spec": from_anywhere(protocol),
        "folds": list(corpus.parts),
    }


def ids_tested(folder: Path, spec: str, run: dict[str, Any]) -> dict[str, set[str]]:
    corpus = corpus_to_test(spec, folder, run)
    return {
        name: {str(id_)[5:] for id_ in corpus.table["id"].iloc[part.test]}
        for name, part in corpus.parts.items()
    }


def test_the_runs_own_corpus_is_known_where_the_protocol_chooses_among_copies(
    spec: str, tmp_path: Path
) -> None:
    manifest = Path(spec.partition("=")[2])
    # The tested copy d0 stays, though b0 comes first.
    (manifest.parent / "b0.wav").write_bytes((manifest.parent / "d0.wav").read_bytes())
    manifest.write_text(
        manifest.read_text().replace("d0.wav,d,,angry,train", "d0.wav,d,,angry,test")
    )
    run = trained(tmp_path / "run", spec, "official")
    assert ids_tested(tmp_path / "run", spec, run) == {"official": {"a0", "a1", "a2", "d0"}}


def test_the_runs_own_corpus_is_known_where_lists_leave_some_out(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Path(spec.partition("=")[2])
    text = manifest.read_text()
    manifest.write_text(text.replace("d2.wav,d,,angry,train", "d2.wav,d,,,train"))
    write_emobox(tmp_path / "box", {1: {"train": NAMES[3:-1], "test": NAMES[:3]}})
    monkeypatch.chdir(tmp_path)
    run = trained(tmp_path / "run", spec, "emobox=box")
    monkeypatch.chdir(manifest.parent)  # evaluated from elsewhere
    assert ids_tested(tmp_path / "run", spec, run) == {"01": {"a0", "a1", "a2"}}


@pytest.mark.parametrize("of_before", [False, True])
def test_other_lists_than_those_of_the_training_are_refused(
    of_before: bool, spec: str, tmp_path: Path
) -> None:
    box = write_emobox(tmp_path / "box", {1: FOLD})
    run = trained(tmp_path / "run", spec, f"emobox={box}")
    if of_before:
        del run["corpus"]["folds_hash"]
    assert ids_tested(tmp_path / "run", spec, run) == {"01": {"a0", "a1", "a2"}}
    write_emobox(box, {1: {"train": [*NAMES[:3], *NAMES[6:]], "test": NAMES[3:6]}})
    with pytest.raises(FusionRunError, match=f"other folds now .* Restore the lists in {box} to"):
        ids_tested(tmp_path / "run", spec, run)


def test_lists_that_are_gone_make_no_stranger_of_the_runs_own_corpus(
    spec: str, tmp_path: Path
) -> None:
    box = write_emobox(tmp_path / "box", {1: FOLD})
    run = trained(tmp_path / "run", spec, f"emobox={box}")
    box.rename(tmp_path / "elsewhere")
    with pytest.raises(FusionRunError, match=f"12 of its recordings .* the lists in {box} as they"):
        ids_tested(tmp_path / "run", spec, run)
