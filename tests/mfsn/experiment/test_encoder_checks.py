"""Encoders are what their options say, and what is doubtful about them is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from mfsn.experiment.encoders import check_modes, describe_encoder, doubts
from pretrain.model.kinds.registry import EncoderFolderError

FINDING = {
    "update": 50, "metric": "centre_perplexity", "value": 1.0, "meaning": "One live centre.",
}  # fmt: skip


def make(folder: Path, **run: Any) -> Path:
    folder.mkdir()
    (folder / "encoder.safetensors").write_bytes(folder.name.encode())
    if run:
        (folder / "run.json").write_text(json.dumps({"status": "finished", **run}))
    return folder


def described(**folders: Path) -> dict[str, dict[str, Any]]:
    roles = {role.replace("_", "-"): folder for role, folder in folders.items()}
    return {role: describe_encoder(folder, role) for role, folder in roles.items()}


def test_exchanged_encoders_of_an_ablation_are_refused_by_their_modes(tmp_path: Path) -> None:
    quantized = make(tmp_path / "q", kind="pretrain", mode="quantized")
    continuous = make(tmp_path / "c", kind="pretrain", mode="continuous")
    check_modes(described(sec_quantized=quantized, sec_continuous=continuous))
    with pytest.raises(EncoderFolderError, match="The two folders are exchanged") as caught:
        check_modes(described(sec_quantized=continuous, sec_continuous=quantized))
    assert f"the mode of {continuous} is 'continuous' instead" in str(caught.value)


@pytest.mark.parametrize(
    ("role", "mode"), [("sec_quantized", "continuous"), ("sec_continuous", "ctc")]
)
def test_one_encoder_of_another_mode_is_refused_with_the_remedy(
    role: str, mode: str, tmp_path: Path
) -> None:
    given = make(tmp_path / "given", kind="pretrain", mode=mode)
    other = make(tmp_path / "other")
    roles = {"sec_quantized": other, "sec_continuous": other, role: given}
    with pytest.raises(EncoderFolderError, match="Give the folder of a row that was") as caught:
        check_modes(described(**roles))
    assert f"{mode!r} instead" in str(caught.value)


def test_a_released_model_has_the_mode_of_its_type(tmp_path: Path) -> None:
    folder = make(tmp_path / "data2vec")
    (folder / "encoder.safetensors").rename(folder / "model.safetensors")
    config = {"model_type": "data2vec-audio", "architectures": ["Data2VecAudioForCTC"]}
    (folder / "config.json").write_text(json.dumps(config))
    found = described(sec_quantized=folder)["sec-quantized"]
    assert (found["kind"], found["mode"], found["finetuned"]) == ("released", "continuous", True)
    with pytest.raises(EncoderFolderError, match="'continuous' instead"):
        check_modes({"sec-quantized": found})


def test_an_encoder_that_does_not_say_its_mode_is_taken_and_named(tmp_path: Path) -> None:
    given = described(sec_quantized=make(tmp_path / "copied"))
    check_modes(given)
    (doubt,) = doubts(given)
    assert "does not say what its targets were; it is taken as quantized" in doubt


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({"kind": "pretrain", "mode": "continuous"}, "was never fine-tuned on transcripts"),
        ({}, "does not say whether it was ever fine-tuned"),
        ({"kind": "finetune", "cer": 0.8, "constant_cer": 0.8}, "CER of 80.0%, no better than"),
        ({"kind": "finetune", "cer": 1.0}, "CER of 100.0%, as if it answered nothing"),
        ({"kind": "finetune", "cer": 0.3, "constant_cer": 0.8}, None),
    ],
)
def test_a_text_encoder_that_reads_no_text_is_named(
    run: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    found = doubts(described(tec=make(tmp_path / "tec", **run)))
    assert len(found) == (expected is not None)
    assert all(str(expected) in doubt and "encoder tec" in doubt for doubt in found)


def test_findings_of_an_encoders_training_are_carried_over(tmp_path: Path) -> None:
    sick = make(tmp_path / "sick", kind="pretrain", mode="quantized", health=[FINDING, FINDING])
    given = described(sec=sick)
    assert given["sec"]["health"] == [FINDING, FINDING]
    (doubt,) = doubts(given)
    assert "not healthy at update 50" in doubt
    assert "1 more finding" in doubt
    assert doubt.endswith("One live centre.")


def test_findings_of_what_a_text_encoder_began_with_are_carried_over(tmp_path: Path) -> None:
    base = {"name": "g2v8", "mode": "quantized", "health": [FINDING], "hashes": {"a": "b"}}
    read = {"kind": "finetune", "mode": "ctc", "cer": 0.3, "constant_cer": 0.8}
    given = described(tec=make(tmp_path / "ctc", **read, encoder=base))
    assert given["tec"]["base"]["health"] == [FINDING]
    (doubt,) = doubts(given)
    assert "began with g2v8, which was not healthy at update 50" in doubt


def test_one_encoder_for_both_streams_and_a_fine_tuned_one_for_speech_are_named(
    tmp_path: Path,
) -> None:
    read = make(tmp_path / "ctc", kind="finetune", mode="ctc", cer=0.3, constant_cer=0.8)
    same, tuned = doubts(described(tec=read, sec=read))
    assert "encoders tec and sec are the same" in same
    assert "no SEC encoder as it was pre-trained" in tuned
