"""The results folder comes back as it was written, or says what is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from probe.results import (
    ProbeResults,
    ResultsError,
    can_reuse,
    check_nothing_lost,
    read_results,
    write_results,
)

KEY = {"row": "a,b", "seed": 0, "corpus": "emodb", "protocol": "speaker", "head": "linear"}


def results() -> ProbeResults:
    predictions = {
        "task": "emotion", "fold": "03", "id": '=1+"x"', "speaker": "03", "session": "",
        "target": "NA", "prediction": "sad",
    }  # fmt: skip
    selection = {"task": "emotion", "fold": "03", "layer": "1", "strength": 1e-6, "dev_score": 0.1}
    return ProbeResults(
        run={"kind": "probe", "format": 1, "rows": [{"name": "a,b"}]},
        scores=pd.DataFrame([{**KEY, "layer": "selected", "metric": "ua", "value": 1 / 3}]),
        predictions=pd.DataFrame([{**KEY, **predictions}]),
        folds=pd.DataFrame(
            [{"corpus": "emodb", "protocol": "speaker", "fold": "03", "id": "x", "part": "dev"}]
        ),
        selection=pd.DataFrame([{**KEY, **selection}]),
    )


def test_results_come_back_exactly(tmp_path: Path) -> None:
    write_results(tmp_path / "out", results())
    write_results(tmp_path / "out", results())
    read = read_results(tmp_path / "out")
    assert read.run == results().run
    for name in ("scores", "predictions", "folds", "selection"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(results(), name))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(ResultsError, match="choose another --out"):
        write_results(tmp_path, results())
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_missing_and_damaged_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="not a results folder"):
        read_results(tmp_path)
    write_results(tmp_path / "out", results())
    (tmp_path / "out" / "scores.csv").write_text("row,value\n")
    with pytest.raises(ResultsError, match="must have the columns"):
        read_results(tmp_path / "out")


def test_results_are_reused_for_the_same_inputs_only(tmp_path: Path) -> None:
    inputs = {"rows": [["a", "row", 0, {"final_weights": "1"}]], "git": {"dirty": False}}
    made = results()
    made.run["inputs"] = inputs
    write_results(tmp_path / "out", made)
    assert can_reuse(tmp_path / "out", inputs)
    assert not can_reuse(tmp_path / "nowhere", inputs)
    assert not can_reuse(tmp_path / "out", {**inputs, "git": {"dirty": True}})
    assert can_reuse(tmp_path / "out", {**inputs, "git": {"commit": "later", "dirty": False}})
    assert not can_reuse(tmp_path / "out", {**inputs, "numbers": {"linear": 2}})
    other = {**inputs, "rows": [["a", "row", 0, {"final_weights": "2"}]]}
    assert not can_reuse(tmp_path / "out", other)
    unknown = {**inputs, "rows": [["a", "uncontrolled", 0, {}]]}
    made.run["inputs"] = unknown
    write_results(tmp_path / "out", made)
    assert not can_reuse(tmp_path / "out", unknown)
    made.run["inputs"] = inputs
    write_results(tmp_path / "out", made)
    (tmp_path / "out" / "scores.csv").unlink()
    assert not can_reuse(tmp_path / "out", inputs)


@pytest.mark.parametrize("name", ["scores", "predictions", "folds", "selection"])
def test_a_table_that_was_changed_is_noticed_and_made_again(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    inputs = {"rows": [["a", "row", 0, {"final_weights": "1"}]], "git": {"dirty": False}}
    made = results()
    write_results(folder, replace(made, run={**made.run, "inputs": inputs}))
    assert can_reuse(folder, inputs)
    file = folder / f"{name}.csv"
    file.write_bytes(file.read_bytes().replace(b"emodb", b"emodc"))
    assert not can_reuse(folder, inputs)
    with pytest.raises(ResultsError, match=rf"{name}\.csv is gone or was changed"):
        read_results(folder)


INPUTS: dict[str, Any] = {
    "rows": [["a", "row", 0, {"final_weights": "1"}], ["a", "row", 1, {"final_weights": "2"}]],
    "acoustic": [["mfcc", "mfcc-1"]],
    "corpora": [["emodb", "table", "folds"]],
    "protocol": "speaker",
    "head": {"name": "linear", "settings": {"pooling": "mean"}},
}


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("rows", INPUTS["rows"][:1], "the row a (seed 1)"),
        ("acoustic", [], "the baseline mfcc"),
        ("corpora", [["ravdess", "table", "folds"]], "the corpus emodb"),
        ("protocol", "session", "the protocol speaker"),
        ("head", {"name": "linear", "settings": {}}, "the head linear (pooling=mean)"),
    ],
)
def test_what_would_not_be_computed_again_is_not_replaced(
    key: str, value: object, named: str, tmp_path: Path
) -> None:
    made = results()
    made.run["inputs"] = INPUTS
    write_results(tmp_path / "out", made)
    with pytest.raises(ResultsError, match="Give another --out") as caught:
        check_nothing_lost(tmp_path / "out", {**INPUTS, key: value})
    assert named in str(caught.value)


def test_more_rows_and_other_weights_are_computed_in_the_same_folder(tmp_path: Path) -> None:
    made = results()
    made.run["inputs"] = INPUTS
    write_results(tmp_path / "out", made)
    more = [["a", "row", 0, {"final_weights": "3"}], INPUTS["rows"][1], ["b", "released", 0, {}]]
    check_nothing_lost(tmp_path / "out", {**INPUTS, "rows": more})
    check_nothing_lost(tmp_path / "nowhere", INPUTS)
