"""Encoder folders are described, and refused in words."""

import json
from pathlib import Path

import pytest

from mfsn.experiment.encoders import describe_encoder
from pretrain.model.kinds.registry import EncoderFolderError


def make(folder: Path, run: object, weights: bytes = b"w") -> Path:
    folder.mkdir()
    if run is not None:
        (folder / "run.json").write_text(json.dumps(run))
    if weights:
        (folder / "encoder.safetensors").write_bytes(weights)
    return folder


def test_a_fine_tuned_encoder_brings_its_error_rates(tmp_path: Path) -> None:
    run = {
        "kind": "finetune", "status": "finished", "name": "ctc", "mode": "quantized",
        "hashes": {"final_weights": "abc"}, "cer": 0.5, "wer": 0.9, "finetuned_on": "an4",
    }  # fmt: skip
    described = describe_encoder(make(tmp_path / "ctc", run), "tec")
    assert (described["cer"], described["wer"], described["finetuned_on"]) == (0.5, 0.9, "an4")
    assert described["released"] is False
    assert described["hashes"]["final_weights"] == "abc"


def test_other_weights_are_another_encoder(tmp_path: Path) -> None:
    one = describe_encoder(make(tmp_path / "one", None), "sec")
    other = describe_encoder(make(tmp_path / "other", None, b"v"), "sec")
    assert one["released"]
    assert one["hashes"]["files"] != other["hashes"]["files"]


@pytest.mark.parametrize(
    ("run", "weights", "message"),
    [
        ({"kind": "pretrain", "status": "stopped"}, b"w", "'stopped', not finished"),
        ({"kind": "probe"}, b"w", "kind 'probe'"),
        (None, b"", "has no encoder.safetensors or model.safetensors"),
    ],
)
def test_folders_that_are_no_encoder_are_refused(
    run: object, weights: bytes, message: str, tmp_path: Path
) -> None:
    folder = make(tmp_path / "encoder", run, weights)
    with pytest.raises(EncoderFolderError, match=message) as caught:
        describe_encoder(folder, "sec-quantized")
    assert "--sec-quantized" in str(caught.value)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderFolderError, match="does not exist"):
        describe_encoder(tmp_path / "nowhere", "tec")


def test_a_released_model_in_several_files_is_taken_and_all_of_them_count(tmp_path: Path) -> None:
    hashes = []
    for number, second in enumerate((b"b", b"c")):
        folder = make(tmp_path / str(number), None, b"")
        (folder / "model-00001-of-00002.safetensors").write_bytes(b"a")
        (folder / "model-00002-of-00002.safetensors").write_bytes(second)
        described = describe_encoder(folder, "tec")
        assert described["released"]
        named = describe_encoder(Path(f"big=hf:{folder}"), "tec")
        assert named == {**described, "name": "big"}
        hashes.append(described["hashes"]["files"])
    assert hashes[0] != hashes[1]
