"""A run folder takes the same command again and refuses another one."""

from pathlib import Path

import pytest

from mfsn.experiment.results import FusionRunError, read_run
from mfsn.experiment.run_folder import FusionRunFolder

INPUTS = {"action": "search", "settings.fit.lr": 0.001, "seeds": (0, 1)}


def test_the_same_inputs_go_on_and_keep_the_first_command(tmp_path: Path) -> None:
    folder = FusionRunFolder(tmp_path / "run")
    assert not folder.open(INPUTS, {"command": "first"})
    with pytest.raises(KeyboardInterrupt), folder.at_work():
        raise KeyboardInterrupt
    assert read_run(folder.path)["status"] == "stopped"
    assert not folder.open(INPUTS, {"command": "second"})
    run = read_run(folder.path)
    assert (run["status"], run["command"]) == ("running", "first")


def test_other_inputs_are_refused_with_the_keys_named(tmp_path: Path) -> None:
    folder = FusionRunFolder(tmp_path / "run")
    folder.open(INPUTS, {})
    with pytest.raises(FusionRunError) as caught:
        folder.open({**INPUTS, "settings.fit.lr": 0.01, "protocol": "session"}, {})
    message = str(caught.value)
    assert "settings.fit.lr: 0.001 in the folder, 0.01 now" in message
    assert "protocol: 'absent' in the folder, 'session' now" in message
    assert "action" not in message


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "stopped"), (ValueError, "failed")]
)
def test_the_last_process_to_leave_writes_the_status(
    error: type[BaseException], status: str, tmp_path: Path
) -> None:
    one, other = FusionRunFolder(tmp_path / "run"), FusionRunFolder(tmp_path / "run")
    one.open(INPUTS, {})
    other.open(INPUTS, {})
    for folder, expected in ((one, "running"), (other, status)):
        with pytest.raises(error), folder.at_work():
            raise error
        assert read_run(folder.path)["status"] == expected
    assert not one.open(INPUTS, {})
    assert read_run(one.path)["status"] == "running"
    with one.at_work():
        pass
    assert read_run(one.path)["status"] == "running", "only `finish` ends it"


def test_seeds_and_folds_are_joined_and_what_was_found_must_agree(tmp_path: Path) -> None:
    inputs = {"seeds": [1], "folds": ["b"], "found": {"1/b": "sum"}}
    FusionRunFolder(tmp_path / "run").open(
        inputs, {"seeds": [1], "folds": ["b"], "command": "first"}
    )
    folder = FusionRunFolder(tmp_path / "run")
    assert folder.joined("seeds", [0]) == [0, 1]
    assert folder.joined("folds", ["a"], ["b", "c", "a"]) == ["b", "a"]
    # What another process has added meanwhile stays.
    added = {"seeds": [0], "folds": ["b", "a"], "found": {"0/b": "ism", "0/a": "sum"}}
    folder.open(added, {"command": "second"})
    run = read_run(folder.path)
    assert (run["seeds"], run["folds"]) == ([0, 1], ["b", "a"])
    assert run["inputs"]["found"] == {"1/b": "sum", "0/b": "ism", "0/a": "sum"}
    assert (run["command"], run["grown_by"]) == ("first", ["second"])
    with pytest.raises(
        FusionRunError, match="found, seed and fold 1/b: 'sum' in the folder, 'ism'"
    ):
        folder.open({**inputs, "found": {"1/b": "ism"}}, {})
    with pytest.raises(FusionRunError, match="found: with --search on one side only"):
        folder.open({"seeds": [7], "folds": ["b"], "found": {}}, {})


def test_what_takes_long_is_computed_once_whoever_made_the_folder(tmp_path: Path) -> None:
    one, other = FusionRunFolder(tmp_path / "run"), FusionRunFolder(tmp_path / "run")
    one.open(INPUTS, {"command": "first"})
    other.open(INPUTS, {"command": "second"})
    other.complete("contamination", lambda: ["found"])
    one.complete("contamination", lambda: pytest.fail("computed again"))
    run = read_run(one.path)
    assert (run["contamination"], run["command"]) == (["found"], "first")
    assert run["status"] == "running"


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt, "stopped"), (ValueError, "failed")]
)
def test_what_takes_long_can_be_interrupted(
    error: type[BaseException], status: str, tmp_path: Path
) -> None:
    def interrupted() -> None:
        raise error

    folder = FusionRunFolder(tmp_path / "run")
    folder.open(INPUTS, {})
    with pytest.raises(error):
        folder.complete("contamination", interrupted)
    assert read_run(folder.path)["status"] == status
    assert not folder.open(INPUTS, {})
    folder.complete("contamination", lambda: [])
    assert read_run(folder.path)["contamination"] == []


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FusionRunError, match=r"something else than a run of MFSN \(thesis.txt\)"):
        FusionRunFolder(tmp_path).open(INPUTS, {})
    with pytest.raises(FusionRunError, match="is a file instead"):
        FusionRunFolder(tmp_path / "thesis.txt").open(INPUTS, {})
