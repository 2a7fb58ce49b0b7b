"""What is missing is named; what cannot be used ends in a message."""

import json
from pathlib import Path

import pytest

from reports.collect import collect
from tests.reports.conftest import make_pretrain, make_probe

ONE = ("quantized-g2v2",)


def test_nothing_at_a_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing is found at .*no-such"):
        collect([str(tmp_path / "no-such*")])


def test_folders_without_any_run_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(ValueError, match=r"cache: left out, it has no run\.json"):
        collect([str(tmp_path / "cache")])


def test_missing_and_partial_parts_are_named(tmp_path: Path) -> None:
    run = make_pretrain(tmp_path / "a", ONE[0], status="running", updates=120)
    (run / "metrics.jsonl").write_text('{"update": 5, "loss": 3.0}\n{"update": 10, "lo')
    probe = make_probe(tmp_path / "p", names=ONE)
    (probe / "predictions.csv").unlink()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "run.json").write_text(
        json.dumps({"kind": "probe", "format": 1, "rows": []})
    )
    found = collect([str(tmp_path / "*")])
    said = "\n".join(found.notices)
    assert len(found.pretrain) == 1
    assert len(found.probe) == 1
    for words in (
        "a: metrics.jsonl line 2 is not JSON",
        "a: the run is not finished (status 'running', 120",
        "p: predictions.csv is missing",
        "broken: left out, run.json cannot be read",
        "empty: left out, scores.csv is missing",
    ):
        assert words in said


def test_a_twice_logged_update_counts_once_with_its_later_value(tmp_path: Path) -> None:
    run = make_pretrain(tmp_path / "a", ONE[0])
    (run / "metrics.jsonl").write_text(
        '{"update": 1, "loss": 3.0}\n{"update": 2, "loss": 2.0}\n{"update": 2, "loss": 2.5}\n'
    )
    (found,) = collect([str(run)]).pretrain
    assert found.metrics["loss"].tolist() == [3.0, 2.5]


def test_a_probed_row_without_its_run_is_named(tmp_path: Path) -> None:
    make_probe(tmp_path / "p", names=ONE)
    (notice,) = collect([str(tmp_path / "p")]).notices
    assert "quantized-g2v2 (seed 0): its pre-training run was not given" in notice


def test_weights_that_changed_after_the_probe_are_named(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", ONE[0], hashes={"final_weights": "other"})
    make_probe(tmp_path / "p", names=ONE)
    assert any("not those that were probed" in x for x in collect([str(tmp_path / "*")]).notices)


def test_two_runs_of_one_row_and_seed_are_refused(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", ONE[0])
    make_pretrain(tmp_path / "b", ONE[0])
    with pytest.raises(ValueError, match=r"in both .*a and .*b instead"):
        collect([str(tmp_path / "*")])


def test_the_report_folder_under_a_glob_is_skipped(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", ONE[0])
    (tmp_path / "report").mkdir()
    found = collect([str(tmp_path / "*")], skip=tmp_path / "report")
    assert not any("report" in Path(notice.split(":")[0]).name for notice in found.notices)
