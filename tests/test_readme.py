"""The README's commands are ones that the programs understand, and what it names exists."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mfsn.command_line import parse as parse_mfsn
from pretrain import export, finetune, grid
from pretrain import run as pretrain_run
from probe import check_corpora, code_knowledge
from probe.command_line import parse_arguments as parse_probe
from probe.study.command import parse as parse_study
from probe.study.study_file import read_study
from probe.whole_table.command_line import ROWS as TABLE4_ROWS
from probe.whole_table.command_line import parse as parse_table4
from reports import run as reports_run
from tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")

PARSERS: dict[str, Callable[[list[str]], object]] = {
    "pretrain/run.py": pretrain_run.parse,
    "pretrain/grid.py": grid.parse,
    "pretrain/finetune.py": finetune.parse,
    "pretrain/export.py": export.parse,
    "mfsn/run.py": parse_mfsn,
    "probe/run.py": parse_probe,
    "probe/table4.py": lambda words: (parse_study if "--study" in words else parse_table4)(words),
    "probe/code_knowledge.py": code_knowledge.parse_arguments,
    "probe/check_corpora.py": check_corpora.parse_arguments,
    "reports/run.py": lambda arguments: reports_run.parser().parse_args(arguments),
}


def commands() -> list[list[str]]:
    """Returns the words of every command in an indented block, continued lines joined."""
    blocks = re.findall(r"(?:^    .*\n)+", README, flags=re.MULTILINE)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.mark.parametrize("words", [c for c in commands() if c[0] != "make"], ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    (place,) = [index for index, word in enumerate(words) if word in PARSERS]
    PARSERS[words[place]](words[place + 1 :])
    for word in words:
        if word.startswith("configs/"):
            assert (PROJECT / word).exists(), word


def test_every_make_target_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = {words[1] for words in commands() if words[0] == "make"}
    assert {"demo", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


@pytest.mark.parametrize("size", ["small", "tiny"])
def test_every_stage_of_the_demo_is_understood_and_reads_what_an_earlier_one_makes(
    size: str,
) -> None:
    stages = demo_stages(size)
    assert [words[1] for words in stages] == [
        *(["probe/table4.py"] if size == "small" else []),
        "probe/table4.py",
        *(["pretrain/finetune.py"] if size == "small" else []),
        "mfsn/run.py",
        "reports/run.py",
    ]
    made = set()
    if size == "small":
        asked = parse_study(stages.pop(0)[2:])
        study = read_study(PROJECT / asked.study)
        made = {asked.runs / "study"} | {
            asked.runs / "rows" / f"{name}-seed{seed}"
            for seed in study.rows.seeds
            for name in study.rows_at(seed)
        }
    for words in stages:
        PARSERS[words[1]](words[2:])
    table4, *between, mfsn, report = stages
    rows = Path(value_of(table4, "--runs")) / "rows"
    made |= {rows / f"{file.stem}-seed0" for file in TABLE4_ROWS.glob("*.toml")}
    for words in between:
        assert Path(value_of(words, "--encoder")) in made
        made.add(Path(value_of(words, "--out")))
    for role in ("--tec", "--sec-quantized", "--sec-continuous"):
        assert Path(value_of(mfsn, role)) in made, role
    made |= {rows.parent / "probe" / "session-linear", Path(value_of(mfsn, "--out"))}
    given = [Path(word) for word in report[report.index("--runs") + 1 : report.index("--out")]]
    assert made == {path for path in made if any(path.match(str(pattern)) for pattern in given)}
    assert all(any(path.match(str(pattern)) for path in made) for pattern in given)


def test_the_demo_trains_two_rows_at_a_time_and_as_many_as_are_asked_for() -> None:
    for more, expected in (((), "2"), (("JOBS=6",), "6")):
        stages = {words[1]: words for words in demo_stages("small", *more)}
        for command in ("probe/table4.py", "mfsn/run.py"):
            assert value_of(stages[command], "--jobs") == expected, command


def demo_stages(size: str, *more: str) -> list[list[str]]:
    """Returns the commands of `make demo`, as words, without running them."""
    installed = ["VENV=venv", "-o", "venv/installed", "RUNS=runs"]
    of_make = ("MAKEFLAGS", "MAKELEVEL", "JOBS")
    environment = {key: value for key, value in os.environ.items() if key not in of_make}
    said = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "demo", f"SIZE={size}", *installed, *more],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [shlex.split(line) for line in said.splitlines() if line.startswith("venv/bin/python ")]


def value_of(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_ci_calls_what_the_readme_names() -> None:
    assert "make check" in (PROJECT / ".ci" / "run").read_text()
    makefile = (PROJECT / "Makefile").read_text()
    assert re.search(r"^TESTS := .*pytest", makefile, re.M)
    for target in ("check", "test"):
        assert re.search(rf"^{target}:.*\n(\t.*\n)*\t\$\(TESTS\)\n", makefile, re.M)


def test_folders_files_and_pictures_that_are_named_exist() -> None:
    named = re.findall(r"`((?:pretrain|probe|mfsn|reports|configs|benchmarks)/[^` ]*)`", README)
    named += re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert len(named) > 5
    for name in named:
        assert (PROJECT / Path(name)).exists(), name
