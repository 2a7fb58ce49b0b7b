"""Rows are shown, and judged, as their run.json says; older runs as their objectives say now."""

import json
from pathlib import Path
from typing import Any

import pytest

from pretrain.objectives import objective_kind
from pretrain.objectives.known_rows import presentation_in, rules_in
from reports.collect import collect
from reports.figures.training import training_figures
from reports.palette import colours
from reports.read.health import COLLAPSED, findings
from reports.read.records import families, row_words
from reports.read.scores import grids
from reports.uncertainty.questions import family_pairs, questions
from tests.reports.conftest import ROWS, make_pretrain, make_probe

THIRD: dict[str, Any] = {
    "version": 1,
    "family": {"kind": "other", "label": "loudness", "colours": ["#2e8b57"]},
    "label": "floor=1",
    "a key of tomorrow": 1,
}
CHANGES: dict[str, Any] = {"mode": "log-energy", "row": {"floor": 1}, "presentation": THIRD}


def with_metric(folder: Path, metric: str, value: float) -> None:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    changed = [json.dumps({**line, metric: value}) for line in lines]
    (folder / "metrics.jsonl").write_text("\n".join(changed))


def flags_in(folder: Path) -> list[str]:
    return [found.flag for found in findings(collect([str(folder)]).pretrain)]


@pytest.mark.parametrize("name", ROWS)
def test_a_run_that_says_nothing_is_shown_as_its_objective_would_say(name: str) -> None:
    mode, row, _ = ROWS[name]
    names = {"codebooks": "num_codebooks", "entries": "num_entries", "top_k": "top_k"}
    values = {names[key]: value for key, value in row.items() if key in names}
    settings = objective_kind(mode).settings_class(**values)
    assert presentation_in({"mode": mode, "row": row}) == settings.presentation()


def test_a_healthy_row_of_two_centres_has_not_collapsed(tmp_path: Path) -> None:
    two = {"codebooks": 1, "entries": 2, "centres": 2}
    make_pretrain(tmp_path / "two", "quantized-g1v2", row=two)
    make_pretrain(tmp_path / "four", "quantized-g2v2")
    for folder in ("two", "four"):
        with_metric(tmp_path / folder, "centre_perplexity", 1.45)
    assert flags_in(tmp_path / "two") == []
    assert flags_in(tmp_path / "four") == [COLLAPSED]
    with_metric(tmp_path / "two", "centre_perplexity", 1.05)
    assert flags_in(tmp_path / "two") == [COLLAPSED]


def test_limits_are_those_of_the_run(tmp_path: Path) -> None:
    """Also for older continuous runs: a target variance of 0.005 is beyond the objective's 0.01."""
    make_pretrain(tmp_path / "old", "continuous-k4")
    rules = [{"metric": "target_variance", "limit": 0.001, "meaning": "Gone.", "flag": "flat"}]
    make_pretrain(tmp_path / "own", "continuous-k4", collapse_rules=rules)
    for folder in ("old", "own"):
        with_metric(tmp_path / folder, "target_variance", 0.005)
    assert flags_in(tmp_path / "old") == [COLLAPSED]
    assert flags_in(tmp_path / "own") == []
    with_metric(tmp_path / "own", "target_variance", 0.0005)
    assert flags_in(tmp_path / "own") == ["flat"]


def test_rules_survive_run_json() -> None:
    for mode in ("quantized", "continuous"):
        rules = rules_in({"mode": mode, "row": {"codebooks": 2, "entries": 2, "top_k": 1}})
        said = json.loads(json.dumps([rule.model_dump(mode="json") for rule in rules]))
        assert rules_in({"mode": mode, "collapse_rules": said}) == rules


@pytest.mark.slow
def test_a_third_family_has_its_own_words_colour_and_questions(tmp_path: Path) -> None:
    names = ("quantized-g2v2", "continuous-k4", "loud")
    folder = make_probe(tmp_path / "p", names=names, changes={"loud": CHANGES})
    (grid,) = grids(collect([str(folder)]).probe)
    assert [family.label for family in families(grid.rows)] == [
        "quantized",
        "continuous",
        "loudness",
    ]
    assert colours(grid.rows)["loud"] == "#2e8b57"
    assert row_words(grid.row("loud")) == "log-energy floor=1"
    assert grid.row("loud").target == "log-energy (loudness)"
    assert family_pairs(grid) == [
        ("quantized", "continuous"),
        ("quantized", "loudness"),
        ("continuous", "loudness"),
    ]
    asked = {(one.first, one.second) for one in questions(grid)}
    assert {("quantized-g2v2", "loud"), ("continuous-k4", "loud")} <= asked


def test_a_third_family_is_drawn_in_training_and_nothing_is_said_twice(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", "quantized-g2v2")
    make_pretrain(tmp_path / "b", "continuous-k4", **CHANGES)
    drawings = {x.name: x for x in training_figures(collect([str(tmp_path / "*")]).pretrain)}
    assert list(drawings) == ["explained", "training-loss", "codebook-use", "conv-variance"]
    assert len(drawings["conv-variance"].runs) == len(drawings["training-loss"].runs) == 2
    assert len(drawings["codebook-use"].runs) == 1


def test_what_another_version_says_is_not_read(tmp_path: Path) -> None:
    told = {"mode": "quantized", "row": ROWS["quantized-g2v2"][1]}
    newer = {"version": 2, "family": "a word"}
    assert presentation_in({**told, "presentation": newer}).label == "G=2 V=2"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label", "x" * 100),
        ("family", {**THIRD["family"], "colours": ["red; background: url(x)"]}),
        ("curves", [{"name": "../x", "title": "", "caption": "", "panels": []}]),
    ],
)
def test_a_damaged_presentation_is_named_with_its_key(
    tmp_path: Path, key: str, value: object
) -> None:
    make_pretrain(tmp_path / "a", "quantized-g2v2")
    make_pretrain(tmp_path / "b", "loud", presentation={**THIRD, key: value})
    (notice,) = [x for x in collect([str(tmp_path / "*")]).notices if "left out" in x]
    assert f"`presentation.{key}" in notice
