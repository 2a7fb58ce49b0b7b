"""What makes numbers of MFSN doubtful stands beside them: folds, encoders, constant networks."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.assemble import build
from reports.collect import Collection, collect
from reports.fusion.evidence import evidence
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.encoder_health import doubts
from reports.fusion.read.grouping import mfsn_grids
from reports.fusion.section import Fusion, fusion
from reports.fusion.sentences import sentences
from tests.reports.conftest import make_pretrain, make_probe, stub
from tests.reports.mfsn_folders import make_mfsn
from tests.reports.read.test_collapse import collapse

SMALL: dict[str, Any] = {"per_speaker": 12, "seeds": (0,)}


def shown(folder: Path, *others: Path) -> tuple[MfsnGrid, Fusion]:
    runs: Collection = collect([str(folder), *map(str, others)])
    (grid,) = mfsn_grids(runs.mfsn, [])
    found = fusion(
        [grid], lambda x: stub(x, folder.parent / "figures"), runs.pretrain, runs.finetune
    )
    assert found is not None
    return grid, found


def flags(found: Fusion) -> dict[str, dict[str, str]]:
    """Returns table -> network -> words of warning."""
    ablation = found.sections[0].ablation
    assert ablation is not None
    return {
        table.name.partition("-")[0]: {
            cell.text: cell.flag for line in table.lines if (cell := line.cells[key]).flag
        }
        for table, key in ((found.table_1, "system"), (ablation, "variant"))
    }


def edit(folder: Path, change: Any) -> None:
    record = json.loads((folder / "run.json").read_text())
    change(record)
    (folder / "run.json").write_text(json.dumps(record))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["protocol_folds", "num_folds"])
def test_some_of_the_folds_are_called_so_wherever_numbers_stand(tmp_path: Path, how: str) -> None:
    folder = make_mfsn(tmp_path / "m", **SMALL)

    def more(record: dict[str, Any]) -> None:
        if how == "num_folds":
            record["corpus"]["num_folds"] = 18
        else:
            record["protocol_folds"] = [*record["folds"], *"abcdefgh"]

    edit(folder, more)
    grid, found = shown(folder)
    assert grid.title.endswith("leave one speaker out, 10 of 18 folds, Co-attention")
    ours = [line for line in found.table_1.lines if line.cells["source"].text == "measured"]
    assert {(x.cells["folds"].text, x.cells["folds"].flag) for x in ours} == {
        ("10 of 18 folds", "not all")
    }
    assert any("only 10 of 18 folds were run" in note for note in found.table_1.notes)
    said = sentences(grid, evidence(grid))
    assert said[0].startswith("Only 10 of 18 folds were run")
    edit(folder, lambda record: record.update(protocol_folds=record["folds"]))
    grid, found = shown(folder)
    assert "fold" not in grid.title
    assert not any(
        line.cells["folds"].flag for line in found.table_1.lines if "folds" in line.cells
    )
    assert not any("folds were run" in sentence for sentence in sentences(grid, evidence(grid)))


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_networks_that_answer_one_class_raise_a_banner(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", **SMALL)
    assert not shown(folder)[1].sections[0].alarms
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    first = table["fold"].isin(["speaker-s00", "speaker-s01"])
    table.loc[(table["variant"] == "tec") & first, "prediction"] = "sad"
    table.to_csv(folder / "predictions.csv", index=False)
    _, found = shown(folder)
    (alarm,) = found.sections[0].alarms
    assert "TEC only (Co-attention) 2 of 10" in alarm
    assert flags(found)["table5"] == {"TEC only (Co-attention)": "one class in 2 of 10"}
    assert flags(found)["table1"] == {"TEC only (Co-attention)": "one class in 2 of 10"}
    page = build([str(folder)], tmp_path / "out", command="x").read_text()
    opening = page[page.index("<body>") : page.index("<nav>")]
    assert "with one class: TEC only (Co-attention) 2 of 10" in opening


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_probed_row_that_answers_one_class_raises_one_too(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=("quantized-g2v2", "continuous-k4"), seeds=(0, 1))
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    chosen = (table["row"] == "continuous-k4") & (table["task"] == "emotion")
    table.loc[chosen & (table["seed"] == "1"), "prediction"] = "sad"
    table.to_csv(folder / "predictions.csv", index=False)
    page = build([str(folder)], tmp_path / "out", command="x").read_text()
    opening = page[page.index("<body>") : page.index("<nav>")]
    assert (
        "continuous K=4 answers every test utterance with one class (with 1 of 2 seeds)" in opening
    )
    assert "constant answers" not in opening


@pytest.mark.slow
@pytest.mark.parametrize("where", ["given", "in its folder"])
def test_a_collapse_of_an_encoder_is_carried_over(tmp_path: Path, where: str) -> None:
    hashes = {"final_weights": "c0ffee"}
    encoder = collapse(make_pretrain(tmp_path / "row", "quantized-g2v8", hashes=hashes))
    folder = make_mfsn(tmp_path / "m", **SMALL)

    def same(record: dict[str, Any]) -> None:
        entry = record["encoders"]["sec-quantized"]
        entry["hashes"]["final_weights"] = "c0ffee"
        entry["folder"] = str(encoder) if where == "in its folder" else "moved/away"

    edit(folder, same)
    _, found = shown(folder, *([encoder] if where == "given" else []))
    assert flags(found)["table5"] == {
        "SEC quantized, no TEC (Co-attention)": "SEC-quantized: collapsed"
    }
    assert any(
        "SEC-quantized (quantized-g2v8) collapsed, so" in x for x in found.sections[0].alarms
    )
    encoders = {
        x.cells["role"].text: x.cells["name"].flag for x in found.sections[0].encoders.lines
    }
    assert encoders == {"TEC": "", "SEC-quantized": "collapsed", "SEC-continuous": ""}
    # Other weights in that folder are another encoder.
    edit(encoder, lambda record: record["hashes"].update(final_weights="other"))
    _, found = shown(folder, *([encoder] if where == "given" else []))
    assert not found.sections[0].alarms


def doubted(folder: Path, **entries: dict[str, Any]) -> dict[str, str]:
    """Returns role -> flag for changed entries of encoders."""

    def change(record: dict[str, Any]) -> None:
        for role, changes in entries.items():
            record["encoders"][role.replace("_", "-")].update(changes)

    edit(folder, change)
    (grid,) = mfsn_grids(collect([str(folder)]).mfsn, [])
    return {doubt.role: doubt.flag for doubt in doubts(grid, [], [])}


def test_encoders_that_are_not_what_their_role_says_are_named(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", **SMALL)
    assert doubted(folder) == {}
    swapped = doubted(folder, sec_quantized={"mode": "continuous"}, sec_continuous={"mode": ""})
    assert swapped == {"sec-quantized": "continuous targets", "sec-continuous": "targets unknown"}
    right = {"sec_quantized": {"mode": "quantized"}, "sec_continuous": {"mode": "continuous"}}
    for changes, flag in (
        ({"finetuned_on": None}, "not fine-tuned"),
        ({"finetuned": False, "finetuned_on": None}, "not fine-tuned"),
        ({"finetuned": True, "finetuned_on": "x", "cer": 1.0}, "does not read"),
        ({"cer": 0.8, "constant_cer": 0.7}, "does not read"),
        ({"cer": 0.6, "health": [{"update": 3, "meaning": "one live centre"}]}, "see health"),
    ):
        assert doubted(folder, tec=changes, **right) == {"tec": flag}


def test_what_a_run_warned_of_is_among_what_is_missing_or_partial(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", warnings=["--tec x was never fine-tuned."], **SMALL)
    assert f"{folder}: --tec x was never fine-tuned." in collect([str(folder)]).notices
