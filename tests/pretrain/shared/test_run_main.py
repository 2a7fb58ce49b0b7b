"""Every command ends with a status that says why, and with a sentence where one helps."""

import argparse
import errno
import signal
from importlib import import_module

import pytest

from pretrain.shared.atomic_files import WriteError
from pretrain.shared.command_line import run_main
from pretrain.shared.errors import CommandLineError, InputError, UserError
from tests.conftest import PROJECT

COMMANDS = (
    "pretrain.run", "pretrain.grid", "pretrain.finetune", "pretrain.data.synthetic.__main__",
    "probe.run", "probe.table4", "probe.code_knowledge", "probe.check_corpora", "mfsn.run",
    "reports.run",
)  # fmt: skip

ERRORS = [
    (UserError("Finish the run."), 1),
    (InputError("`x` must be 1."), 1),
    (WriteError(PROJECT / "a", "no room"), 1),
    (FileNotFoundError(errno.ENOENT, "No such file", "there.csv"), 1),
    (CommandLineError("Give one of them."), 2),
]


def ends(error: BaseException, *, each_speaks: bool = False) -> int:
    def work() -> None:
        raise error

    return run_main(work, each_speaks=each_speaks)


@pytest.mark.slow
@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_errors_for_users_are_one_sentence(
    error: Exception, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(error) == status
    assert capsys.readouterr().err == f"error: {error}\n"


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError("x"), KeyError(1)])
def test_faults_of_the_program_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        ends(error)


def test_the_first_of_a_launchers_processes_speaks_unless_each_has_its_own_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    assert ends(InputError("wrong")) == 1
    assert ends(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == ""
    assert ends(InputError("wrong"), each_speaks=True) == 1
    assert capsys.readouterr().err == "error: wrong\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_with_processes_of_its_own_passes_over_what_comes_while_it_stops(
    number: signal.Signals,
) -> None:
    left: list[bool] = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            left.append(True)

    before = signal.getsignal(signal.SIGINT)
    assert run_main(work, insists=False) == 130
    assert left
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_every_command_that_is_stopped_says_how_to_go_on(
    name: str,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(*_: object) -> None:
        signal.raise_signal(number)

    for method in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(argparse.ArgumentParser, method, stopped)
    assert import_module(name).main([]) == 130
    said = capsys.readouterr().err
    assert said.startswith("Stopped on request; ")
    assert "the same command" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_an_unknown_option_with_status_2(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        import_module(name).main(["--nonsense"])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
