import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pretrain.engine.checkpoint import (
    CheckpointError,
    list_checkpoints,
    load_checkpoint,
    save_checkpoint,
)

Tensors = dict[str, dict[str, Tensor]]


@pytest.fixture
def tensors() -> Tensors:
    return {
        "objective": {"weight": torch.arange(6.0).view(2, 3), "steps": torch.tensor(3)},
        "generator": {"cpu": torch.get_rng_state()},
    }


def save(folder: Path, update: int, tensors: Tensors, keep: int = 2) -> Path:
    return save_checkpoint(folder, update, tensors, {"progress": {"update": update}}, keep)


def test_what_is_saved_is_loaded(tmp_path: Path, tensors: Tensors) -> None:
    loaded, values = load_checkpoint(save(tmp_path, 7, tensors))
    assert loaded.keys() == tensors.keys()
    assert all(
        torch.equal(loaded[file][name], tensor)
        for file, group in tensors.items()
        for name, tensor in group.items()
    )
    assert values["progress"] == {"update": 7}


def test_only_the_newest_are_kept(tmp_path: Path, tensors: Tensors) -> None:
    for update in (5, 10, 15, 100):
        save(tmp_path, update, tensors)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "update-00000015",
        "update-00000100",
    ]


@pytest.mark.parametrize("position", [20, -1])
def test_a_flipped_byte_is_found(tmp_path: Path, tensors: Tensors, position: int) -> None:
    file = save(tmp_path, 1, tensors) / "objective.safetensors"
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"objective\.safetensors: is damaged"):
        load_checkpoint(file.parent)


def test_a_truncated_or_missing_file_is_found(tmp_path: Path, tensors: Tensors) -> None:
    folder = save(tmp_path, 1, tensors)
    file = folder / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="is damaged"):
        load_checkpoint(folder)
    file.unlink()
    with pytest.raises(CheckpointError, match="Remove this folder"):
        load_checkpoint(folder)


def test_another_format_is_refused(tmp_path: Path, tensors: Tensors) -> None:
    folder = save(tmp_path, 1, tensors)
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        load_checkpoint(folder)


def test_a_failed_save_leaves_what_was_there(
    tmp_path: Path, tensors: Tensors, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1, tensors)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        save(tmp_path, 2, tensors)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["update-00000001"]
    load_checkpoint(tmp_path / "update-00000001")


def test_an_unfinished_save_is_no_checkpoint(tmp_path: Path, tensors: Tensors) -> None:
    save(tmp_path, 1, tensors)
    (tmp_path / ".partial-update-00000002").mkdir()
    (tmp_path / "update-00000003").mkdir()
    assert [path.name for path in list_checkpoints(tmp_path)] == ["update-00000001"]
