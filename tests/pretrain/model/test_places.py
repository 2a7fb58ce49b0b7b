"""Where encoders are: folders, and names on the hub of which nothing is to be had here."""

from pathlib import Path
from typing import Any

import pytest

from pretrain.model.kinds.places import EncoderPlace, encoder_place
from pretrain.shared.errors import InputError

huggingface_hub: Any = pytest.importorskip("huggingface_hub")


def test_folders_are_named_with_and_without_a_name(tmp_path: Path) -> None:
    assert encoder_place(str(tmp_path)) == EncoderPlace(folder=tmp_path)
    assert encoder_place(f"hf:{tmp_path}") == EncoderPlace(folder=tmp_path)
    assert encoder_place(f"mine=hf:{tmp_path}") == EncoderPlace(folder=tmp_path, name="mine")
    odd = tmp_path / "a=b"
    assert encoder_place(odd) == EncoderPlace(folder=odd)


def test_a_name_on_the_hub_is_downloaded_once_at_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def download(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, revision, allow_patterns[-1]))
        folder = tmp_path / "abc123"
        folder.mkdir(exist_ok=True)
        name = "pytorch_model.bin" if "bin" in allow_patterns[-1] else "config.json"
        (folder / name).write_text("{}")
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    place = encoder_place("hf:microsoft/wavlm-base@main")
    assert place == EncoderPlace(folder=tmp_path / "abc123", name="wavlm-base", revision="abc123")
    assert [(r, v) for r, v, _ in asked] == [("microsoft/wavlm-base", "main")] * 2
    assert asked[0][2] == "model*.safetensors", "pickles only where there is nothing else"


def test_without_a_network_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=r"hf download nobody/nothing --local-dir DIR"):
        encoder_place("hf:nobody/nothing")


def test_what_can_be_no_name_is_refused_before_the_hub_is_asked() -> None:
    with pytest.raises(InputError, match="is no folder here, and no name on the hub"):
        encoder_place("hf:/no/such/folder")
