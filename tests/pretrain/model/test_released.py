"""Released folders load as encoders, with padding that changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.model.kinds.released import ReleasedError, is_released, load_released

LENGTHS = (12_000, 6_400, 8_111)

SIZES: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}


MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "wav2vec2-ctc": ("Wav2Vec2ForCTC", "Wav2Vec2Config", {"vocab_size": 30}),
    "wav2vec2-layer": ("Wav2Vec2Model", "Wav2Vec2Config", {"feat_extract_norm": "layer"}),
    "wav2vec2-stable": (
        "Wav2Vec2Model",
        "Wav2Vec2Config",
        {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
    ),
    "data2vec": ("Data2VecAudioModel", "Data2VecAudioConfig", {"num_conv_pos_embeddings": 2}),
    "hubert": ("HubertModel", "HubertConfig", {}),
}


def save_tiny(kind: str, folder: Path, **changes: Any) -> Path:
    torch.manual_seed(0)
    model_name, config_name, own = MODELS[kind]
    config = getattr(transformers, config_name)(**{**SIZES, **own, **changes})
    getattr(transformers, model_name)(config).save_pretrained(folder)
    return folder


def make_waveforms() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    waveforms = torch.zeros(len(LENGTHS), 12_160)
    for row, length in enumerate(LENGTHS):
        waveforms[row, :length] = torch.randn(length)
    return waveforms, torch.tensor(LENGTHS)


@pytest.mark.parametrize(
    "kind", ["wav2vec2-ctc", "wav2vec2-layer", "wav2vec2-stable", "data2vec", "hubert"]
)
def test_a_padded_row_equals_the_row_alone(kind: str, tmp_path: Path) -> None:
    assert is_released(save_tiny(kind, tmp_path))
    encoder = load_released(tmp_path)
    waveforms, num_samples = make_waveforms()
    with torch.no_grad():
        together = encoder(waveforms, num_samples)
        assert len(together.layers) == encoder.num_layers + 1 == 4
        assert together.layers[0].shape == (3, 38, encoder.dim)
        for row, length in enumerate(LENGTHS):
            alone = encoder.model(waveforms[row : row + 1, :length], output_hidden_states=True)
            count = int(together.num_frames[row])
            for layer, reference in zip(together.layers, alone.hidden_states, strict=True):
                assert reference.shape[1] == count
                torch.testing.assert_close(layer[row, :count], reference[0], atol=1e-4, rtol=1e-4)
                assert not layer[row, count:].any()


def test_weights_are_those_of_the_folder(tmp_path: Path) -> None:
    save_tiny("wav2vec2-ctc", tmp_path)
    saved = transformers.Wav2Vec2ForCTC.from_pretrained(tmp_path).wav2vec2.state_dict()
    loaded = load_released(tmp_path).model.state_dict()
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)


def test_a_trained_encoder_draws_nothing_at_random_but_dropout(tmp_path: Path) -> None:
    save_tiny("wav2vec2-ctc", tmp_path, hidden_dropout=0.0, attention_dropout=0.0,
              activation_dropout=0.0, feat_proj_dropout=0.0, layerdrop=0.5)  # fmt: skip
    encoder = load_released(tmp_path)
    waveforms, num_samples = make_waveforms()
    evaluated = encoder(waveforms, num_samples).layers[-1]
    trained = encoder.train()(waveforms, num_samples).layers[-1]
    torch.testing.assert_close(trained, evaluated)
    trained.sum().backward()
    assert encoder.model.get_parameter("encoder.layers.0.attention.k_proj.weight").grad is not None


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    save_tiny("wav2vec2-ctc", tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ReleasedError, match=r"has no model\.safetensors"):
        load_released(tmp_path)


def test_another_frame_rate_is_refused(tmp_path: Path) -> None:
    save_tiny("wav2vec2-ctc", tmp_path, conv_stride=(5, 2, 2, 2, 2, 2, 1))
    with pytest.raises(ReleasedError, match="must have the strides"):
        load_released(tmp_path)


def test_other_models_and_folders_are_refused(tmp_path: Path) -> None:
    assert not is_released(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    assert is_released(tmp_path)
    with pytest.raises(ReleasedError, match="but has 'whisper' instead"):
        load_released(tmp_path)


def test_missing_weights_are_noticed(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_tiny("data2vec", tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    del tensors["encoder.layers.1.attention.k_proj.weight"]
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ReleasedError, match=r"lacks 1 weights.*layers\.1\.attention\.k_proj"):
        load_released(tmp_path)


def test_a_released_encoder_takes_raw_sound_too(tmp_path: Path) -> None:
    encoder = load_released(str(save_tiny("wav2vec2-ctc", tmp_path)))
    raw = make_waveforms()[0][0].numpy() * np.float32(0.2)
    layers = encoder.encode(raw, sample_rate_hz=16_000)
    waveforms, num_samples = pad_waveforms([normalize_waveform(raw)])
    expected = encoder(waveforms, num_samples)
    assert len(layers) == len(expected.layers)
    num_frames = int(expected.num_frames[0])
    for layer, whole in zip(layers, expected.layers, strict=True):
        assert torch.equal(layer, whole[0, :num_frames])
