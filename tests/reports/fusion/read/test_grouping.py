"""Which runs of MFSN stand in one table, and which must not."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.collect import collect
from reports.fusion.evidence import evidence
from reports.fusion.exhaustive import checks
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.grouping import mfsn_grids
from tests.reports.mfsn_folders import make_exhaustive, make_mfsn

SMALL: dict[str, Any] = {"per_speaker": 16, "seeds": (0, 1)}


def one_grid(*folders: Path) -> MfsnGrid:
    (grid,) = mfsn_grids(collect([str(folder) for folder in folders]).mfsn, [])
    return grid


def test_runs_of_equal_settings_share_a_table_and_others_do_not(tmp_path: Path) -> None:
    make_mfsn(tmp_path / "a", variants=("tec",), **SMALL)
    make_mfsn(tmp_path / "b", variants=("mfsn",), **SMALL)
    make_mfsn(tmp_path / "c", variants=("both",), settings={"fit": {"lr": 1e-2}}, **SMALL)
    make_mfsn(tmp_path / "d", variants=("tec",), **SMALL)
    notices: list[str] = []
    found = mfsn_grids(collect([str(tmp_path / "*")]).mfsn, notices)
    assert [[run.folder.name for run in grid.runs] for grid in found] == [["a", "b"], ["c"], ["d"]]
    assert len({grid.slug for grid in found}) == 3
    assert "are not compared" in notices[0]
    assert ("tec", "ua") in evidence(found[0]).differences


def test_every_head_has_a_table_of_its_own_that_names_it(tmp_path: Path) -> None:
    make_mfsn(tmp_path / "a", **SMALL)
    named = {"head": {"pooling": "content"}, "fusion": {"num_cells": 1}, "fit": {"lr": 1e-3}}
    make_mfsn(tmp_path / "b", settings=named, **SMALL)
    notices: list[str] = []
    found = mfsn_grids(collect([str(tmp_path / "*")]).mfsn, notices)
    assert [grid.title.rpartition(", ")[2] for grid in found] == ["Co-attention", "content head"]
    assert [grid.slug for grid in found] == ["synthetic-speaker", "synthetic-speaker-content"]
    assert not any("are not compared" in notice for notice in notices)


@pytest.mark.parametrize(
    ("variants", "encoder"),
    [(("mfsn",), "continuous-k1"), (("both",), "continuous-k1"), (("mfsn",), "quantized-g2v8")],
)
def test_runs_of_other_speech_encoders_share_no_table_whatever_the_roles(
    tmp_path: Path, variants: tuple[str, ...], encoder: str
) -> None:
    ablation = make_mfsn(tmp_path / "a", per_speaker=16, seeds=(0,))
    settings: dict[str, Any] = {"per_speaker": 16, "seeds": (1,), "sec": "sec"}
    same = make_mfsn(tmp_path / "b", variants=variants, **settings)
    settings["sec_encoder"] = encoder  # the last one is the ablation's, but not beside its TEC
    other = make_mfsn(tmp_path / "c", variants=variants, **settings)
    assert len(one_grid(ablation, same).runs) == 2
    found = mfsn_grids(collect([str(ablation), str(other)]).mfsn, [])
    assert [len(grid.runs) for grid in found] == [1, 1]
    assert len(found[0].scores(variants[0], "ua")) == 1


def test_a_lone_speech_encoder_must_be_one_of_the_others(tmp_path: Path) -> None:
    ablation = make_mfsn(tmp_path / "a", **SMALL)
    for name, encoder, number in (("b", "continuous-k4", 1), ("c", "continuous-k1", 2)):
        folder = make_mfsn(tmp_path / name, variants=("sec-continuous",), sec="sec",
                           sec_encoder=encoder, **SMALL)  # fmt: skip
        for file in ("run.json", "scores.csv", "predictions.csv"):
            text = (folder / file).read_text().replace("sec-continuous", "sec")
            (folder / file).write_text(text)
        runs = collect([str(ablation), str(folder)]).mfsn
        assert [len(mfsn_grids(order, [])) for order in (runs, runs[::-1])] == [number] * 2


def test_only_the_settings_that_a_network_uses_keep_runs_apart(tmp_path: Path) -> None:
    def settings(alpha_lr: float, ism: str) -> dict[str, Any]:
        fit = {"lr": 1e-3}
        return {"fusion": {"ism": ism}, "fit": fit, "search": {"alpha_lr": alpha_lr}}

    make_mfsn(tmp_path / "a", variants=("mfsn",), settings=settings(0.05, "gated"), **SMALL)
    make_mfsn(tmp_path / "b", variants=("both",), settings=settings(5.0, "channel"), **SMALL)
    assert len(one_grid(tmp_path / "a", tmp_path / "b").runs) == 2
    later: dict[str, Any] = {"per_speaker": 16, "seeds": (2,)}
    make_mfsn(tmp_path / "c", variants=("mfsn",), settings=settings(5.0, "gated"), **later)
    make_mfsn(tmp_path / "d", variants=("mfsn",), settings=settings(0.05, "channel"), **later)
    for name in ("c", "d"):
        found = mfsn_grids(collect([str(tmp_path / "a"), str(tmp_path / name)]).mfsn, [])
        assert len(found) == 2


def test_an_exhaustive_run_joins_the_search_it_judges(tmp_path: Path) -> None:
    make_mfsn(tmp_path / "a", **SMALL)
    folder = make_mfsn(tmp_path / "b", variants=(), action="exhaust", folds=["speaker-s00"])
    for name in ("scores", "predictions"):
        (folder / f"{name}.csv").unlink()
    make_exhaustive(folder, (0,), ("speaker-s00",))
    grid = one_grid(tmp_path / "a", folder)
    assert len(grid.runs) == 2
    (check,) = checks(grid)
    assert check.size == 24
    assert check.found is not None


def test_two_checks_of_one_fold_do_not_become_one(tmp_path: Path) -> None:
    make_mfsn(tmp_path / "a", exhaustive_folds=1, **SMALL)
    folder = make_mfsn(tmp_path / "b", variants=(), action="exhaust", folds=["speaker-s00"])
    for name in ("scores", "predictions"):
        (folder / f"{name}.csv").unlink()
    make_exhaustive(folder, (0,), ("speaker-s00",))
    found = mfsn_grids(collect([str(tmp_path / "*")]).mfsn, [])
    assert [[check.size for check in checks(grid)] for grid in found] == [[24], [24]]


def make_check(folder: Path, **changes: Any) -> Path:
    """An exhaustive run of TEC and SEC, without scores."""
    make_mfsn(folder, variants=("mfsn",), action="exhaust", folds=["speaker-s00"], **changes)
    record = json.loads((folder / "run.json").read_text())
    record["variants"][0] |= {"name": "exhaust", "search": False}
    (folder / "run.json").write_text(json.dumps(record))
    for name in ("scores", "predictions", "structures", "alpha", "epochs"):
        (folder / f"{name}.csv").unlink()
    make_exhaustive(folder, (0,), ("speaker-s00",))
    return folder


@pytest.mark.slow
def test_a_check_joins_a_search_of_the_same_encoders_under_other_roles(tmp_path: Path) -> None:
    ablation = make_mfsn(tmp_path / "a", after="keep", **SMALL)
    same = make_check(tmp_path / "b", sec="sec")
    assert len(one_grid(ablation, same).runs) == 2
    other = make_check(tmp_path / "c", sec="sec", sec_encoder="continuous-k1")
    assert len(mfsn_grids(collect([str(ablation), str(other)]).mfsn, [])) == 2
    bigger = make_check(tmp_path / "d", sec="sec", num_cells=2)
    assert len(mfsn_grids(collect([str(ablation), str(bigger)]).mfsn, [])) == 2
