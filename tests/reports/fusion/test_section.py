"""MFSN in the report: what is compared, said and shown, from made-up run folders."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.assemble import build
from reports.collect import collect
from reports.figures.drawing import Drawing, SavedFigure
from reports.figures.names import shorten, without_prefix
from reports.fusion.differences import difference_table
from reports.fusion.evidence import evidence
from reports.fusion.read.audit import audit
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.grouping import mfsn_grids
from reports.fusion.sentences import sentences
from reports.fusion.table1 import table_1
from reports.fusion.table5 import table_5
from reports.read.fairness import UnfairComparisonError
from reports.table_data import Table
from reports.uncertainty.intervals import BETTER
from reports.words import p_words
from tests.reports.conftest import make_pretrain, make_probe
from tests.reports.mfsn_folders import OPTIMISTIC, make_mfsn

SMALL: dict[str, Any] = {"per_speaker": 16, "seeds": (0, 1)}
EQUAL = {"mfsn": 0.5, "tec": 0.5, "sec-quantized": 0.5, "sec-continuous": 0.5, "both": 0.5}

Stub = Callable[[Drawing, Path], SavedFigure]


def one_grid(*folders: Path) -> MfsnGrid:
    (grid,) = mfsn_grids(collect([str(folder) for folder in folders]).mfsn, [])
    return grid


def by_first(table: Table) -> dict[str, dict[str, str]]:
    first = table.columns[0].key
    return {
        line.cells[first].text: {key: cell.text for key, cell in line.cells.items()}
        for line in table.lines
    }


def test_the_ablation_shows_the_means_of_scores_csv_and_the_paper_beside(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", **SMALL)
    grid = one_grid(folder)
    shown = by_first(table_5(grid, evidence(grid), {}))
    scores = pd.read_csv(folder / "scores.csv")
    mine = scores[(scores["variant"] == "both") & (scores["metric"] == "ua")]["value"].mean()
    assert shown["TEC and SEC, without search"]["ua"] == f"{100 * mine:.1f}"
    assert shown["TEC and SEC, without search"]["paper_ua"] == "73.1"
    assert shown["TEC and SEC, with search (MFSN)"]["paper_wa"] == "71.9"
    assert shown["SEC quantized, no TEC (Co-attention)"]["paper_ua"] == "70.6"
    assert "paper_ua" not in shown["TEC only (Co-attention)"]


def test_a_row_of_the_paper_that_was_not_run_is_named(tmp_path: Path) -> None:
    grid = one_grid(make_mfsn(tmp_path / "m", variants=("tec", "mfsn"), **SMALL))
    flags = {
        line.cells["variant"].text: line.cells["variant"].flag
        for line in table_5(grid, evidence(grid), {}).lines
        if line.cells["variant"].flag
    }
    assert flags == dict.fromkeys(("sec-quantized", "sec-continuous", "both"), "not run")


def test_a_large_difference_is_called_better_and_the_sentence_gives_its_interval(
    tmp_path: Path,
) -> None:
    skill = {"mfsn": 0.8, "tec": 0.4}
    grid = one_grid(make_mfsn(tmp_path / "m", variants=("tec", "mfsn"), skill=skill))
    found = evidence(grid)
    difference = found.differences["tec", "ua"]
    assert difference.verdict == BETTER
    table = difference_table(grid, found, {})
    assert table
    assert table.lines[0].cells["ua_effect"].text == f"{difference.effect_size:+.2f}"
    line = next(x for x in sentences(grid, found) if x.startswith("MFSN minus TEC alone"))
    value = 100 * (grid.scores("mfsn", "ua").mean() - grid.scores("tec", "ua").mean())
    assert f"UA {value:+.1f}\u00a0points [{100 * difference.low:+.1f}," in line
    assert ": better" in line


def test_equal_networks_are_never_called_better(tmp_path: Path) -> None:
    grid = one_grid(make_mfsn(tmp_path / "m", skill=EQUAL, **SMALL))
    found = evidence(grid)
    said = " ".join(sentences(grid, found))
    assert "no significant difference" in said
    assert "That MFSN is better on UA than any single stream is not shown here." in said
    assert not re.search(r": better|is better than each", said)


def test_four_speakers_cannot_decide_whatever_the_difference(tmp_path: Path) -> None:
    speakers = ("a1", "a2", "a3", "a4")
    skill = {"mfsn": 0.9, "tec": 0.3}
    folder = make_mfsn(
        tmp_path / "m", variants=("tec", "mfsn"), speakers=speakers, skill=skill, **SMALL
    )
    grid = one_grid(folder)
    said = " ".join(sentences(grid, evidence(grid)))
    assert "cannot be decided with so few speakers" in said
    assert ": better" not in said


def test_holm_counts_all_comparisons_of_the_column(tmp_path: Path) -> None:
    grid = one_grid(make_mfsn(tmp_path / "m", **SMALL))
    found = evidence(grid)
    raw = {
        name: found.differences[name, "ua"].p_value for name, m in found.differences if m == "ua"
    }
    smallest = min(raw, key=lambda name: raw[name])
    adjusted = found.differences[smallest, "ua"].adjusted_p
    assert adjusted == pytest.approx(min(1.0, 4 * raw[smallest]))
    table = difference_table(grid, found, {})
    assert table is not None
    assert len(table.lines) == 4


def test_networks_of_other_utterances_are_not_compared(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", variants=("tec", "mfsn"), **SMALL)
    frame = pd.read_csv(folder / "predictions.csv", dtype=str)
    gone = (frame["variant"] == "tec") & (frame["id"] == frame["id"].iloc[0])
    frame[~gone].to_csv(folder / "predictions.csv", index=False)
    grid = one_grid(folder)
    found = evidence(grid)
    assert found.open == {"tec": "other test utterances"}
    assert not found.differences
    assert any("not compared with TEC alone" in sentence for sentence in sentences(grid, found))


@pytest.mark.slow
def test_optimistic_numbers_stand_in_their_own_column_and_in_no_sentence(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", optimistic=True, **SMALL)
    grid = one_grid(folder)
    found = evidence(grid)
    table = table_5(grid, found, {})
    assert [c.group for c in table.columns if c.key == "optimistic_ua"] == [OPTIMISTIC]
    scores = pd.read_csv(folder / "scores.csv")
    chosen = scores[(scores["variant"] == "mfsn") & (scores["metric"] == "ua")]
    dev = chosen[chosen["selection"] == "dev"]["value"].mean()
    other = chosen[chosen["selection"] == OPTIMISTIC]["value"].mean()
    line = by_first(table)["TEC and SEC, with search (MFSN)"]
    assert (line["ua"], line["optimistic_ua"]) == (f"{100 * dev:.1f}", f"{100 * other:.1f}")
    assert f"{100 * other:.1f}" not in " ".join(sentences(grid, found))
    without = make_mfsn(tmp_path / "n", **SMALL)
    plain = one_grid(without)
    assert not any(c.group == OPTIMISTIC for c in table_5(plain, evidence(plain), {}).columns)


def test_a_run_that_selects_on_the_test_part_has_no_headline(tmp_path: Path) -> None:
    grid = one_grid(make_mfsn(tmp_path / "m", faults=["test_selection"], **SMALL))
    found = evidence(grid)
    said = sentences(grid, found)
    assert "test_selection" in said[0]
    assert "nothing is concluded" in said[1]
    line = by_first(table_5(grid, found, {}))["TEC and SEC, with search (MFSN)"]
    assert line["ua"] == ""
    assert line["optimistic_ua"] != ""


@pytest.mark.slow
def test_table_1_marks_every_row_with_its_selection_rule(tmp_path: Path) -> None:
    grid = one_grid(make_mfsn(tmp_path / "m", **SMALL))
    table = table_1([grid], {grid.slug: evidence(grid)}, {})
    assert all(line.cells["selection"].text for line in table.lines)
    cited = [
        (line.cells["system"].text, line.cells["ua"].text, line.cells["wa"].text)
        for line in table.lines
        if line.cells["source"].text == "cited"
    ]
    assert len(cited) == 15
    assert ("Co-attention", "71.1", "69.8") in cited
    assert ("DCNN", "", "82.1") in cited
    assert [line.cells["selection"].text for line in table.lines[-2:]] == [
        "dev part of each fold"
    ] * 2


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_the_notes_of_a_run_stand_beside_its_numbers(tmp_path: Path) -> None:
    note = "alpha's rate was tuned on this very corpus."
    folder = make_mfsn(tmp_path / "m", notes=[note], **SMALL)
    grid = one_grid(folder)
    found = evidence(grid)
    assert f"m: {note}" in table_5(grid, found, {}).notes
    assert f"{grid.title}: m: {note}" in table_1([grid], {grid.slug: found}, {}).notes
    page = build([str(folder)], tmp_path / "out", command="x").read_text()
    assert page.count("rate was tuned on this very corpus") >= 3


def test_a_speaker_in_two_parts_of_a_fold_is_refused(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "m", **SMALL)
    grid = one_grid(folder)
    assert "No speaker of a test fold" in " ".join(check.title for check in audit(grid))
    folds = pd.read_csv(folder / "folds.csv")
    leak = (folds["fold"] == "speaker-s00") & (folds["id"] == "s00-003")
    folds.loc[leak, "part"] = "train"
    folds.to_csv(folder / "folds.csv", index=False)
    with pytest.raises(UnfairComparisonError, match=r"A speaker must be in one part .* s00"):
        audit(one_grid(folder))


def test_missing_and_damaged_folders_are_named(tmp_path: Path) -> None:
    make_mfsn(tmp_path / "good", **SMALL, status="running")
    (make_mfsn(tmp_path / "no-alpha", **SMALL) / "alpha.csv").write_text("variant,seed\n")
    for name in ("scores", "predictions"):
        (make_mfsn(tmp_path / f"no-{name}", **SMALL) / f"{name}.csv").unlink()
    make_mfsn(tmp_path / "no-variants", **SMALL)
    record = json.loads((tmp_path / "no-variants" / "run.json").read_text())
    del record["variants"]
    (tmp_path / "no-variants" / "run.json").write_text(json.dumps(record))
    said = "\n".join(collect([str(tmp_path / "*")]).notices)
    for words in (
        "good: the run is not finished",
        "alpha.csv is left out, it lacks the columns fold, epoch",
        "no-scores: left out, it has neither scores.csv nor exhaustive.csv",
        "no-variants: left out, run.json lacks or garbles",
    ):
        assert words in said


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_mfsn_alone_makes_a_page_that_says_what_it_came_to(tmp_path: Path) -> None:
    make_mfsn(tmp_path / "m", exhaustive_folds=2, **SMALL)
    page = build([str(tmp_path / "m")], tmp_path / "out", command="x").read_text()
    for words in (
        "Synthetic speech: synthetic (MFSN)",
        "MFSN minus TEC alone: UA ",
        "Table 1: published systems, and ours",
        "Table 5, the ablation, on synthetic speech",
        "The search against the truth",
        "python mfsn/run.py ablate",
        "No test utterance in the training or dev part of its fold",
    ):
        assert words in page
    for words in (
        "No speech encoders",
        "No probe results",
        "rows against baselines",
        '<div id="training"',
    ):
        assert words not in page
    names = {path.stem for path in (tmp_path / "out" / "tables").iterdir()}
    assert {"table1-mfsn", "table5-synthetic-speaker", "exhaustive-synthetic-speaker"} <= names


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_mfsn_stands_beside_probes_and_fine_tuning(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "p", "quantized-g2v2")
    make_probe(tmp_path / "q", names=("quantized-g2v2",))
    make_mfsn(tmp_path / "m", **SMALL)
    (tmp_path / "ctc").mkdir()
    record = {"kind": "finetune", "format": 1, "name": "ctc", "start": "pretrained", "cer": 0.4}
    record |= {"constant_cer": 0.7, "finetuned_on": "speechocean762", "status": "finished"}
    (tmp_path / "ctc" / "run.json").write_text(json.dumps(record))
    page = build([str(tmp_path / "*")], tmp_path / "out", command="x").read_text()
    assert "UA, rows against baselines:" in page
    assert "CTC fine-tuning: error rates on the dev part" in page
    assert "Table 4 on synthetic speech" in page
    assert "MFSN minus TEC alone" in page
    assert "unknown kind" not in page


@pytest.mark.slow
@pytest.mark.parametrize("num_cells", [1, 2])
def test_every_figure_is_drawn_with_long_names(tmp_path: Path, num_cells: int) -> None:
    make_mfsn(
        tmp_path / "m",
        speakers=tuple(f"$a_very-long-speaker-name-{letter}" for letter in "abcd"),
        name="quantized-" * 8,
        classes=("anger$", "anxiety-and-fear", "neutral"),
        num_cells=num_cells,
        exhaustive_folds=2,
        corpus="<emodb>",
        per_speaker=8,
        seeds=(0,),
    )
    page = build([str(tmp_path / "m")], tmp_path / "out", command="x").read_text()
    drawn = {path.name.split("-emodb")[0] for path in (tmp_path / "out" / "figures").glob("*.png")}
    assert drawn == {
        "search-map", "structure", "confusion-mfsn", "search-curves", "alpha", "exhaustive",
    }  # fmt: skip
    assert "<emodb>" not in page


def test_names_are_shortened_in_the_middle_and_lose_what_they_share() -> None:
    assert shorten("short", 8) == "short"
    assert shorten("speaker-name-a", 8) == "spea\u2026e-a"
    assert without_prefix(["fold-s01", "fold-s02"]) == ("fold-", ["s01", "s02"])
    assert without_prefix(["s01", "s02"]) == ("", ["s01", "s02"])
    assert without_prefix(["fold-s01"]) == ("", ["fold-s01"])
    assert without_prefix([]) == ("", [])


def test_p_values_are_not_more_exact_than_they_are() -> None:
    assert [p_words(p) for p in (0.0001, 0.0123, 1.0)] == ["< .001", ".012", "1.000"]
