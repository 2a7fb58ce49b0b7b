"""The page's opening: one sentence that answers, one that says what was compared, one picture."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.again import commands, left_out, script
from reports.answer import NOTHING_PROBED, answer
from reports.assemble import build
from reports.collect import collect
from reports.read.health import COLLAPSED, NOT_LEARNED
from reports.read.scores import Grid, grids
from reports.summary import design
from reports.uncertainty.evidence import evidence
from tests.reports.conftest import ROWS, MakeRuns, make_pretrain, make_probe
from tests.reports.mfsn_folders import make_mfsn
from tests.reports.uncertainty.test_evidence import answer as answers

TWO = ("quantized-g2v2", "continuous-k4")


def one_grid(folder: Path) -> Grid:
    (grid,) = grids(collect([str(folder)]).probe)
    return grid


def said(*folders: Path, flags: dict[str, str] | None = None) -> str:
    return answer([(grid, evidence(grid), flags or {}) for grid in map(one_grid, folders)])


@pytest.mark.slow
def test_too_few_speakers_decide_nothing_and_the_answer_says_so(tmp_path: Path) -> None:
    text = said(make_probe(tmp_path / "p"))
    assert text.startswith("Cannot be decided on synthetic speech: 8 speakers are too few")
    assert text.count(". ") == 0
    assert re.search(
        r"quantized minus continuous [-+]\d+\.\d to [-+]\d+\.\d points; 1 seed\)\.$", text
    )


@pytest.mark.slow
def test_a_verdict_is_the_answer_and_its_direction_is_right(tmp_path: Path) -> None:
    for right, better, worse in (
        (TWO[1], "Continuous", "quantized"),
        (TWO[0], "Quantized", "continuous"),
    ):
        folder = make_probe(tmp_path / better, names=TWO)
        answers(folder, right, right=True)
        text = said(folder)
        assert text.startswith(f"{better} targets are better on synthetic speech: their UA is")
        assert f"than that of {worse} ones in the one pair" in text


def test_a_small_difference_is_no_answer(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, dimensions=False)
    table = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
    first = table[table["row"] == TWO[0]]["prediction"].to_numpy()
    table.loc[table["row"] == TWO[1], "prediction"] = first
    table.to_csv(folder / "predictions.csv", index=False)
    scores = pd.read_csv(folder / "scores.csv", dtype=str, keep_default_na=False)
    chosen = scores["layer"] == "selected"
    equal = scores[chosen & (scores["row"] == TWO[0])]["value"].to_numpy()
    scores.loc[chosen & (scores["row"] == TWO[1]), "value"] = equal
    scores.to_csv(folder / "scores.csv", index=False)
    assert said(folder).startswith("No difference is shown on synthetic speech: the one pair")


@pytest.mark.slow
def test_rows_that_collapsed_or_learned_nothing_answer_nothing(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO)
    answers(folder, TWO[1], right=True)
    text = said(folder, flags={TWO[1]: COLLAPSED})
    assert text.startswith("Cannot be answered on synthetic speech: continuous K=4 collapsed")
    text = said(folder, flags={TWO[0]: f"{NOT_LEARNED}, contaminated"})
    assert text.startswith("Not learned on synthetic speech: quantized G=2 V=2 learned next to")
    more = make_probe(tmp_path / "q", names=(*TWO, "continuous-k1"))
    text = said(more, flags={TWO[1]: COLLAPSED})
    assert "continuous K=4 collapsed and is left out" in text


@pytest.mark.slow
def test_one_family_several_tables_or_none_are_said(tmp_path: Path) -> None:
    alone = make_probe(tmp_path / "a", names=TWO[:1])
    assert said(alone) == "Not asked on synthetic speech: only quantized rows were probed."
    assert answer([]) == NOTHING_PROBED
    folders = [
        make_probe(tmp_path / name, names=TWO, corpora=(name,)) for name in ("one", "two", "three")
    ]
    text = said(*folders)
    assert text.count(".") == 1
    assert text.count(" on ") == 1
    (folders[0] / "predictions.csv").unlink()
    assert "Cannot be tested on one" in said(*folders)


@pytest.mark.slow
def test_every_two_of_three_families_are_answered(tmp_path: Path) -> None:
    changes = {"quantized-g4v8": {"mode": "clusters", "row": {}}}
    names = (*TWO, "quantized-g4v8")
    text = said(make_probe(tmp_path / "p", names=names, changes=changes))
    assert text == (
        "Cannot be decided on synthetic speech (quantized against continuous); "
        "synthetic speech (quantized against other); synthetic speech (continuous against other)."
    )
    two = said(make_probe(tmp_path / "q", names=names[1:], changes=changes))
    assert "the one pair of a continuous and an other encoder does not differ" in two
    assert "continuous minus other" in two


def test_what_is_counted_stands_in_the_table(tmp_path: Path, make_runs: MakeRuns) -> None:
    for name in ROWS:
        for seed in (0, 1):
            make_pretrain(tmp_path / "more" / f"{name}-{seed}", name, seed=seed, updates=900)
    probe = make_probe(tmp_path / "probe", names=TWO, seeds=(0,))
    runs = collect([str(tmp_path / "more" / "*"), str(probe)])
    text = design(runs.pretrain, grids(runs.probe))
    assert text.startswith(
        "Two speech encoders (1 with quantized targets, 1 with continuous targets), pre-trained "
        "for 900 updates each on synthetic speech (0.75 hours), one seed, then frozen and probed"
    )
    alone = design(runs.pretrain, [])
    assert alone.startswith("Six speech encoders (4 with quantized targets, 2")
    assert "two seeds" in alone


def test_rows_without_a_known_origin_are_counted_as_such(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "p", names=TWO, changes={TWO[1]: {"hashes": {}, "seed": None}})
    runs = collect([str(folder)])
    text = design(runs.pretrain, grids(runs.probe))
    assert text.startswith("Two speech encoders (1 with quantized targets, 1 uncontrolled), frozen")
    assert "0 updates" not in text


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_the_page_opens_with_an_answer_and_one_picture_and_folds_the_rest(
    tmp_path: Path, make_runs: MakeRuns
) -> None:
    runs = make_runs(names=TWO)
    make_mfsn(tmp_path / "runs" / "m", per_speaker=16, seeds=(0,))
    out = tmp_path / "out"
    page = build(runs, out, command=f"python reports/run.py --runs x --out {out}").read_text()
    body = page[page.index("<body>") :]
    opening, rest = body.split("<nav>")
    assert opening.count('<p class="answer">') == 1
    assert opening.count("<img") == 1
    assert "Scores at a glance" in opening
    assert rest.count("Scores at a glance") == 1  # in the list of what shows what
    assert "<table" not in opening
    assert str(tmp_path) not in opening
    # Nothing but folded parts follows, and paths of runs are in the last two only.
    visible = re.sub(
        r"(?s)<details.*?</details>", "", re.sub(r"(?s)<details class=.part.*", "", rest)
    )
    assert "<p" not in visible
    assert str(tmp_path) not in rest[: rest.index('<div id="again">')]
    assert f"<pre><code>sh {out / 'again.sh'}</code></pre>" in rest


def test_one_script_gives_every_command_once_and_nothing_else(tmp_path: Path) -> None:
    make_pretrain(tmp_path / "a", TWO[0])
    make_pretrain(tmp_path / "b", TWO[1], command="python probe/table4.py --runs 'my runs'")
    grown = ["python mfsn/run.py ablate --seed 1 --out m"]
    make_mfsn(tmp_path / "m", per_speaker=8, seeds=(0,), grown_by=grown)
    for name, command in (
        ("c", "python probe/table4.py --runs 'my runs'"),
        ("d", "rm -rf /"),
        ("e", "python -c 'print(1)' pretrain/run.py"),
        ("f", "python pretrain/run.py --out x; touch stolen $(touch stolen) `touch stolen`"),
        ("g\ntouch stolen", "python pretrain/run.py --out 'x\ntouch stolen'"),
        ("h", ""),
    ):
        make_pretrain(tmp_path / name, f"row-{name[0]}", command=command)
    found = commands(collect([str(tmp_path / "*")]))
    text = script(found, "python reports/run.py --runs a b --out r")
    lines = [line for line in text.splitlines() if line.startswith(("python", "accelerate", "rm"))]
    assert lines.count("python probe/table4.py --runs 'my runs'") == 1
    assert lines[0].startswith("accelerate launch pretrain/run.py")
    assert lines[-2:] == [*grown, "python reports/run.py --runs a b --out r"]
    assert sorted(Path(folder).name[0] for folder in left_out(found)) == ["d", "e", "g", "h"]
    assert "rm -rf" not in text
    (tmp_path / "script").mkdir()
    file = tmp_path / "script" / "again.sh"
    (tmp_path / "script" / "reports").mkdir()
    (tmp_path / "script" / "reports" / "run.py").write_text("")
    # The commands are given to programs that only say what they got.
    bin_folder = tmp_path / "script" / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    for program in ("python", "accelerate"):
        (bin_folder / program).write_text(f'#!/bin/sh\nprintf "%s|" {program} "$@"\necho\n')
        (bin_folder / program).chmod(0o755)
    file.write_text(text)
    done: Any = subprocess.run(
        ["sh", "again.sh"], cwd=file.parent, capture_output=True, text=True, check=True
    )
    assert "python|probe/table4.py|--runs|my runs|" in done.stdout
    assert not list(tmp_path.rglob("stolen"))
    (tmp_path / "script" / "reports" / "run.py").unlink()
    assert subprocess.run(["sh", "again.sh"], cwd=file.parent, capture_output=True).returncode == 2
