"""Which encoders may stand in one table."""

import json
from pathlib import Path
from typing import Any

import pytest

from pretrain.model.kinds.registry import EncoderFolderError
from probe.rows.comparable import EncoderError, EncoderRun, make_table, read_encoder_run


def folder(path: Path, **changes: Any) -> Path:
    path.mkdir()
    for name in ("encoder.json", "encoder.safetensors"):
        (path / name).touch()
    description = {
        "kind": "pretrain", "status": "finished", "name": path.name, "seed": 0, "mode": "quantized",
        "row": {}, "comparison": {"lr": 1, "updates": 300}, "hashes": {"masks": "m"}, **changes,
    }  # fmt: skip
    (path / "run.json").write_text(json.dumps(description))
    return path


def table(*folders: Path, **options: Any) -> list[EncoderRun]:
    runs = [read_encoder_run(path) for path in folders]
    return make_table(runs, **{"allow_uncontrolled": False, **options})


def test_equal_comparisons_stand_in_one_table(tmp_path: Path) -> None:
    runs = table(folder(tmp_path / "a"), folder(tmp_path / "b"))
    assert [run.group for run in runs] == ["row", "row"]


def test_unequal_comparisons_are_refused_with_the_keys(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name) for name in "ab"]
    folders.insert(0, folder(tmp_path / "odd", comparison={"lr": 2, "updates": 300}))
    with pytest.raises(EncoderError, match=r"(?s)odd cannot stand .*\n  lr: 1, here 2\n"):
        table(*folders)
    runs = table(*folders, allow_uncontrolled=True)
    assert [run.group for run in runs] == ["uncontrolled", "row", "row"]


def test_other_masks_at_the_same_seed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"hashes\.masks: 'm', here 'n'"):
        table(folder(tmp_path / "a"), folder(tmp_path / "b", hashes={"masks": "n"}))
    runs = table(
        *(folder(tmp_path / f"{name}{seed}", name=name, seed=seed, hashes={"masks": str(seed)})
          for name in "cd" for seed in (0, 1))
    )  # fmt: skip
    assert len(runs) == 4


def test_encoders_without_hashes_are_uncontrolled(tmp_path: Path) -> None:
    bare = folder(tmp_path / "bare")
    (bare / "run.json").unlink()
    assert [run.group for run in table(folder(tmp_path / "a"), bare)] == ["row", "uncontrolled"]


def test_rows_need_the_same_seeds(tmp_path: Path) -> None:
    folders = [
        folder(tmp_path / "a0", name="a"),
        folder(tmp_path / "a1", name="a", seed=1),
        folder(tmp_path / "b0", name="b"),
    ]
    with pytest.raises(EncoderError, match=r"a: \[0, 1\]\n  b: \[0\]"):
        table(*folders)
    assert len(table(*folders, seeds=[0])) == 2
    with pytest.raises(EncoderError, match="No --encoder is left"):
        table(*folders, seeds=[7])


def test_the_same_row_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="2 encoders are row 'a' at seed 0"):
        table(folder(tmp_path / "x", name="a"), folder(tmp_path / "y", name="a"))


def test_missing_unfinished_and_foreign_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderFolderError, match="does not exist"):
        read_encoder_run(tmp_path / "none")
    with pytest.raises(EncoderFolderError, match="'running', not finished"):
        read_encoder_run(folder(tmp_path / "a", status="running"))
    with pytest.raises(EncoderFolderError, match="not an encoder's folder"):
        read_encoder_run(folder(tmp_path / "b", kind="probe"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        EncoderFolderError, match=r"has no encoder\.safetensors or model\.safetensors"
    ):
        read_encoder_run(tmp_path / "empty")
    with pytest.raises(EncoderError, match="not a pre-training run"):
        read_encoder_run(folder(tmp_path / "c", kind="finetune"))
