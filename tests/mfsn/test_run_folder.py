"""A run folder takes the same command again and refuses another one."""

from pathlib import Path

import pytest

from mfsn.results import ResultsError, read_run
from mfsn.run_folder import RunFolder

INPUTS = {"action": "search", "settings.fit.lr": 0.001, "seeds": (0, 1)}


def test_the_same_inputs_go_on_and_keep_the_first_command(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert not folder.open(INPUTS, {"command": "first"})
    folder.stop()
    assert read_run(folder.path)["status"] == "stopped"
    assert not folder.open(INPUTS, {"command": "second"})
    run = read_run(folder.path)
    assert (run["status"], run["command"]) == ("running", "first")


def test_other_inputs_are_refused_with_the_keys_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.open(INPUTS, {})
    with pytest.raises(ResultsError) as caught:
        folder.open({**INPUTS, "settings.fit.lr": 0.01, "seeds": (0,)}, {})
    message = str(caught.value)
    assert "settings.fit.lr: 0.001 in the folder, 0.01 now" in message
    assert "seeds: [0, 1] in the folder, [0] now" in message
    assert "action" not in message


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ResultsError, match=r"something else than a run of MFSN \(thesis.txt\)"):
        RunFolder(tmp_path).open(INPUTS, {})
    with pytest.raises(ResultsError, match="is a file instead"):
        RunFolder(tmp_path / "thesis.txt").open(INPUTS, {})
