"""Table 4's command from end to end: interrupted, continued, grown, and refused in words."""

import json
import signal
import time
from pathlib import Path
from unittest.mock import Mock

import pytest

from pretrain.shared.processes.job_queue import Board
from probe.command_line import parse_arguments
from probe.contamination.check import check_rows
from probe.results import read_results
from probe.run import run
from probe.table4 import main
from probe.whole_table import work as table4_work
from probe.whole_table.plan import TablePlan
from tests.conftest import PROJECT
from tests.probe.table4_places import command, make_corpus, make_rows, run_to_end, start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table4")
    make_rows(folder / "rows")
    make_corpus(folder / "mine")
    return folder


@pytest.fixture(scope="module")
def corpus(place: Path) -> str:
    return f"mine={place / 'mine' / 'manifest.csv'}"


@pytest.fixture
def _in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", str(place / "runs"))


@pytest.fixture(scope="module")
def made(place: Path, corpus: str, noise_corpus: str) -> Path:
    """The table's folder, made by a call that was stopped and one that went on."""
    arguments = command(place, corpus, noise_corpus, "--jobs", "2")
    process = start(place, arguments)
    rows, deadline = place / "table" / "rows", time.monotonic() + 300
    while not list(rows.glob("*/metrics.jsonl")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 130, error
    assert "the same command goes on" in error
    assert "Traceback" not in error
    assert not (place / "table" / "probe").exists()
    # A stopped call leaves no notes and no empty logs.
    assert [path.name for path in (place / "table" / ".work").iterdir()] == ["locks"]
    assert not list((place / "table" / "logs").glob("worker-*"))
    done = run_to_end(place, arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[7/7]" in done.stdout
    assert "python reports/run.py --runs" in done.stdout
    return place / "table"


@pytest.mark.usefixtures("_in_place")
@pytest.mark.parametrize(
    ("head", "own", "baselines"),
    [
        ("linear", [], []),
        ("superb", ["superb.epochs=2"], []),
        ("svm", ["svm.kernel=rbf"], ["--baseline", "mfcc"]),
    ],
)
def test_the_results_are_those_of_the_probes_own_command(
    head: str,
    own: list[str],
    baselines: list[str],
    made: Path,
    place: Path,
    corpus: str,
    noise_corpus: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if head != "linear":
        monkeypatch.setattr(table4_work, "run_workers", compute_here)
        more = ["--head", "linear", "--head", head, "--head-set", *own, *baselines]
        times_compared = Mock(side_effect=check_rows)
        monkeypatch.setattr(table4_work, "check_rows", times_compared)
        assert main(command(place, corpus, noise_corpus, *more)) == 0
        assert times_compared.call_count == 1
    rows = sorted(str(folder) for folder in (made / "rows").iterdir())
    assert [Path(row).name for row in rows] == ["continuous-k1-seed0", "quantized-g2v2-seed0"]
    alone = place / f"alone-{head}"
    arguments = ["--encoder", *rows, "--corpus", corpus, "--out", str(alone), "--head", head]
    arguments += baselines
    arguments += [part for text in own for part in ("--set", text)]
    arguments += ["--features", str(place / "other features"), "--precision", "fp32"]
    if head == "linear":  # its cells were computed in processes of their own
        done = run_to_end(place, arguments, PROJECT / "probe" / "run.py")
        assert done.returncode == 0, done.stderr
    else:
        run(parse_arguments(arguments))
    for name in ("scores", "predictions", "selection", "folds"):
        ours, theirs = (
            (folder / f"{name}.csv").read_bytes()
            for folder in (made / "probe" / f"speaker-{head}", alone)
        )
        assert ours == theirs, name
    described = json.loads((made / "probe" / f"speaker-{head}" / "run.json").read_text())
    theirs_described = json.loads((alone / "run.json").read_text())
    assert set(theirs_described) <= set(described)
    for key in ("corpora", "contamination", "notes", "protocol", "head"):
        assert described[key] == theirs_described[key], key
    assert bool(described["corpora"][0]["attributes"]) == (head == "linear")
    assert all(Path(cell).is_file() for cell in described["cells"])
    (code,) = described["cells_made_by"]
    assert code["packages"] == described["packages"]


def compute_here(plan: TablePlan, board: Board, *others: object, **more: object) -> None:
    table4_work.compute_jobs(plan, board)


@pytest.mark.usefixtures("_in_place")
def test_a_corpus_and_a_protocol_more_compute_only_what_is_new(
    made: Path, place: Path, corpus: str, noise_corpus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []

    def here(plan: TablePlan, board: Board, *others: object, **more: object) -> None:
        computed.extend(job.name for job in plan.missing())
        table4_work.compute_jobs(plan, board)

    monkeypatch.setattr(table4_work, "run_workers", here)
    before = {
        path: path.stat().st_mtime_ns for path in made.rglob("*.json") if "probe" not in path.parts
    }
    assert main(command(place, corpus, noise_corpus)) == 0
    assert computed == []
    other = make_corpus(place / "other", draw="other")
    more = ("--corpus", other, "--protocol", "speaker", "--protocol", "session")
    assert main(command(place, corpus, noise_corpus, *more)) == 0
    assert len(computed) == 3 * 5  # constant, log-mel, untrained and two rows
    assert not any(name.startswith("mine, speaker") for name in computed)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for protocol in ("speaker", "session"):
        results = read_results(made / "probe" / f"{protocol}-linear")
        assert set(results.scores["corpus"]) == {"mine", "other"}
        assert set(results.scores["protocol"]) == {protocol}


@pytest.mark.usefixtures("_in_place")
def test_a_dry_run_names_what_is_missing_and_computes_nothing(
    made: Path, place: Path, corpus: str, noise_corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(place, corpus, noise_corpus, "--seed", "0", "--seed", "7", "--dry-run")
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "missing: pre-training quantized-g2v2, seed 7" in said
    assert "missing: mine, speaker, linear: untrained, seed 7" in said
    assert "seed 0" not in said
    assert not (made / "rows" / "quantized-g2v2-seed7").exists()


@pytest.mark.usefixtures("_in_place")
@pytest.mark.parametrize(
    ("more", "message", "status"),
    [
        (["--row", "quantised"], "`--row` must be one of continuous-k1, quantized-g2v2", 1),
        (["--protocol", "sesion"], "but is 'sesion' instead", 1),
        (["--corpus", "other=nowhere.csv"], "nowhere.csv", 1),
        (["--set", "optimizer.lr=0.1"], "optimizer.lr: 0.0005 in the folder, 0.1 now", 1),
        (["--head-set", "superb.epochs=3"], "with a HEAD of this command (linear)", 2),
    ],
)
def test_wrong_input_is_refused_before_anything_is_computed(
    more: list[str],
    message: str,
    status: int,
    made: Path,
    place: Path,
    corpus: str,
    noise_corpus: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = command(place, corpus, noise_corpus, "--seed", "0", "--seed", "5", *more)
    assert main(arguments) == status
    assert message in capsys.readouterr().err
    assert not (made / "rows" / "quantized-g2v2-seed5").exists()


@pytest.mark.usefixtures("_in_place")
def test_rows_that_differ_in_more_than_their_target_are_refused(
    corpus: str, noise_corpus: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = make_rows(tmp_path / "rows") / "quantized-g2v2.toml"
    file.write_text(file.read_text() + "optimizer.lr = 0.25\n")
    assert main(command(tmp_path, corpus, noise_corpus)) == 1
    assert "optimizer.lr: 0.0005, here 0.25" in capsys.readouterr().err


@pytest.mark.usefixtures("_in_place")
def test_a_failed_pretraining_is_told_and_leaves_no_table(
    corpus: str, place: Path, tmp_path: Path
) -> None:
    make_rows(tmp_path / "rows")
    (tmp_path / "nothing").mkdir()
    arguments = command(tmp_path, corpus, f"folder={tmp_path / 'nothing'}", "--row")
    done = run_to_end(tmp_path, [*arguments, "quantized-g2v2"])
    assert done.returncode == 1
    assert "pre-training quantized-g2v2, seed 0:" in done.stderr
    assert "nothing" in done.stderr
    assert "give the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "table" / "probe").exists()
    # What does not need the encoder is there.
    assert len(list((tmp_path / "table" / "cells").rglob("*.json"))) == 2
