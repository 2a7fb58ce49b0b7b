"""Intervals and verdicts of the report are those of the statistics, on the probe's predictions."""

import csv
import io
import json
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.assemble import build
from reports.collect import collect
from reports.figures.overview import overview_figure
from reports.read.scores import Grid, grids
from reports.summary import conclusions
from reports.tables.formats import to_csv, to_latex, to_markdown
from reports.uncertainty.certainty import difference_tables, interval_table, variance_table
from reports.uncertainty.evidence import Evidence, evidence
from reports.uncertainty.intervals import (
    BETTER,
    CANNOT_BE_DECIDED,
    NO_DIFFERENCE,
    WORSE,
    compare,
    decide,
    interval,
)
from reports.uncertainty.questions import questions
from tests.reports.conftest import ROWS, make_probe
from tests.reports.uncertainty.test_intervals import variance_split

pytestmark = pytest.mark.slow

TWO = ("quantized-g2v2", "continuous-k4")


def one_grid(folder: Path) -> Grid:
    (grid,) = grids(collect([str(folder)]).probe)
    return grid


def predictions(folder: Path, row: str, task: str = "emotion") -> pd.DataFrame:
    """What one row answered, read without the report."""
    table = pd.read_csv(folder / "predictions.csv", dtype={"id": str})
    return table[(table["row"] == row) & (table["task"] == task)]


def edit(folder: Path, file: str, change: object) -> None:
    table = pd.read_csv(folder / file, dtype=str, keep_default_na=False)
    assert callable(change)
    change(table).to_csv(folder / file, index=False)


def answer(folder: Path, row: str, *, right: bool) -> None:
    """Makes a row right (or wrong) about every emotion, and its scores to match."""

    def guesses(table: pd.DataFrame) -> pd.DataFrame:
        chosen = (table["row"] == row) & (table["task"] == "emotion")
        wrong = {"angry": "happy", "happy": "neutral", "neutral": "sad", "sad": "angry"}
        target = table.loc[chosen, "target"]
        table.loc[chosen, "prediction"] = target if right else target.map(wrong)
        return table

    def scores(table: pd.DataFrame) -> pd.DataFrame:
        chosen = table["metric"].isin(["ua", "wa", "macro_f1"]) & (table["row"] == row)
        table.loc[chosen & (table["layer"] == "selected"), "value"] = "1.0" if right else "0.0"
        return table

    edit(folder, "predictions.csv", guesses)
    edit(folder, "scores.csv", scores)


def test_every_cell_of_table_4_has_the_interval_of_its_predictions(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, seeds=(0, 1, 2))
    grid = one_grid(folder)
    table = interval_table(grid, evidence(grid))
    assert table is not None
    (line,) = [x for x in csv.DictReader(io.StringIO(to_csv(table))) if "K=4" in x["row"]]
    for metric, task, scale in (
        ("ua", "emotion", 100),
        ("wa", "emotion", 100),
        ("mse_valence", "valence", 1),
        ("ccc_dominance", "dominance", 1),
    ):
        expected = interval(predictions(folder, TWO[1], task), metric)
        for key, value in (
            (metric, expected.value),
            (f"{metric}_low", expected.low),
            (f"{metric}_high", expected.high),
        ):
            assert float(line[key]) == pytest.approx(scale * value, abs=0.051 * scale / 100)
        assert float(line[metric]) == pytest.approx(
            scale * (grid.value(TWO[1], metric) or 0), abs=0.051 * scale / 100
        )
    assert line["seeds"] == "3"
    for row in ROWS:
        assert row in TWO or row not in str(table.lines)
    shown = {metric for metric in grid.scores["metric"]}
    assert {c.key for c in table.columns} == {"row", "seeds", *shown}
    assert line["ua_low"] in to_markdown(table)
    assert line["ua_high"] in to_latex(table)


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_differences_are_paired_tests_judged_together(
    tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, seeds=seeds)
    answer(folder, TWO[1], right=True)
    grid = one_grid(folder)
    found = evidence(grid).of("ua")
    pairs = [(x.question.first, x.question.second) for x in found]
    assert pairs == [
        (TWO[0], "untrained"),
        (TWO[1], "untrained"),
        (TWO[0], "log-mel"),
        (TWO[1], "log-mel"),
        TWO,
    ]
    tables = {name: predictions(folder, name) for name in (*TWO, "untrained", "log-mel")}
    expected = decide([compare(tables[first], tables[second], "ua") for first, second in pairs])
    for x, by_hand in zip(found, expected, strict=True):
        assert x.comparison == by_hand
    assert [x.comparison.verdict for x in found][1::2] == [BETTER, BETTER]
    assert found[-1].comparison.verdict == WORSE
    (table, *_) = difference_tables(grid, evidence(grid), {})
    (line,) = [x for x in csv.DictReader(io.StringIO(to_csv(table))) if "K=4" in x["against"]]
    assert float(line["difference"]) == pytest.approx(100 * expected[-1].difference, abs=0.051)
    assert float(line["difference_low"]) == pytest.approx(100 * expected[-1].low, abs=0.051)
    assert line["verdict"] == WORSE
    asked = "Quantized or continuous? Each quantized row against each continuous one"
    assert line["part"] == asked


def test_rows_are_compared_on_the_seeds_that_both_have(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, seeds=(0, 1))
    record = json.loads((folder / "run.json").read_text())
    for row in record["rows"]:
        if row["name"] == "untrained":
            row |= {"seed": 1, "encoder_run": "runs/quantized-g2v2-1"}
    (folder / "run.json").write_text(json.dumps(record))

    def of_seed_1(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[table["row"] == "untrained", "seed"] = "1"
        return table

    edit(folder, "predictions.csv", of_seed_1)
    edit(folder, "scores.csv", of_seed_1)
    (found, *_) = evidence(one_grid(folder)).of("ua", "untrained")
    first, second = predictions(folder, TWO[0]), predictions(folder, "untrained")
    expected = compare(first[first["seed"].astype(int) == 1], second, "ua")
    assert found.comparison.difference == pytest.approx(expected.difference)
    assert found.comparison.p_value == pytest.approx(expected.p_value)
    assert found.comparison.num_seeds == 1


def test_a_baseline_without_an_encoder_is_one_copy_however_many_seeds(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, seeds=(0, 1))

    def copied(table: pd.DataFrame) -> pd.DataFrame:
        baseline = table["row"].isin(["log-mel", "constant"])
        copies = [table[baseline].assign(seed=seed) for seed in ("0", "1")]
        return pd.concat([table[~baseline], *copies])

    before = evidence(one_grid(folder))
    edit(folder, "predictions.csv", copied)
    after = evidence(one_grid(folder))
    assert after.intervals == before.intervals
    assert after.differences == before.differences
    assert after.intervals["log-mel", "ua"].num_seeds == 0


def test_the_variance_split_is_shown_for_rows_with_two_seeds(tmp_path: Path) -> None:
    one = one_grid(make_probe(tmp_path / "one", names=TWO))
    assert variance_table(one, evidence(one)) is None
    folder = make_probe(tmp_path / "p", names=TWO, seeds=(0, 1))
    grid = one_grid(folder)
    table = variance_table(grid, evidence(grid))
    assert table is not None
    split = variance_split(predictions(folder, TWO[0]), "ua")
    line = table.lines[0]
    assert line.part == "SD of UA, points"
    for part in ("speakers", "seeds", "residual"):
        expected = 100 * float(getattr(split, part)) ** 0.5
        assert float(line.cells[part].text) == pytest.approx(expected, abs=0.051)
    # 8 speakers, 2 seeds.
    parts = split.seeds / 2, split.speakers / 8, split.residual / 16
    assert line.cells["share"].text == f"{100 * parts[0] / sum(parts):.0f}"


def test_the_questions_do_not_depend_on_the_scores(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p")
    before = questions(one_grid(folder))
    assert len(before) == 6 + 6 + 4 * 2
    answer(folder, "quantized-g2v2", right=True)
    assert questions(one_grid(folder)) == before


def test_an_uncontrolled_row_is_held_against_log_mel_only(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, changes={TWO[1]: {"hashes": {}}})
    asked = [(x.first, x.second) for x in questions(one_grid(folder))]
    assert asked == [(TWO[0], "untrained"), (TWO[0], "log-mel"), (TWO[1], "log-mel")]


def said(folder: Path) -> tuple[str, Evidence]:
    grid = one_grid(folder)
    found = evidence(grid)
    return "\n".join(conclusions(grid, found, {})), found


def test_nothing_is_called_better_without_a_verdict(tmp_path: Path) -> None:
    text, found = said(make_probe(tmp_path / "p"))
    # 20 questions at 8 speakers: 20 x 2 / 2^8 is above .05 even if all speakers have one sign.
    assert {x.comparison.verdict for x in found.of("ua")} == {CANNOT_BE_DECIDED}
    assert f"quantized against continuous rows: {CANNOT_BE_DECIDED} with 8 speakers" in text
    for word in (BETTER, WORSE, "best", "ahead", "beats"):
        assert word not in text
    assert "the highest number is" in text


def test_a_difference_that_the_test_finds_is_named_with_its_numbers(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)
    answer(folder, TWO[1], right=True)
    text, found = said(folder)
    (last,) = found.of("ua", "families")
    amount = f"{100 * last.comparison.difference:+.1f} points"
    assert f"quantized worse in 1: quantized G=2 V=2 than continuous K=4 ({amount} [" in text
    assert "against log-mel statistics" in text
    assert "better: continuous K=4 (" in text
    assert NO_DIFFERENCE in text


def test_one_seed_speaks_for_speakers_only_and_three_for_seeds_too(tmp_path: Path) -> None:
    one = "not for other pre-training seeds"
    assert one in said(make_probe(tmp_path / "a", names=TWO))[0]
    text = said(make_probe(tmp_path / "b", names=TWO, seeds=(0, 1, 2)))[0]
    assert one not in text
    assert "other pre-training seeds (3 here)" in text


def test_a_speaker_dependent_protocol_is_marked(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)
    for file in ("scores.csv", "predictions.csv", "folds.csv"):
        edit(folder, file, lambda table: table.assign(protocol="random10"))
    text, found = said(folder)
    assert "Speaker-dependent protocol" in text
    assert found.num_speakers == 8


def test_predictions_that_are_not_those_of_the_scores_are_named(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)

    def raised(table: pd.DataFrame) -> pd.DataFrame:
        chosen = (table["row"] == TWO[1]) & (table["metric"] == "ua")
        table.loc[chosen & (table["layer"] == "selected"), "value"] = "0.9"
        return table

    edit(folder, "scores.csv", raised)
    text, found = said(folder)
    assert [x.split(",")[0] for x in found.faults] == [
        "continuous-k4: scores.csv has 0.9000 for ua"
    ]
    assert (TWO[1], "ua") not in found.intervals
    assert (TWO[1], "wa") in found.intervals
    assert all(TWO[1] != x.question.first for x in found.of("ua"))
    assert "the highest number is 90.0\u00a0% (continuous K=4)" in text


def test_a_row_of_other_utterances_is_named_and_left_out(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)

    def shorter(table: pd.DataFrame) -> pd.DataFrame:
        gone = (table["row"] == TWO[0]) & (table["task"] == "emotion") & (table["fold"] == "3")
        return table[~gone]

    edit(folder, "predictions.csv", shorter)
    found = said(folder)[1]
    assert found.faults == (
        "emotion: quantized-g2v2 was tested on other utterances than most rows, so it has no "
        "interval and is not compared. Probe it again.",
    )
    assert {x.question.first for x in found.of("ua")} == {TWO[1]}
    assert {x.question.first for x in found.of("mse_valence")} == set(TWO)


@pytest.mark.parametrize("lost", ["file", "speakers"])
def test_without_predictions_or_speakers_nothing_is_tested(tmp_path: Path, lost: str) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)
    if lost == "file":
        (folder / "predictions.csv").unlink()
    else:
        edit(folder, "predictions.csv", lambda table: table.assign(speaker=""))
    text, found = said(folder)
    assert not found.intervals
    assert found.faults
    assert "No difference could be tested" in text
    assert interval_table(one_grid(folder), found) is None


def test_one_speaker_gives_numbers_without_limits(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)
    edit(folder, "predictions.csv", lambda table: table.assign(speaker="s0"))
    grid = one_grid(folder)
    table = interval_table(grid, evidence(grid))
    assert table is not None
    assert ",nan" not in to_csv(table)
    assert {x.comparison.verdict for x in evidence(grid).differences} == {CANNOT_BE_DECIDED}
    assert overview_figure(grid, evidence(grid), {}) is not None


def test_the_overview_has_the_intervals_as_bars(tmp_path: Path) -> None:
    grid = one_grid(make_probe(tmp_path / "p", names=TWO))
    found = evidence(grid)
    drawing = overview_figure(grid, found, {})
    assert drawing is not None
    figure = Figure()
    drawing.draw(figure)
    bars = figure.axes[0].containers
    spans = [bar[2][0].get_segments()[0][:, 0].tolist() for bar in bars]
    sure = [found.intervals[name, "ua"] for name in grid.names if name in TWO]
    assert spans == [pytest.approx([100 * x.low, 100 * x.high]) for x in sure]


def test_the_page_and_its_tables_show_limits_and_verdicts(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, seeds=(0, 1))
    page = build([str(folder)], tmp_path / "out", command="x").read_text()
    for words in (
        "Table 4 with 95 % intervals on synthetic speech",
        '<small class="limits">[',
        "Differences in UA on synthetic speech",
        "Differences in MSE of dominance",
        "Would more seeds or more speakers help?",
        "Two seeds are few",
    ):
        assert words in page
    names = {path.name for path in (tmp_path / "out" / "tables").iterdir()}
    slug = "synthetic-speaker-linear"
    for kind in ("intervals", "differences-ua", "differences-mse-arousal", "variance"):
        assert {f"{kind}-{slug}.{ending}" for ending in ("csv", "md", "tex")} <= names
    record = json.loads((folder / "run.json").read_text())
    assert record["protocol"] == "speaker"
