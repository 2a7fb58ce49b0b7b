"""Speaker and gender are in the curves by layer, and nowhere else."""

import json
from pathlib import Path

import pandas as pd
import pytest

from reports.collect import collect
from reports.figures.drawing import save
from reports.figures.layers import layer_figure
from reports.figures.overview import overview_figure
from reports.read.scores import ATTRIBUTES, Grid, grids
from reports.summary import conclusions
from reports.tables.table4 import layer_tables, table_4
from reports.uncertainty.certainty import difference_tables, interval_table
from reports.uncertainty.evidence import evidence
from tests.reports.conftest import LAYERS, make_probe

NAMES = ("quantized-g2v2", "continuous-k1")


def one_grid(folder: Path) -> Grid:
    (grid,) = grids(collect([str(folder)]).probe)
    return grid


def with_attributes(folder: Path) -> Path:
    """Adds scores of speaker and gender; the worst row in emotion is the best in these."""
    scores = pd.read_csv(folder / "scores.csv", dtype={"layer": str, "seed": str})
    own = scores[scores["metric"] == "ua"]
    more = [own.assign(metric=metric, value=1 - own["value"]) for metric in ATTRIBUTES]
    pd.concat([scores, *more]).to_csv(folder / "scores.csv", index=False)
    record = json.loads((folder / "run.json").read_text())
    record["corpora"][0]["attributes"] = [
        {"name": "speaker", "chance": 0.125, "folds": "5 folds over utterances"},
        {"name": "gender", "chance": 0.5, "folds": "5 groups of speakers"},
    ]
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.slow
def test_they_change_nothing_that_is_said_of_emotion(tmp_path: Path) -> None:
    plain = one_grid(make_probe(tmp_path / "a" / "p", names=NAMES))
    more = one_grid(with_attributes(make_probe(tmp_path / "b" / "p", names=NAMES)))
    assert set(more.scores["metric"]) - set(plain.scores["metric"]) == set(ATTRIBUTES)
    sure = evidence(plain), evidence(more)
    assert table_4(plain, {}) == table_4(more, {})
    assert sure[0].differences == sure[1].differences
    assert sure[0].intervals == sure[1].intervals
    assert interval_table(plain, sure[0]) == interval_table(more, sure[1])
    assert difference_tables(plain, sure[0], {}) == difference_tables(more, sure[1], {})
    assert conclusions(plain, sure[0], {}) == conclusions(more, sure[1], {})


def test_they_have_a_table_by_layer_with_folds_and_chance(tmp_path: Path) -> None:
    folder = with_attributes(make_probe(tmp_path / "p", names=NAMES))
    tables = {table.title.split(" by layer")[0]: table for table in layer_tables(one_grid(folder))}
    table = tables["UA of the speaker, %"]
    scores = pd.read_csv(folder / "scores.csv", dtype={"layer": str})
    value = scores.query("row == 'continuous-k1' and metric == 'speaker_ua' and layer == '2'")[
        "value"
    ].item()
    line = next(x for x in table.lines if x.cells["row"].text == "continuous-k1")
    assert line.cells["layer_2"].text == f"{100 * value:.1f}"
    assert table.notes[-2:] == [
        "No part of the tables of scores: 5 folds over utterances.",
        "Any one answer gets 12.5 %.",
    ]
    assert "UA of the gender, %" in tables


@pytest.mark.slow
def test_they_have_curves_with_chance_as_a_line(tmp_path: Path) -> None:
    grid = one_grid(with_attributes(make_probe(tmp_path / "p", names=NAMES)))
    drawing = layer_figure(grid)
    assert drawing is not None
    assert "speaker: 5 folds over utterances; gender: 5 groups of speakers" in drawing.caption
    words = save(drawing, tmp_path / "figures").svg.read_text()
    for part in ("UA of the speaker, %", "UA of the gender, %", "always one answer"):
        assert part in words
    assert len(grid.layers()) == len(LAYERS)


def test_a_folder_without_them_has_no_word_of_them(tmp_path: Path) -> None:
    grid = one_grid(make_probe(tmp_path / "p", names=NAMES))
    drawing = layer_figure(grid)
    assert drawing is not None
    assert "peaker" not in drawing.caption
    assert not any("speaker" in table.title.split(" on ")[0] for table in layer_tables(grid))
    assert overview_figure(grid, evidence(grid), {}) is not None


@pytest.mark.slow
def test_every_title_says_where_dimensions_are_category_norms(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", corpora=("emodb",), names=NAMES)
    assert "norms" not in table_4(one_grid(folder), {}).title
    record = json.loads((folder / "run.json").read_text())
    record["corpora"][0]["label_source"] = "category norms"
    (folder / "run.json").write_text(json.dumps(record))
    grid = one_grid(folder)
    sure = evidence(grid)
    tables = [table_4(grid, {}), interval_table(grid, sure), *difference_tables(grid, sure, {})]
    assert all("(V, A, D: category norms)" in table.title for table in tables if table)
