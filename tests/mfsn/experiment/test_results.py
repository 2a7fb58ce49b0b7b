"""The tables of a run are its tasks' tables, joined, with scores over all folds."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mfsn.experiment.results import (
    COLUMNS,
    FusionRunError,
    TaskOutput,
    append_line,
    merge,
    read_json,
    read_lines,
    read_run,
    read_table,
    write_output,
)


def prediction(number: int, target: str, answer: str) -> dict[str, Any]:
    return {
        "selection": "dev", "id": f"u{number}", "speaker": "03", "session": "s",
        "target": target, "prediction": answer,
    }  # fmt: skip


def test_scores_are_pooled_over_folds_and_not_means_of_folds(tmp_path: Path) -> None:
    """Fold a: 3 of 3 right, one class. Fold b: 0 of 1. Pooled: recall 3/4 and 0/0 -> one class."""
    outputs = {
        "a": [
            prediction(0, "sad", "sad"),
            prediction(1, "sad", "sad"),
            prediction(2, "sad", "sad"),
        ],
        "b": [prediction(3, "angry", "sad")],
    }
    tasks = []
    for fold, lines in outputs.items():
        write_output(
            tmp_path / fold, TaskOutput(result={"seconds": 2.5}, tables={"predictions": lines})
        )
        tasks.append(({"variant": "tec", "seed": 1, "fold": fold}, tmp_path / fold))
    folds = pd.DataFrame({"fold": ["a"], "id": ["u0"], "part": ["test"]})
    results = merge(tmp_path, tasks, folds)
    assert results[1] == {"variant": "tec", "seed": 1, "fold": "b", "seconds": 2.5}
    scores = read_table(tmp_path / "scores.csv")
    values = dict(zip(scores["metric"], map(float, scores["value"]), strict=True))
    assert values["wa"] == 0.75
    assert values["ua"] == 0.5  # (3/3 + 0/1) / 2
    predictions = read_table(tmp_path / "predictions.csv")
    assert tuple(predictions.columns) == COLUMNS["predictions"]
    assert predictions["fold"].tolist() == ["a", "a", "a", "b"]
    assert not (tmp_path / "alpha.csv").exists()


def test_joining_changes_no_digit_and_leaves_empty_what_is_empty(tmp_path: Path) -> None:
    line = {"epoch": 1, "train_loss": 0.1 + 0.2, "dev_ua": 1 / 3}
    write_output(tmp_path / "a", TaskOutput(result={"seconds": 1}, tables={"epochs": [line]}))
    names = {"variant": "both", "seed": 0, "fold": "03"}
    merge(tmp_path, [(names, tmp_path / "a")], pd.DataFrame(columns=["fold", "id", "part"]))
    (read,) = read_table(tmp_path / "epochs.csv").to_dict("records")
    assert float(read["train_loss"]) == 0.1 + 0.2
    assert float(read["dev_ua"]) == 1 / 3
    assert read["leading"] == ""
    assert read["fold"] == "03"


def test_a_line_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    assert read_lines(path) == []
    append_line(path, {"level": 0})
    with path.open("a") as file:
        file.write('{"level": 1, "opera')
    assert read_lines(path) == [{"level": 0}]
    append_line(path, {"level": 2})
    assert read_lines(path) == [{"level": 0}, {"level": 2}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no run.json"),
        ("{", "not valid JSON"),
        ("[]", "must hold a JSON object"),
        (json.dumps({"kind": "probe"}), "but of 'probe'"),
        (json.dumps({"kind": "mfsn", "format": 99}), "format 99"),
    ],
)
def test_other_folders_are_refused_by_name(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(FusionRunError, match=message) as caught:
        read_run(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FusionRunError, match=r"result\.json cannot be read"):
        read_json(tmp_path / "result.json")


def test_a_result_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    result = tmp_path / "result.json"

    def note(descriptor: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        synced.append((name, result.exists()))

    monkeypatch.setattr(os, "fsync", note)
    write_output(tmp_path, TaskOutput(result={"seconds": 1}))
    assert synced == [(f".result.json.{os.getpid()}", False), (tmp_path.name, True)]
