"""A disk that is full or read-only is told in a sentence; nothing is half-written, and the same
command goes on once there is room."""

import errno
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from mfsn.experiment.results import append_line, read_lines
from mfsn.experiment.run_folder import FusionRunFolder
from pretrain.config.files import SettingsTree
from pretrain.data.synthetic.corpus import make_synthetic_corpus
from pretrain.data.tables.delimited import write_csv
from pretrain.engine import tracking
from pretrain.engine.checkpoint import CheckpointError, list_checkpoints, load_checkpoint
from pretrain.engine.pretrain_run import pretrain
from pretrain.engine.run_folder import RunFolder
from pretrain.shared.atomic_files import WriteError, replace_text
from pretrain.shared.errors import is_for_users
from pretrain.shared.kept_tensors import TensorFile
from pretrain.shared.processes.locks import lock
from tests.probe.test_results import results
from tests.promises.test_resume_is_exact import metrics_of, settings_of


@contextmanager
def room_for(num_bytes: int) -> Iterator[None]:
    """No file can grow beyond this inside; what the system then says is no signal in Python."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_results_of_a_probe(folder: Path) -> None:
    from probe.results import write_results

    write_results(folder, results())


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: replace_text(path, "x" * 100_000),
    "table": lambda path: write_csv(pd.DataFrame({"a": range(100_000)}), path),
    "features": lambda path: TensorFile(path=path).write({"a": torch.zeros(100, 2, 80)}),
    "results": write_results_of_a_probe,
    "corpus": lambda path: make_synthetic_corpus(path, hours=0.01, seed=0, part="probe"),
    "lock": lambda path: lock(path / "below" / ".lock", wait=False).__enter__(),
}


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "lock"])
def test_what_does_not_fit_is_told_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    with room_for(300), pytest.raises(WriteError) as caught:
        WRITERS[name](tmp_path / "out")
    assert is_for_users(caught.value)
    assert str(tmp_path / "out") in str(caught.value)
    assert "Make room" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["text", "table", "lock"])
def test_a_read_only_disk_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(WriteError, match="Read-only file system"):
        WRITERS[name](tmp_path / "out")


def test_lines_that_do_not_fit_are_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = tracking.MetricsLog()
    log.append(path, {"update": 0, "loss": 1.0})
    before = path.read_bytes()
    with room_for(len(before) + 10), pytest.raises(WriteError):
        log.append(path, {"update": 1, "loss": 1.0})
    assert path.read_bytes() == before
    assert log.state_dict()["num_lines"] == 1
    append_line(tmp_path / "rows.jsonl", {"a": 1})
    with room_for(12), pytest.raises(WriteError):
        append_line(tmp_path / "rows.jsonl", {"a": 2})
    assert read_lines(tmp_path / "rows.jsonl") == [{"a": 1}]


def test_a_run_of_mfsn_on_a_full_disk_says_why_it_ended(tmp_path: Path) -> None:
    folder = FusionRunFolder(tmp_path / "run")
    folder.open({"seeds": [0], "folds": ["a"]}, {"command": "first"})
    with (
        room_for(10),
        pytest.raises(WriteError, match=r"result\.json cannot be written"),
        folder.at_work(),
    ):
        replace_text(tmp_path / "run" / "result.json", "x" * 100)
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["status"] == "running"
    assert not FusionRunFolder(tmp_path / "run").open({"seeds": [0], "folds": ["a"]}, {})


@pytest.mark.slow
def test_a_training_goes_on_exactly_once_there_is_room_again(
    tiny_tree: SettingsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of("continuous-k4", tiny_tree)
    straight, filled = tmp_path / "straight", tmp_path / "filled"
    assert pretrain(settings, straight, resume=True)
    append = tracking.MetricsLog.append

    def full_at(update: int) -> Callable[..., None]:
        def filling(log: tracking.MetricsLog, path: Path, record: dict[str, Any]) -> None:
            size = path.stat().st_size if path.is_file() else 0
            with room_for(size + 20 if record["update"] == update else 2**40):
                append(log, path, record)

        return filling

    # Between two checkpoints, at the first checkpoint, and after it.
    monkeypatch.setattr(tracking.MetricsLog, "append", full_at(1))
    with pytest.raises(WriteError, match=r"metrics\.jsonl cannot be written"):
        pretrain(settings, filled, resume=True)
    assert (RunFolder(filled).description() or {})["status"] == "halted"
    monkeypatch.setattr(tracking.MetricsLog, "append", append)
    save = "pretrain.engine.checkpoint._write_durably"
    with monkeypatch.context() as patch:

        def no_room(path: Path, content: bytes) -> None:
            with room_for(100):
                path.write_bytes(content)

        patch.setattr(save, no_room)
        with pytest.raises(CheckpointError, match="File too large"):
            pretrain(settings, filled, resume=True)
    assert list((filled / "checkpoints").iterdir()) == []
    monkeypatch.setattr(tracking.MetricsLog, "append", full_at(4))
    with pytest.raises(WriteError):
        pretrain(settings, filled, resume=True)
    (checkpoint,) = list_checkpoints(filled / "checkpoints")
    load_checkpoint(checkpoint)
    monkeypatch.setattr(tracking.MetricsLog, "append", append)
    assert pretrain(settings, filled, resume=True)
    assert metrics_of(filled) == metrics_of(straight)
    one, other = (RunFolder(folder).description() or {} for folder in (straight, filled))
    assert one["hashes"] == other["hashes"]
