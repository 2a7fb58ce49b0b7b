"""What is missing is named; what cannot be used ends in a message."""

import json
from hashlib import sha256
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


@pytest.mark.parametrize(
    "line", [b"5", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"update": 2, "loss": "low"}']
)
def test_a_line_of_metrics_that_is_none_is_named_and_left_out(line: bytes, tmp_path: Path) -> None:
    run = make_pretrain(tmp_path / "a", ONE[0])
    (run / "metrics.jsonl").write_bytes(b'{"update": 1, "loss": 3.0}\n' + line + b"\n")
    found = collect([str(run)])
    assert found.pretrain[0].metrics["loss"].tolist() == [3.0]
    assert any("metrics.jsonl line 2 is not JSON of one update" in x for x in found.notices)


@pytest.mark.parametrize(
    "content", ["[]", "null", "[" * 100_000, '{"kind": "pretrain", "hashes": 5}', "{}"]
)
def test_a_record_of_another_form_is_named_and_left_out(content: str, tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", ONE[0])
    (make_pretrain(tmp_path / "b", ONE[0], seed=1) / "run.json").write_text(content)
    found = collect([str(tmp_path / "*")])
    assert len(found.pretrain) == 1
    assert any(
        f"{tmp_path / 'b'}: left out, run.json cannot be read" in notice for notice in found.notices
    )


def test_a_table_that_was_cut_is_left_out(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", ONE[0])
    probes = [make_probe(tmp_path / name, names=ONE) for name in ("p", "q")]
    file = probes[0] / "scores.csv"
    file.write_bytes(file.read_bytes()[:-3])  # in the last number
    record = json.loads((probes[1] / "run.json").read_text())
    scores = probes[1] / "scores.csv"
    record["files"] = {"scores.csv": sha256(scores.read_bytes()).hexdigest()}
    (probes[1] / "run.json").write_text(json.dumps(record))
    assert len(collect([str(tmp_path / "*")]).probe) == 1
    scores.write_text("".join(scores.read_text().splitlines(keepends=True)[:-1]))
    found = collect([str(tmp_path / "*")])
    assert not found.probe
    for words in (
        "p: left out, scores.csv was cut",
        "q: left out, scores.csv is gone or was changed since it was written",
    ):
        assert any(words in notice for notice in found.notices), words
