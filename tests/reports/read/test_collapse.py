"""A collapsed row is no success anywhere: not in Table 4, not in a figure, not in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.collect import collect
from reports.figures.drawing import Drawing
from reports.figures.training import SEED_LINES, training_figures
from reports.read.health import COLLAPSED, NOT_LEARNED, Finding, findings, flags
from reports.read.records import PretrainRun
from reports.read.scores import grids
from reports.summary import conclusions
from reports.tables.runs import sweep_table
from reports.tables.table4 import table_4
from reports.uncertainty.evidence import evidence
from tests.reports.conftest import make_pretrain, make_probe

TWO = ("quantized-g2v2", "continuous-k4")
THREE = ("quantized-g2v2", "quantized-g4v8", "continuous-k1")


def collapse(folder: Path) -> Path:
    """What a collapse of the codebook looks like: no loss, all explained, one centre."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    gone = {"loss": 0.0, "explained": 1.0, "centre_perplexity": 1.0}
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps({**x, **gone}) for x in lines))
    return folder


def runs_with_a_collapse(folder: Path) -> tuple[PretrainRun, ...]:
    for name in THREE:
        run = make_pretrain(folder / name, name)
        if name == "quantized-g4v8":
            collapse(run)
    return collect([str(folder / "*")]).pretrain


def drawn(drawing: Drawing) -> Figure:
    figure = Figure(figsize=(drawing.width, drawing.height), layout="constrained")
    drawing.draw(figure)
    return figure


def named(runs: tuple[PretrainRun, ...], name: str) -> Drawing:
    return next(drawing for drawing in training_figures(runs) if drawing.name == name)


@pytest.mark.slow
def test_the_bold_number_is_that_of_the_best_row_that_did_not_collapse(tmp_path: Path) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "p", names=THREE))]).probe)
    first = max(THREE, key=lambda name: grid.value(name, "ua") or 0)

    def bold(marks: dict[str, str]) -> set[str]:
        lines = table_4(grid, marks).lines
        return {x.cells["setting"].text for x in lines if x.cells.get("ua") and x.cells["ua"].best}

    assert bold({}) != bold({first: COLLAPSED})
    assert bold({first: f"{COLLAPSED}, contaminated"}) == bold({first: COLLAPSED})
    assert not bold(dict.fromkeys(THREE, COLLAPSED))
    assert "A collapsed row is never bold." in table_4(grid, {first: COLLAPSED}).notes[-1]


def test_what_a_collapsed_run_explains_is_neither_drawn_nor_on_the_scale(tmp_path: Path) -> None:
    runs = runs_with_a_collapse(tmp_path)
    drawing = named(runs, "explained")
    assert "Not drawn: quantized G=4 V=8 (seed 0)." in drawing.caption
    (axes,) = drawn(drawing).axes
    highest = max(
        float(run.metrics["explained"].max()) for run in runs if "g4v8" not in run.row.name
    )
    assert axes.get_ylim()[1] == pytest.approx(1.1 * highest)
    assert highest < 0.5
    assert all(np.max(line.get_ydata()) < 0.5 for line in axes.lines)


@pytest.mark.slow
def test_a_collapsed_loss_leaves_the_scale_of_the_others_alone(tmp_path: Path) -> None:
    runs = runs_with_a_collapse(tmp_path)
    healthy = tuple(run for run in runs if "g4v8" not in run.row.name)
    with_it, without = (
        drawn(named(x, "training-loss")).axes[0].get_ylim() for x in (runs, healthy)
    )
    assert with_it == pytest.approx(without)


def test_the_tuning_shows_nothing_as_explained_by_a_collapse(tmp_path: Path) -> None:
    shown = {
        line.cells["row"].text: (line.cells["explained"].text, line.cells["verdict"].text)
        for line in sweep_table(runs_with_a_collapse(tmp_path)).lines
    }
    assert shown["quantized-g4v8"] == ("", COLLAPSED)
    assert shown["quantized-g2v2"][0] != ""


@pytest.mark.slow
def test_no_sentence_takes_a_collapsed_row_for_the_first(tmp_path: Path) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "p", names=THREE))]).probe)
    first = max(THREE, key=lambda name: grid.value(name, "ua") or 0)
    found = evidence(grid)
    number = f"the highest number is {100 * (grid.value(first, 'ua') or 0):.1f}"
    assert number in "\n".join(conclusions(grid, found, {}))
    warned = conclusions(grid, found, {first: COLLAPSED})
    assert number not in "\n".join(warned)
    assert warned[0].startswith("Left out of the numbers named here, because collapsed: quantized")


@pytest.mark.slow
def test_seeds_have_line_styles_and_updates_whole_numbers(tmp_path: Path) -> None:
    for seed in (0, 1):
        make_pretrain(tmp_path / f"r{seed}", TWO[0], seed=seed)
        lines = [json.dumps({"update": update, "explained": 0.1}) for update in (1, 2, 3)]
        (tmp_path / f"r{seed}" / "metrics.jsonl").write_text("\n".join(lines))
    runs = collect([str(tmp_path / "*")]).pretrain
    figure = drawn(named(runs, "explained"))
    (axes,) = figure.axes
    bold = [line for line in axes.lines if line.get_linewidth() > 2]
    assert len({str(line.get_linestyle()) for line in bold}) == 2
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["seed 0", "seed 1"]
    assert len(SEED_LINES) == len(set(map(str, SEED_LINES)))
    figure.draw_without_rendering()
    assert all(value == round(value) for value in axes.get_xticks())
    assert not figure.legends or len(drawn(named(runs[:1], "explained")).legends) == 0


def test_a_collapse_is_found_in_the_runs_own_numbers(tmp_path: Path) -> None:
    marks = flags(findings(runs_with_a_collapse(tmp_path)))
    assert marks == {"quantized-g4v8": COLLAPSED}


def test_a_row_that_learned_nothing_is_called_so_whatever_else_was_seen_in_it() -> None:
    seen = ("see health", NOT_LEARNED, "few negatives")
    found = [Finding(row="a", seed=0, folder="f", text="t", flag=flag) for flag in seen]
    assert flags(found) == {"a": NOT_LEARNED}
    collapsed = Finding(row="a", seed=1, folder="f", text="t", flag=COLLAPSED)
    assert flags([*found, collapsed]) == {"a": COLLAPSED}
