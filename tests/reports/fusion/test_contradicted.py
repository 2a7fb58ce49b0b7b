"""Whom networks follow where words and voice disagree, by hand-made answers."""

import json
from pathlib import Path

import pandas as pd

from reports.collect import collect
from reports.fusion.contradicted import contradicted_table, with_words
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.grouping import mfsn_grids
from tests.reports.mfsn_folders import make_mfsn

CLASSES = ("angry", "bored", "happy", "sad")

ORACLE = {
    "ua": {"words": 0.5, "both": 0.9},
    "contradicted": {
        "words": {"right": 0.0, "follows_words": 1.0},
        "both": {"right": 0.95, "follows_words": 0.04},
    },
}


def grid_of(folder: Path) -> MfsnGrid:
    (grid,) = mfsn_grids(collect([str(folder)]).mfsn, [])
    return grid


def with_answers(folder: Path) -> Path:
    """TEC follows the words, MFSN the voice; every third utterance is contradicted, and the words
    of another third are neutral."""
    make_mfsn(
        folder, per_speaker=12, seeds=(0,), variants=("tec", "mfsn"), oracle=ORACLE, classes=CLASSES
    )
    frame = pd.read_csv(folder / "predictions.csv", dtype=str)
    classes = sorted(set(frame["target"]))
    kind = frame["id"].str[-3:].astype(int) % 3
    other = frame["target"].map(dict(zip(classes, [*classes[1:], classes[0]], strict=True)))
    words = other.where(kind == 0, frame["target"]).where(kind != 1, "neutral")
    frame["prediction"] = frame["target"].where(frame["variant"] == "mfsn", words)
    frame["prediction"] = frame["prediction"].where(frame["prediction"] != "neutral", classes[0])
    frame.to_csv(folder / "predictions.csv", index=False)
    said = frame.assign(word_emotion=words)[["id", "word_emotion"]].drop_duplicates("id")
    said.to_csv(folder / "words.csv", index=False)
    return folder


def test_who_follows_the_voice_and_who_the_words(tmp_path: Path) -> None:
    table = contradicted_table(grid_of(with_answers(tmp_path / "m")), {})
    assert table is not None
    cells = {line.cells["network"].text: line.cells for line in table.lines}
    searched = cells["TEC and SEC, with search (MFSN)"]
    assert [searched[key].text for key in ("ua", "right", "follows", "neither")] == [
        "100.0", "100.0", "0.0", "0.0",
    ]  # fmt: skip
    text = cells["TEC only (Co-attention)"]
    assert [text[key].text for key in ("right", "follows", "neither")] == ["0.0", "100.0", "0.0"]
    assert cells["hears both: the ceiling"]["ua"].text == "90.0"
    assert cells["hears the words only"]["follows"].text == "100.0"
    assert "Co-attention" in table.title


def test_neutral_words_contradict_nothing(tmp_path: Path) -> None:
    frame = with_words(grid_of(with_answers(tmp_path / "m")), "tec")
    assert not frame["contradicted"][frame["word_emotion"] == "neutral"].any()
    assert frame["contradicted"].tolist() == (frame["id"].str[-3:].astype(int) % 3 == 0).tolist()


def test_without_known_words_there_is_no_table(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", per_speaker=12, seeds=(0,))
    assert "oracle" not in json.loads((folder / "run.json").read_text())
    assert contradicted_table(grid_of(folder), {}) is None
