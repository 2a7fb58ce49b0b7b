"""What the report says of searches: structures, weights, and the check against all structures."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.collect import collect
from reports.fusion.exhaustive import checks, exhaustive_sentences
from reports.fusion.grid import MfsnGrid
from reports.fusion.grouping import mfsn_grids
from reports.fusion.searches import kept_weights, most_frequent, search_sentences, searches
from tests.reports.mfsn_folders import make_exhaustive, make_mfsn

SMALL: dict[str, Any] = {"per_speaker": 16, "seeds": (0, 1)}


def one_grid(*folders: Path) -> MfsnGrid:
    (grid,) = mfsn_grids(collect([str(folder) for folder in folders]).mfsn, [])
    return grid


@pytest.mark.parametrize("num_cells", [1, 2])
def test_the_weights_shown_are_those_of_the_kept_epoch(tmp_path: Path, num_cells: int) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), num_cells=num_cells, **SMALL)
    grid = one_grid(folder)
    found = searches(grid)
    assert len(found) == 20
    assert all(len(one.operations) == num_cells for one in found)
    weights = kept_weights(grid, found)
    assert len(weights) == 20 * num_cells * 8
    one = found[7]
    alpha = pd.read_csv(folder / "alpha.csv")
    own = alpha[(alpha["seed"] == int(one.seed)) & (alpha["fold"] == one.fold)]
    own = own[own["epoch"] == one.epoch]
    shown = weights[(weights["seed"] == one.seed) & (weights["fold"] == one.fold)]
    assert sorted(shown["weight"]) == pytest.approx(sorted(own["weight"]))
    leader = own[own["cell"] == 0].sort_values("weight")["operation"].iloc[-1]
    assert one.operations[0] == leader


def test_the_most_frequent_structure_and_zero_are_said(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), **SMALL)
    frame = pd.read_csv(folder / "structures.csv")
    frame["operations"] = ["zero"] * 12 + ["sum"] * 8
    frame["level"] = "1"
    frame.to_csv(folder / "structures.csv", index=False)
    grid = one_grid(folder)
    found = searches(grid)
    one, times = most_frequent(found)
    assert (one.level, one.operations, times) == ("middle", ("zero",), 12)
    said = " ".join(search_sentences(grid, found))
    assert "20 searches found 2 different structures; most often middle: zero (12 of 20)" in said
    assert "Zero won in 12 of 20 searches" in said


def test_a_search_that_hardly_decides_is_said_to(tmp_path: Path) -> None:
    flat = one_grid(make_mfsn(tmp_path / "f", variants=("mfsn",), clear=0.05, **SMALL))
    clear = one_grid(make_mfsn(tmp_path / "c", variants=("mfsn",), clear=8.0, **SMALL))
    assert "hardly decided" in " ".join(search_sentences(flat, searches(flat)))
    assert "hardly decided" not in " ".join(search_sentences(clear, searches(clear)))


def test_rank_and_regret_are_those_counted_by_hand(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), **SMALL)
    (folder / "exhaustive.csv").write_text(
        "seed,fold,level,layer,operations,dev_ua,dev_wa,dev_loss,test_ua,test_wa,seconds,found\n"
        "0,speaker-s00,early,1,zero,0.5,0.5,1,0.40,0.4,9,False\n"
        "0,speaker-s00,middle,2,sum,0.6,0.6,1,0.60,0.6,9,True\n"
        "0,speaker-s00,middle,2,ism,0.7,0.7,1,0.60,0.6,9,False\n"
        "0,speaker-s00,last,4,attention,0.4,0.4,1,0.80,0.8,9,False\n"
    )
    grid = one_grid(folder)
    (check,) = checks(grid)
    assert check.size == 4
    assert check.rank() == 2
    assert check.rank(by_dev=True) == 2
    assert check.mean == pytest.approx(0.6)
    assert check.best["operations"] == "attention"
    assert check.best_by_dev["operations"] == "ism"
    (said,) = exhaustive_sentences([check])
    assert "ranks 2 of 4" in said
    assert "best in hindsight 20.0 points" in said
    assert "against 20.0 for a structure drawn at random" in said


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
