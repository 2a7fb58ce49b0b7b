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
from pretrain.shared.random_streams import generator

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


def test_any_flipped_bit_of_any_file_is_found(tmp_path: Path, tensors: Tensors) -> None:
    folder = save(tmp_path, 120, tensors)
    places = [(file, at) for file in folder.iterdir() for at in range(file.stat().st_size)]
    rng = generator("flipped bits")
    in_tensors = [place for place in places if place[0].suffix == ".safetensors"]
    others = [place for place in places if place[0].suffix != ".safetensors"]
    chosen = [*others, *(in_tensors[i] for i in rng.permutation(len(in_tensors))[:200])]
    assert {file.name for file, _ in chosen} >= {"state.json", "state.sha256"}
    for file, position in chosen:
        content = file.read_bytes()
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"Remove this folder|this version reads"):
            load_checkpoint(folder)
        file.write_bytes(content)
    load_checkpoint(folder)


def test_a_digit_of_the_state_counts_as_much_as_a_tensor(tmp_path: Path, tensors: Tensors) -> None:
    file = save(tmp_path, 7, tensors) / "state.json"
    file.write_text(
        file.read_text().replace('"progress": {\n  "update": 7', '"progress": {\n  "update": 5')
    )
    with pytest.raises(CheckpointError, match=r"state\.json: is damaged"):
        load_checkpoint(file.parent)


def as_former_version(folder: Path) -> Path:
    """Makes a checkpoint what versions before the digest of the state have written."""
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, "format": 1}, indent=1))
    (folder / "state.sha256").unlink()
    return folder


def test_checkpoints_of_the_format_before_are_read(tmp_path: Path, tensors: Tensors) -> None:
    folder = as_former_version(save(tmp_path, 7, tensors))
    assert load_checkpoint(folder)[1]["progress"] == {"update": 7}
    (folder / "state.json").write_text(
        (folder / "state.json").read_text().replace('"update": 7', '"update": 5')
    )
    with pytest.raises(CheckpointError, match="says that it is of update 5, which is not its name"):
        load_checkpoint(folder)


def test_this_format_without_the_digest_is_refused(tmp_path: Path, tensors: Tensors) -> None:
    folder = save(tmp_path, 7, tensors)
    (folder / "state.sha256").unlink()
    with pytest.raises(CheckpointError, match=r"state\.sha256"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "content", ["[]", "null", "{}", "[" * 100_000, '{"format": 1, "update": "7", "sha256": {}}']
)
def test_a_state_of_another_form_is_refused_in_one_sentence(
    content: str, tmp_path: Path, tensors: Tensors
) -> None:
    folder = as_former_version(save(tmp_path, 7, tensors))
    (folder / "state.json").write_text(content)
    with pytest.raises(CheckpointError, match="Remove this folder to continue") as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_a_file_outside_of_the_checkpoint_is_not_read(tmp_path: Path, tensors: Tensors) -> None:
    folder = as_former_version(save(tmp_path, 7, tensors))
    state = json.loads((folder / "state.json").read_text())
    state["sha256"] = {"../other.safetensors": ""}
    (folder / "state.json").write_text(json.dumps(state))
    with pytest.raises(CheckpointError, match="which is not in it"):
        load_checkpoint(folder)


def test_what_a_killed_save_or_removal_left_goes_with_the_next_one(
    tmp_path: Path, tensors: Tensors
) -> None:
    (tmp_path / ".partial-update-00000001").mkdir()
    (tmp_path / ".partial-update-00000001-old").mkdir()
    save(tmp_path, 2, tensors)
    save(tmp_path, 2, tensors)
    assert [path.name for path in tmp_path.iterdir()] == ["update-00000002"]
