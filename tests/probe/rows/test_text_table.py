"""The table that the probe prints, with intervals that are those of the report."""

from pathlib import Path

import pandas as pd
import pytest

from probe.results import read_results
from probe.rows.text_table import interval, text_tables
from reports.uncertainty.intervals import interval as reported
from tests.reports.conftest import make_probe, write_csv


def finished(folder: Path, **options: object) -> Path:
    """A results folder of the report's tests, with the file that they leave out."""
    make_probe(folder, **options)  # type: ignore[arg-type]
    columns = "row seed corpus protocol head task fold layer strength dev_score"
    write_csv(folder / "selection.csv", columns, [])
    for name in ("scores", "predictions"):
        table = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        # The probe writes a seed for every row.
        table["seed"] = table["seed"].replace("", "0")
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def test_the_intervals_of_one_seed_are_those_of_the_report(tmp_path: Path) -> None:
    results = read_results(finished(tmp_path / "p", names=("quantized-g2v2", "continuous-k4")))
    table = results.predictions
    for metric, task in (
        ("ua", "emotion"),
        ("wa", "emotion"),
        ("mse_valence", "valence"),
        ("ccc_arousal", "arousal"),
    ):
        own = table[(table["row"] == "continuous-k4") & (table["task"] == task)]
        expected = reported(own, metric)
        found = interval(table, "continuous-k4", metric, expected.value)
        assert found == pytest.approx((expected.low, expected.high))


@pytest.mark.slow
def test_the_table_has_every_row_once_with_seeds_and_limits(tmp_path: Path) -> None:
    names = ("quantized-g2v2", "continuous-k4")
    folder = finished(tmp_path / "p", names=names, seeds=(0, 1))
    text = text_tables(read_results(folder))
    scores = pd.read_csv(folder / "scores.csv")
    own = scores[(scores["row"] == names[1]) & (scores["layer"] == "selected")]
    mean = own[own["metric"] == "ua"]["value"].mean()
    blocks = text.split("\n\n")
    assert [block.split()[0] for block in blocks[1:]] == ["row"] * 3
    first = [line.split() for line in blocks[1].splitlines()]
    assert [line[0] for line in first[1:]] == [*names, "untrained", "log-mel", "constant"]
    assert first[2][1:3] == ["2", f"{100 * mean:.1f}"]
    assert first[-1][1] == "none"
    assert "8 speakers" in text
    assert max(map(len, text.splitlines())) <= 100


def test_without_names_of_speakers_there_is_no_interval(tmp_path: Path) -> None:
    folder = finished(tmp_path / "p", names=("quantized-g2v2",), dimensions=False)
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    table.assign(speaker="").to_csv(folder / "predictions.csv", index=False)
    text = text_tables(read_results(folder))
    assert "[" not in text
    assert "MSE" not in text
