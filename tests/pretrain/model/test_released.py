"""Released folders load as encoders, with padding that changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from pretrain.data.loader import pad_waveforms
from pretrain.model.encode import EncoderOutput
from pretrain.model.kinds.released import (
    ReleasedError,
    ReleasedWarning,
    is_released,
    load_released,
)
from pretrain.model.kinds.waveform_models import WaveformModel

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
    "wavlm": ("WavLMModel", "WavLMConfig", {"num_buckets": 8, "max_bucket_distance": 16}),
    "unispeech-sat": ("UniSpeechSatModel", "UniSpeechSatConfig", {}),
    "conformer": (
        "Wav2Vec2ConformerModel",
        "Wav2Vec2ConformerConfig",
        {"conv_depthwise_kernel_size": 3, "max_source_positions": 200},
    ),
}


def save_tiny(kind: str, folder: Path, **changes: Any) -> Path:
    torch.manual_seed(0)
    model_name, config_name, own = MODELS[kind]
    config = getattr(transformers, config_name)(**{**SIZES, **own, **changes})
    getattr(transformers, model_name)(config).save_pretrained(folder)
    extractor: Any = transformers.Wav2Vec2FeatureExtractor
    extractor().save_pretrained(folder)
    return folder


def loaded(folder: Path) -> WaveformModel:
    encoder = load_released(folder)
    assert isinstance(encoder, WaveformModel)
    return encoder


def make_waveforms() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    waveforms = torch.zeros(len(LENGTHS), 12_160)
    for row, length in enumerate(LENGTHS):
        waveforms[row, :length] = torch.randn(length)
    return waveforms, torch.tensor(LENGTHS)


@pytest.mark.parametrize("kind", list(MODELS))
def test_a_padded_row_equals_the_row_alone(kind: str, tmp_path: Path) -> None:
    assert is_released(save_tiny(kind, tmp_path))
    encoder = loaded(tmp_path)
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
    held = loaded(tmp_path).model.state_dict()
    assert saved.keys() == held.keys()
    assert all(torch.equal(saved[name], held[name]) for name in saved)


def test_a_trained_encoder_draws_nothing_at_random_but_dropout(tmp_path: Path) -> None:
    save_tiny("wav2vec2-ctc", tmp_path, hidden_dropout=0.0, attention_dropout=0.0,
              activation_dropout=0.0, feat_proj_dropout=0.0, layerdrop=0.5)  # fmt: skip
    encoder = loaded(tmp_path)
    waveforms, num_samples = make_waveforms()
    evaluated = encoder(waveforms, num_samples).layers[-1]
    trained = encoder.train()(waveforms, num_samples).layers[-1]
    torch.testing.assert_close(trained, evaluated)
    trained.sum().backward()
    assert encoder.model.get_parameter("encoder.layers.0.attention.k_proj.weight").grad is not None


def as_pickle(folder: Path) -> Path:
    """Turns safetensors into the pickle that older releases have."""
    file = folder / "model.safetensors"
    torch.save(load_file(file), folder / "pytorch_model.bin")
    file.unlink()
    return folder


def layers_of(folder: Path) -> list[torch.Tensor]:
    with torch.no_grad():
        output: EncoderOutput = load_released(folder)(*make_waveforms())
    return output.layers


@pytest.mark.parametrize("kind", ["wavlm", "data2vec"])
def test_a_bin_file_gives_the_same_states(kind: str, tmp_path: Path) -> None:
    expected = layers_of(save_tiny(kind, tmp_path))
    as_pickle(tmp_path)
    for layer, other in zip(expected, layers_of(tmp_path), strict=True):
        torch.testing.assert_close(layer, other, rtol=0, atol=0)


class Malicious:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.file,)  # type: ignore[return-value]


def test_a_malicious_bin_file_runs_nothing(tmp_path: Path) -> None:
    save_tiny("wavlm", tmp_path / "model")
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    (tmp_path / "model" / "model.safetensors").unlink()
    bad = {**tensors, "run": Malicious(tmp_path / "was-run")}
    torch.save(bad, tmp_path / "model" / "pytorch_model.bin")
    torch.load(tmp_path / "model" / "pytorch_model.bin", weights_only=False)
    assert (tmp_path / "was-run").exists(), "it does run where it may"
    (tmp_path / "was-run").unlink()
    with pytest.raises(ReleasedError, match="cannot be loaded"):
        load_released(tmp_path / "model")
    assert not (tmp_path / "was-run").exists()


def test_half_precision_and_older_names_of_weights_give_the_same_states(tmp_path: Path) -> None:
    expected = layers_of(save_tiny("wav2vec2-layer", tmp_path / "a"))
    file = save_tiny("wav2vec2-layer", tmp_path / "b") / "model.safetensors"
    older = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in load_file(file).items()
    }
    assert any(name.endswith("weight_g") for name in older)
    save_file(older, file, metadata={"format": "pt"})
    for layer, other in zip(expected, layers_of(tmp_path / "b"), strict=True):
        torch.testing.assert_close(layer, other, rtol=0, atol=0)
    save_file({n: t.half() for n, t in older.items()}, file, metadata={"format": "pt"})
    for layer, other in zip(expected, layers_of(tmp_path / "b"), strict=True):
        assert other.dtype == torch.float32
        torch.testing.assert_close(layer, other, rtol=1e-2, atol=1e-2)


def test_sound_is_normalised_as_the_model_wants_it(tmp_path: Path) -> None:
    save_tiny("wav2vec2-layer", tmp_path)
    raw = np.float32(0.2) * make_waveforms()[0][0].numpy()
    extractor: Any = transformers.Wav2Vec2FeatureExtractor
    for wanted in (True, False):
        extractor(do_normalize=wanted).save_pretrained(tmp_path)
        read = extractor.from_pretrained(tmp_path)
        expected = read(raw, sampling_rate=16_000)["input_values"][0]
        found = load_released(tmp_path).prepare(raw)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.warns(ReleasedWarning, match="the default of transformers"):
        assert loaded(tmp_path).input_epsilon == 1e-7
    (tmp_path / "preprocessor_config.json").write_text('{"sampling_rate": 0}')
    with pytest.raises(ReleasedError, match="must have a `sampling_rate` of 1000 to"):
        load_released(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"do_normalize": "yes"}')
    with pytest.raises(ReleasedError, match="`do_normalize`"):
        load_released(tmp_path)


def test_other_models_and_folders_are_refused(tmp_path: Path) -> None:
    assert not is_released(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    assert is_released(tmp_path)
    with pytest.raises(ReleasedError, match="but has 'bert' instead"):
        load_released(tmp_path)


def test_missing_weights_are_noticed(tmp_path: Path) -> None:
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
    waveforms, num_samples = pad_waveforms([encoder.prepare(raw)])
    expected = encoder(waveforms, num_samples)
    assert len(layers) == len(expected.layers)
    num_frames = int(expected.num_frames[0])
    for layer, whole in zip(layers, expected.layers, strict=True):
        assert torch.equal(layer, whole[0, :num_frames])
