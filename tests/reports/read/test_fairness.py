"""Unequal comparisons are refused, with the key, the values and the rows."""

import shutil
from pathlib import Path

import pytest

from reports.collect import collect
from reports.read.fairness import UnfairComparisonError, check_probes
from reports.read.scores import grids
from tests.reports.conftest import COMPARISON, ROWS, make_probe

TWO = ("quantized-g2v2", "continuous-k1")


def test_equal_rows_give_a_check_list(tmp_path: Path) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "p"))]).probe)
    titles = [check.title for check in grid.checks]
    assert titles[:4] == [
        "Same initial weights",
        "Same sample order and crops",
        "Same masks",
        "Same settings",
    ]
    assert "a1b2c3d4e5f6" in grid.checks[0].evidence


def test_an_unequal_setting_is_refused_with_its_key_values_and_rows(tmp_path: Path) -> None:
    changed = {**COMPARISON, "optimizer.learning_rate": 1e-3}
    probe = make_probe(
        tmp_path / "p", names=TWO, changes={"continuous-k1": {"comparison": changed}}
    )
    with pytest.raises(UnfairComparisonError) as caught:
        grids(collect([str(probe)]).probe)
    (line,) = [x for x in str(caught.value).splitlines() if "learning_rate" in x]
    assert "0.0005 in quantized-g2v2 (seed 0)" in line
    assert "0.001 in continuous-k1 (seed 0)" in line


def test_a_setting_that_one_row_lacks_is_refused(tmp_path: Path) -> None:
    changed = {key: value for key, value in COMPARISON.items() if key != "model.model_dim"}
    probe = make_probe(
        tmp_path / "p", names=TWO, changes={"continuous-k1": {"comparison": changed}}
    )
    with pytest.raises(UnfairComparisonError, match=r"model\.model_dim.*\(not stated\)"):
        grids(collect([str(probe)]).probe)


@pytest.mark.parametrize("key", ["masks", "sample_order", "initial_weights", "corpus"])
def test_unequal_hashes_are_refused(tmp_path: Path, key: str) -> None:
    hashes = {
        "comparison": "c03fa91b20d7e6aa",
        "initial_weights": "a1b2c3d4e5f60000",
        "corpus": "0c0a9b5512fe87d0",
        "sample_order": "5a3b9e7710cd0000",
        "masks": "3a5c77b1902e0000",
        key: "d1ffe4e47",
    }
    probe = make_probe(tmp_path / "p", names=TWO, changes={"continuous-k1": {"hashes": hashes}})
    with pytest.raises(UnfairComparisonError, match=rf"hash of {key}.*d1ffe4e47"):
        grids(collect([str(probe)]).probe)


def test_unequal_seed_sets_are_refused(tmp_path: Path) -> None:
    first = make_probe(tmp_path / "a", names=TWO, seeds=(0,))
    second = make_probe(tmp_path / "b", names=TWO[:1], seeds=(1,))
    with pytest.raises(UnfairComparisonError, match=r"seeds: \{0, 1\} in quantized-g2v2"):
        grids(collect([str(first), str(second)]).probe)


def test_hashes_are_compared_within_a_seed_only(tmp_path: Path) -> None:
    (grid,) = grids(collect([str(make_probe(tmp_path / "p", names=TWO, seeds=(0, 1)))]).probe)
    assert grid.seeds("quantized-g2v2") == 2
    assert any("seed 1" in check.evidence for check in grid.checks)


def test_a_row_without_hashes_is_uncontrolled_and_not_compared(tmp_path: Path) -> None:
    probe = make_probe(
        tmp_path / "p", changes={"continuous-k4": {"hashes": {}, "comparison": {"other": 1}}}
    )
    (grid,) = grids(collect([str(probe)]).probe)
    assert grid.row("continuous-k4").group == "uncontrolled"
    assert grid.row("continuous-k1").group == "row"


def test_two_versions_of_a_corpus_are_refused(tmp_path: Path) -> None:
    first = make_probe(tmp_path / "a", names=tuple(ROWS)[:1])
    second = Path(shutil.copytree(first, tmp_path / "b"))
    text = (second / "run.json").read_text().replace("7ab1e0", "07he50")
    (second / "run.json").write_text(text)
    with pytest.raises(UnfairComparisonError, match="utterance table of corpus synthetic"):
        check_probes(collect([str(first), str(second)]).probe)


def test_unequal_folds_are_refused(tmp_path: Path) -> None:
    first = make_probe(tmp_path / "a", names=tuple(ROWS)[:1])
    second = Path(shutil.copytree(first, tmp_path / "b"))
    lines = (second / "folds.csv").read_text().splitlines()
    (second / "folds.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(UnfairComparisonError, match="folds of synthetic"):
        check_probes(collect([str(first), str(second)]).probe)


def test_one_row_with_two_scores_is_refused(tmp_path: Path) -> None:
    first = make_probe(tmp_path / "a", names=tuple(ROWS)[:1], dimensions=False)
    second = Path(shutil.copytree(first, tmp_path / "b"))
    lines = (second / "scores.csv").read_text().splitlines()
    changed = [lines[0], lines[1].rsplit(",", 1)[0] + ",0.99", *lines[2:]]
    (second / "scores.csv").write_text("\n".join(changed) + "\n")
    with pytest.raises(ValueError, match="must have one score, but quantized-g2v2"):
        grids(collect([str(first), str(second)]).probe)
