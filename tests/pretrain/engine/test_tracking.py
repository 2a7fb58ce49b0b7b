"""metrics.jsonl is continued exactly, whatever happened to the file meanwhile."""

import json
from pathlib import Path
from typing import Any

import pytest

from pretrain.engine.tracking import MetricsLog

NAN = float("nan")


def logged(path: Path, first: int, last: int, log: MetricsLog | None = None) -> MetricsLog:
    log = log or MetricsLog()
    for update in range(first, last):
        log.append(path, {"update": update, "loss": 1 / (update + 1), "norm": NAN})
    return log


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def straight(tmp_path: Path) -> bytes:
    logged(tmp_path / "straight.jsonl", 0, 8)
    return (tmp_path / "straight.jsonl").read_bytes()


def as_saved(log: MetricsLog) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(json.dumps(log.state_dict()))
    log.saved()
    return state


LINE = b'{"update": 4, "loss": 0.2, "norm": null}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LINE, LINE[:-1]),  # all but the end of the line
        (LINE, LINE[:12]),
        (LINE, b""),
        (LINE, b"5\n"),
        (LINE, b"[]\n"),
        (LINE, b"\xff\xfe\n"),
        (LINE, b"[" * 100_000 + b"\n"),
        (LINE, LINE.replace(b"4", b'"4"')),
        (LINE, LINE + LINE),
    ],
)
def test_a_file_that_was_cut_or_damaged_behind_a_checkpoint_is_made_whole(
    before: bytes, after: bytes, path: Path, straight: bytes
) -> None:
    log = logged(path, 0, 3)
    as_saved(log)
    state = as_saved(logged(path, 3, 5, log))  # the checkpoint at update 5
    logged(path, 5, 7, log)
    content = path.read_bytes()
    assert content.count(before) == 1
    path.write_bytes(content.replace(before, after))
    resumed = MetricsLog()
    assert resumed.restore(path, 5, state) == ""
    logged(path, 5, 8, resumed)
    assert path.read_bytes() == straight
    assert resumed.state_dict()["num_lines"] == 8


def test_what_was_cut_behind_the_last_whole_line_of_a_killed_run_goes(
    path: Path, straight: bytes
) -> None:
    state = as_saved(logged(path, 0, 5))
    with path.open("ab") as file:
        file.write(b'{"update": 5, "lo')
    resumed = MetricsLog()
    assert resumed.restore(path, 5, state) == ""
    logged(path, 5, 8, resumed)
    assert path.read_bytes() == straight


def test_lines_that_no_checkpoint_has_are_told_of(path: Path) -> None:
    log = logged(path, 0, 3)
    as_saved(log)
    state = as_saved(logged(path, 3, 5, log))
    path.write_bytes(path.read_bytes()[:60])  # one line and a half
    said = MetricsLog().restore(path, 5, state)
    assert "2 of the 5 lines from before update 5 are lost" in said
    assert str(path) in said
    assert [json.loads(line)["update"] for line in path.read_text().splitlines()] == [0, 3, 4]


def test_a_checkpoint_of_a_former_version_leaves_the_lines_as_they_are(path: Path) -> None:
    logged(path, 0, 7)
    log = MetricsLog()
    assert log.restore(path, 5, {}) == ""
    assert path.read_bytes().count(b"\n") == 5
    logged(path, 5, 6, log)
    assert log.state_dict()["num_lines"] is None


def test_a_new_run_begins_with_no_line(path: Path) -> None:
    assert MetricsLog().restore(path, 0, {}) == ""
    assert not path.exists()
    logged(path, 0, 2)  # killed before its first checkpoint
    assert MetricsLog().restore(path, 0, {}) == ""
    assert path.read_bytes() == b""
