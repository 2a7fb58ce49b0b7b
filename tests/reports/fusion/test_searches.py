"""What the report says of searches: structures, weights, and the check against all structures."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.collect import collect
from reports.figures.drawing import Drawing
from reports.fusion.exhaustive import checks, exhaustive_sentences, exhaustive_table
from reports.fusion.figures.structure import formula, structure_figure
from reports.fusion.figures.trajectories import trajectory_figures
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.grouping import mfsn_grids
from reports.fusion.searches import (
    kept_weights,
    most_frequent,
    search_sentences,
    search_table,
    searches,
)
from tests.reports.mfsn_folders import make_mfsn

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
        "0,speaker-s00,early,1,concat_fc,0.7,0.7,2,0.70,0.7,9,False\n"
        "0,speaker-s00,middle,2,ism,0.7,0.7,1,0.60,0.6,9,False\n"
        "0,speaker-s00,last,4,attention,0.4,0.4,1,0.80,0.8,9,False\n"
    )
    grid = one_grid(folder)
    (check,) = checks(grid)
    assert check.size == 5
    # `sum` and `ism` share the places 3 and 4 by test; by dev two structures are better.
    assert check.places() == (3, 4)
    assert check.places(by_dev=True) == (3, 3)
    assert check.mean == pytest.approx(0.62)
    assert check.best["operations"] == "attention"
    # Of the two that are best by dev the one of lower dev loss, though the other tests better.
    assert check.best_by_dev["operations"] == "ism"
    (said,) = exhaustive_sentences([check])
    assert "ranks 3-4 of 5 by test UA (structures of equal UA share their places)" in said
    assert "3.5 in the mean (3.0 is chance)" in said
    assert "best in hindsight 20.0 points" in said
    assert "against 18.0 for a structure drawn at random" in said
    table = exhaustive_table(grid, [check])
    (line,) = table.lines
    assert (line.cells["rank"].text, line.cells["rank_dev"].text) == ("3-4", "3")
    assert any("share these places" in note for note in table.notes)


def test_the_test_score_never_decides_which_is_best_by_dev(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), **SMALL)
    (folder / "exhaustive.csv").write_text(
        "seed,fold,level,layer,operations,dev_ua,dev_wa,dev_loss,test_ua,test_wa,seconds,found\n"
        "0,speaker-s00,early,1,zero,0.7,0.7,1,0.40,0.4,9,False\n"
        "0,speaker-s00,middle,2,sum,0.7,0.7,1,0.60,0.6,9,True\n"
    )
    (check,) = checks(one_grid(folder))
    assert check.best_by_dev["operations"] == "zero"


def curves(grid: MfsnGrid) -> tuple[Drawing, Any]:
    """Returns the figure of the trajectories and its axes."""
    drawing = next(d for d in trajectory_figures(grid, searches(grid)) if "curves" in d.name)
    figure = Figure()
    drawing.draw(figure)
    return drawing, figure.axes


def num_epochs(axes: Any) -> list[int]:
    """Returns the length of every curve, without the dots."""
    lines = [line for line in axes.get_lines() if line.get_linestyle() == "-"]
    return sorted(len(line.get_xdata()) for line in lines)


@pytest.mark.parametrize("after", ["", "keep", "retrain"])
def test_the_curves_of_a_search_have_no_epoch_of_its_retraining(tmp_path: Path, after: str) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), after=after, **SMALL)
    epochs = pd.read_csv(folder / "epochs.csv")
    expected = sorted(epochs.dropna(subset="entropy").groupby(["seed", "fold"]).size())
    drawing, all_axes = curves(one_grid(folder))
    assert [num_epochs(axes) for axes in all_axes[:2]] == [expected, expected]
    assert ("trained anew" in drawing.caption) == (after == "retrain")
    assert [num_epochs(axes) for axes in all_axes[2:]] == [[9] * 20] * (after == "retrain")
    if after == "retrain":
        dots = [line for line in all_axes[2].get_lines() if line.get_marker() == "o"]
        assert {(*line.get_xdata(), *line.get_ydata()) for line in dots} == {(7, 97.0)}


def test_the_epochs_of_the_search_and_of_its_retraining_are_told_apart(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), after="retrain", **SMALL)
    grid = one_grid(folder)
    found = searches(grid)
    structures = pd.read_csv(folder / "structures.csv")
    table = search_table(grid, found)
    shown = [(c.group, c.title) for c in table.columns if c.title in ("kept epoch", "dev UA, %")]
    assert shown == [(group, title) for group in ("search", "retraining")
                     for title in ("kept epoch", "dev UA, %")]  # fmt: skip
    assert [line.cells["epoch"].text for line in table.lines] == [
        str(epoch) for epoch in structures["epoch"]
    ]
    assert {(x.cells["trained_epoch"].text, x.cells["trained_dev_ua"].text)
            for x in table.lines} == {("7", "97.0")}  # fmt: skip
    assert any("trained anew" in sentence for sentence in search_sentences(grid, found))
    kept = one_grid(make_mfsn(tmp_path / "k", variants=("mfsn",), after="keep", **SMALL))
    assert len(search_table(kept, searches(kept)).columns) == len(table.columns) - 2


@pytest.mark.parametrize(("ism", "drawn"), [("gated", "gate(x, y)"), ("channel", "conv(mean y)")])
def test_the_structure_shows_the_module_that_was_used(tmp_path: Path, ism: str, drawn: str) -> None:
    settings = {"fusion": {"num_cells": 1, "ism": ism}}
    folder = make_mfsn(tmp_path / "m", variants=("mfsn",), settings=settings, **SMALL)
    frame = pd.read_csv(folder / "structures.csv").assign(operations="ism")
    frame.to_csv(folder / "structures.csv", index=False)
    grid = one_grid(folder)
    drawing = structure_figure(grid, searches(grid))
    assert drawing is not None
    assert f"here: {ism}." in drawing.caption
    figure = Figure()
    drawing.draw(figure)
    assert any(drawn in text.get_text() for text in figure.axes[0].texts)
    assert formula(grid, "ism_reverse").startswith("y + ")
