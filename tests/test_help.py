"""What --help says is true: names, defaults, and what a corpus is taken for."""

import re
from collections.abc import Callable

import pytest

from mfsn.command_line import DEFAULT_CONFIG as MFSN_CONFIG
from mfsn.command_line import parse as parse_mfsn
from pretrain import finetune, grid, run
from pretrain.config import finetune as finetune_settings
from pretrain.config import settings
from probe.whole_table.command_line import parse as parse_table4
from tests.conftest import PROJECT
from tests.test_readme import PARSERS


def help_of(
    parse: Callable[[list[str]], object], capsys: pytest.CaptureFixture[str], *action: str
) -> str:
    with pytest.raises(SystemExit):
        parse([*action, "--help"])
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", PARSERS)
def test_a_command_calls_itself_by_its_path(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert help_of(PARSERS[command], capsys).startswith(f"usage: {command} ")


@pytest.mark.parametrize(
    ("parse", "action", "config"),
    [
        (run.parse, (), settings.DEFAULT_CONFIG),
        (grid.parse, (), settings.DEFAULT_CONFIG),
        (parse_table4, (), settings.DEFAULT_CONFIG),
        (finetune.parse, (), finetune_settings.DEFAULT_CONFIG),
        (parse_mfsn, ("search",), MFSN_CONFIG),
    ],
)
def test_the_default_configuration_is_the_one_that_is_named(
    parse: Callable[[list[str]], object],
    action: tuple[str, ...],
    config: object,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = help_of(parse, capsys, *action)
    (named,) = re.findall(r"wins \(default: ([^;)]+)", said)
    assert PROJECT / named == config


def test_fine_tuning_does_not_speak_of_a_corpus_to_pre_train_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = help_of(finetune.parse, capsys)
    assert "what to pre-train on" not in said
    assert "--corpus SPEC what to fine-tune on, with transcripts" in said
