import json
from pathlib import Path

import pytest
import torch

from pretrain.model.encoder import build_encoder
from pretrain.model.weights import WeightsError, load_encoder, save_encoder, weights_hash
from tests.pretrain.model.small import SETTINGS


def test_a_saved_encoder_loads_with_equal_settings_and_weights(tmp_path: Path) -> None:
    encoder, initial = build_encoder(SETTINGS, seed=1), build_encoder(SETTINGS, seed=2)
    save_encoder(tmp_path, encoder)
    save_encoder(tmp_path, initial, initial=True)
    loaded = load_encoder(tmp_path)
    assert loaded.settings == SETTINGS
    assert not loaded.training
    assert weights_hash(loaded) == weights_hash(encoder)
    assert weights_hash(load_encoder(tmp_path, initial=True)) == weights_hash(initial)
    assert {file.name for file in tmp_path.iterdir()} == {
        "encoder.json",
        "encoder.safetensors",
        "initial.safetensors",
    }


def test_the_hash_sees_one_changed_value_and_the_type() -> None:
    layer = torch.nn.Linear(3, 2)
    before = weights_hash(layer)
    assert weights_hash(layer) == before
    with torch.no_grad():
        layer.weight[0, 0] += 1e-6
    assert weights_hash(layer) != before
    assert weights_hash(torch.nn.Linear(3, 2).bfloat16()) != before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"encoder\.json` does not exist"):
        load_encoder(tmp_path)
    save_encoder(tmp_path, build_encoder(SETTINGS, seed=0))
    with pytest.raises(WeightsError, match=r"initial\.safetensors` does not exist"):
        load_encoder(tmp_path, initial=True)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    save_encoder(tmp_path, build_encoder(SETTINGS, seed=0))
    weights = tmp_path / "encoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"encoder\.safetensors` is damaged"):
        load_encoder(tmp_path)
    (tmp_path / "encoder.json").write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=r"encoder\.json` is damaged"):
        load_encoder(tmp_path)


def test_weights_of_other_sizes_are_refused(tmp_path: Path) -> None:
    save_encoder(tmp_path, build_encoder(SETTINGS, seed=0))
    file = tmp_path / "encoder.json"
    description = json.loads(file.read_text(encoding="utf-8"))
    description["settings"]["ffn_dim"] = 48
    file.write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(WeightsError, match="does not fit the sizes"):
        load_encoder(tmp_path)
    description["settings"]["ffn_dims"] = 48
    file.write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(WeightsError, match="ffn_dims"):
        load_encoder(tmp_path)
