"""Options of corpus specs, and the refusal of incomplete corpora."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mfsn.command_line
import pretrain.finetune
import pretrain.grid
import pretrain.run
import probe.code_knowledge
import probe.command_line
import probe.whole_table.command_line
from probe.corpora.options import allow_incomplete, specs_of, split_options
from probe.corpora.published import IncompleteCorpusError
from probe.corpora.read import read_probe_corpus


@pytest.mark.parametrize(
    ("spec", "plain", "options"),
    [
        ("emodb=/data/emodb", "emodb=/data/emodb", set()),
        ("emodb:incomplete=/a:b=c", "emodb=/a:b=c", {"incomplete"}),
        ("iemocap:all, scripted=/x", "iemocap=/x", {"all", "scripted"}),
        ("synthetic:hours=1,seed=0", "synthetic:hours=1,seed=0", set()),
        ("mine=/a:incomplete=b", "mine=/a:incomplete=b", set()),
    ],
)
def test_options_stand_between_name_and_path(spec: str, plain: str, options: set[str]) -> None:
    assert split_options(spec) == (plain, frozenset(options))


@pytest.mark.parametrize("spec", ["emodb:voice=/x", "cremad:=/x", "iemocap:al=/x"])
def test_an_unknown_option_is_refused_with_those_there_are(spec: str) -> None:
    with pytest.raises(ValueError, match=r"has no option .* incomplete"):
        split_options(spec)


def test_a_manifest_has_no_options() -> None:
    with pytest.raises(ValueError, match="is a manifest: leave them out"):
        split_options("iemocap:all=/data/mine.csv")


def test_columns_are_of_corpora_with_a_manifest_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").touch()
    specs = ["emodb=/x", f"mine={tmp_path}", "two:norms=/a.tsv", f"emodb={tmp_path}", "synthetic"]
    assert specs_of(specs, "path=file") == [
        "emodb=/x",
        f"mine[path=file]={tmp_path}",
        "two[path=file]:norms=/a.tsv",
        f"emodb={tmp_path}",
        "synthetic",
    ]
    assert specs_of(specs[:2], None, incomplete=True) == ["emodb:incomplete=/x", specs[1]]
    assert split_options("two[path=file]:norms=/a.tsv") == (
        "two[path=file]=/a.tsv",
        frozenset(("norms",)),
    )
    assert allow_incomplete("emodb[path=file]=/a.csv") == "emodb[path=file]:incomplete=/a.csv"
    with pytest.raises(ValueError, match="--columns path=file: is of corpora with a manifest"):
        specs_of(["emodb=/x"], "path=file")


@pytest.mark.parametrize(
    "parse",
    [
        lambda rest: probe.command_line.parse_arguments(["--encoder", "e", *rest]),
        lambda rest: probe.code_knowledge.parse_arguments(["--encoder", "e", *rest]),
        lambda rest: probe.whole_table.command_line.parse(["--runs", "r", *rest[:-2]]),
        lambda rest: mfsn.command_line.parse(["evaluate", "--run", "r", *rest]),
        lambda rest: pretrain.run.parse(rest),
        lambda rest: pretrain.grid.parse(["--rows", "r", *rest]),
        lambda rest: pretrain.finetune.parse(rest),
    ],
)
def test_every_command_that_takes_a_manifest_takes_columns(
    parse: Callable[[list[str]], Any],
) -> None:
    parsed = parse(["--corpus", "mine=a.csv", "--columns", "path=file", "--out", "o"])
    assert parsed.columns == "path=file"


def test_the_flag_is_the_option_of_every_named_corpus() -> None:
    assert allow_incomplete("emodb=/x") == "emodb:incomplete=/x"
    assert allow_incomplete("iemocap:all=/x") == "iemocap:all,incomplete=/x"
    assert allow_incomplete("emodb:incomplete=/x") == "emodb:incomplete=/x"
    for other in ("mine=/x", "synthetic", "folder=/x"):
        assert allow_incomplete(other) == other


@pytest.mark.parametrize(
    ("corpus", "name", "lines"),
    [
        ("emodb", "03a01Fa", ["emotion anger: 0 instead of 127", "speaker 03: 1 instead of 49"]),
        ("ravdess", "03-01-06-01-02-01-12", ["lacks 1439 of 1440", "speaker 12: 1 instead of 60"]),
    ],
)
def test_an_incomplete_corpus_is_refused_unless_told(
    tmp_path: Path, corpus: str, name: str, lines: list[str]
) -> None:
    (tmp_path / f"{name}.wav").touch()
    with pytest.raises(IncompleteCorpusError) as caught:
        read_probe_corpus(f"{corpus}={tmp_path}")
    told = str(caught.value)
    for line in (*lines, f"{corpus}:incomplete={tmp_path}", "--allow-incomplete"):
        assert line in told
