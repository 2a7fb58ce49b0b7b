"""Registered studies: what their files say, and a small one from the command to the page."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.shared.errors import CommandLineError, InputError
from pretrain.shared.random_streams import generator
from pretrain.shared.toml_files import parse_toml
from probe.study.command import StudyRequest, parse, run_study, table_arguments
from probe.study.study_file import read_study, study_of
from probe.whole_table.command_line import parse as parse_table
from reports.study.read import read_study_run
from tests.conftest import PROJECT, TINY
from tests.probe.study.test_secondary import SPEAKERS, spoken
from tests.probe.table4_places import make_corpus

REGISTERED = PROJECT / "configs" / "study" / "quantization.toml"


def request(file: Path, runs: Path, *corpora: str) -> StudyRequest:
    given = [text for corpus in corpora for text in ("--corpus", corpus)]
    return parse(["--study", str(file), "--runs", str(runs), *given])


def test_the_registered_file_is_a_study_and_its_tables_are_commands(tmp_path: Path) -> None:
    study = read_study(REGISTERED)
    asked = request(REGISTERED, tmp_path, "emodb=a", "ravdess=b")
    first, last = (parse_table(table_arguments(study, asked, seed)) for seed in (1, 5))
    assert first.row == [*study.rows.compared, *study.rows.controls]
    assert last.row == study.rows.compared
    assert (first.seed, last.seed) == ([1], [5])
    assert first.head_set == ["linear.pooling=mean_std"]
    assert all((first.rows / f"{name.lower()}.toml").is_file() for name in first.row)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoint": "wa"}, "endpoint"),
        ({"colour": 1}, "colour"),
        ({"gate": {"control": "nobody"}}, "the row 'nobody' is in none"),
        ({"decision": {"equivalence_margin": -1.0}}, r"decision\.equivalence_margin"),
    ],
)
def test_faults_of_a_file_are_named(change: dict[str, object], words: str) -> None:
    content = parse_toml(REGISTERED.read_text(encoding="utf-8"))
    with pytest.raises(InputError, match=words):
        study_of({**content, **change}, "study.toml")


def test_a_file_that_changed_is_refused_with_what_changed(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    text = REGISTERED.read_text(encoding="utf-8")
    file.write_text(text)
    asked = request(file, tmp_path / "runs", "emodb=a", "ravdess=b")
    run_study(asked, lambda _: None)
    run_study(asked, lambda _: None)
    file.write_text("# Comments are free.\n" + text)
    run_study(asked, lambda _: None)
    file.write_text(text.replace("equivalence_margin = 3.0", "equivalence_margin = 5.0"))
    with pytest.raises(InputError, match=r"decision: .*3\.0.* now .*5\.0"):
        run_study(asked, lambda _: None)


def test_other_corpora_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandLineError, match="must be given for emodb, ravdess"):
        run_study(request(REGISTERED, tmp_path, "emodb=a"), lambda _: None)


TINY_STUDY = """
name = "tiny"
question = "Does anything matter?"
[rows]
folder = "configs/factorial"
compared = ["V", "C4", "C16"]
controls = ["shuffled"]
seeds = [1, 2]
control_seeds = [1]
[pretraining]
config = ["{tiny}"]
set = ["training.updates=2", "training.precision=fp32", "held_out.speakers=4"]
[probing]
corpora = ["spoken"]
protocol = "speaker"
head = "linear"
[primary]
rows = ["C4", "C16", "V"]
[[contrasts]]
first = "V"
second = "untrained"
isolates = "pre-training"
[decision]
equivalence_margin = 3.0
[gate]
control = "shuffled"
"""


@pytest.mark.slow
def test_a_small_study_runs_from_its_file_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    heard = tmp_path / "heard"
    heard.mkdir()
    lines = ["path,speaker"]
    for number in range(12):
        samples = generator("study", number).normal(0, 0.05, 16_000)
        soundfile.write(heard / f"{number}.wav", samples * np.linspace(0.2, 2, 16_000), 16_000)
        lines.append(f"{number}.wav,s{number % 6}")
    (heard / "manifest.csv").write_text("\n".join(lines) + "\n")
    file = tmp_path / "tiny.toml"
    file.write_text(TINY_STUDY.format(tiny=TINY))
    command = [
        sys.executable, str(PROJECT / "probe" / "table4.py"), "--study", str(file),
        "--runs", str(tmp_path / "out"), "--corpus", make_corpus(tmp_path / "spoken"),
        "--pretrain-on", f"heard={heard}", "--jobs", "2",
        "--secondary", spoken(tmp_path / "many"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "out" / "study"
    record = json.loads((folder / "run.json").read_text())
    assert record["seeds"] == [1, 2]
    run = read_study_run(folder, record)
    counts = run.counts[run.counts["row"] == "V"]
    assert counts["utterances"].sum() == 2 * 12
    assert not (tmp_path / "out" / "probe").exists(), "a study has a folder of its own"
    report = [sys.executable, str(PROJECT / "reports" / "run.py"), "--runs", str(folder)]
    made = subprocess.run(
        [*report, "--out", str(tmp_path / "report")], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "Does anything matter?" in page
    assert "not asked" in page, "two updates teach nothing"
    assert f"Secondary endpoints: spoken, {SPEAKERS} speakers" in page
    assert "What was learned of held-out speech" in page
    again = subprocess.run([*command, "--dry-run"], capture_output=True, text=True, cwd=tmp_path)
    assert "missing" not in again.stdout
    file.write_text(TINY_STUDY.format(tiny=TINY).replace("[1, 2]", "[1, 2, 3]"))
    changed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert changed.returncode == 1
    assert "has changed since this study was started" in changed.stderr
