"""Released encoders that hear mel bands, other rates or strides: the states of transformers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import torch
import transformers

from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.model.frozen import load_frozen
from pretrain.model.kinds.released import ReleasedError, ReleasedWarning, load_released
from pretrain.model.kinds.whisper import MARGIN_FRAMES, windows
from pretrain.shared.random_streams import generator
from tests.pretrain.model.test_released import as_pickle, save_tiny

LENGTHS = (16_000, 6_401, 560, 400, 9_999)

BERT = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
    "conv_depthwise_kernel_size": 5,
}  # fmt: skip

SECONDS = 3
WHISPER = {
    "d_model": 24, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "vocab_size": 20,
    "max_source_positions": 50 * SECONDS, "num_mel_bins": 80, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 1, "suppress_tokens": None,
    "begin_suppress_tokens": None,
}  # fmt: skip


def save_bert(folder: Path) -> Any:
    torch.manual_seed(0)
    library: Any = transformers
    model = library.Wav2Vec2BertModel(library.Wav2Vec2BertConfig(**BERT)).eval()
    model.save_pretrained(folder)
    library.SeamlessM4TFeatureExtractor(padding_value=1.0).save_pretrained(folder)
    return model


def save_whisper(folder: Path) -> Any:
    torch.manual_seed(0)
    library: Any = transformers
    model = library.WhisperForConditionalGeneration(library.WhisperConfig(**WHISPER)).eval()
    model.save_pretrained(folder)
    library.WhisperFeatureExtractor(chunk_length=SECONDS).save_pretrained(folder)
    return model.model.encoder


def sound(num_samples: int) -> np.ndarray:
    return generator("mel", num_samples).normal(0.01, 0.1, num_samples).astype(np.float32)


def layers_of(folder: Path, lengths: tuple[int, ...]) -> list[list[torch.Tensor]]:
    """Of each utterance, valid frames only, in one padded batch."""
    encoder = load_frozen(folder)
    output = encoder(*pad_waveforms([encoder.prepare(sound(one)) for one in lengths]))
    counts = output.num_frames.tolist()
    for layer in output.layers:
        assert layer.isfinite().all()
        assert all(not layer[row, count:].any() for row, count in enumerate(counts))
    return [[layer[row, :count] for layer in output.layers] for row, count in enumerate(counts)]


def test_wav2vec2_bert_gives_the_states_of_its_own_pipeline(tmp_path: Path) -> None:
    model = save_bert(tmp_path)
    extractor: Any = transformers.SeamlessM4TFeatureExtractor.from_pretrained(tmp_path)
    for length, layers in zip(LENGTHS, layers_of(tmp_path, LENGTHS), strict=True):
        if length < 560:  # it has no frame there, and none of ours is compared
            assert len(layers[0]) == 1
            continue
        inputs = extractor(sound(length), sampling_rate=16_000, return_tensors="pt")
        with torch.no_grad():
            output = model(**inputs, output_hidden_states=True)
        count = int(inputs["attention_mask"].sum())
        assert len(layers) == len(output.hidden_states) == 4
        for layer, expected in zip(layers, output.hidden_states, strict=True):
            assert len(layer) == count
            torch.testing.assert_close(layer, expected[0, :count], atol=1e-5, rtol=1e-5)
    assert load_released(tmp_path).samples_per_frame == 320


def test_whisper_gives_the_states_of_its_own_pipeline(tmp_path: Path) -> None:
    encoder = save_whisper(tmp_path)
    extractor: Any = transformers.WhisperFeatureExtractor.from_pretrained(tmp_path)
    for length, layers in zip(LENGTHS, layers_of(tmp_path, LENGTHS), strict=True):
        inputs = extractor(sound(length), sampling_rate=16_000, return_tensors="pt")
        with torch.no_grad():
            states = encoder(inputs["input_features"], output_hidden_states=True).hidden_states
        for layer, expected in zip(layers, states, strict=True):
            assert len(layer) == -(-length // 320)
            torch.testing.assert_close(layer, expected[0, : len(layer)], atol=1e-5, rtol=1e-5)


def test_whisper_hears_long_utterances_in_windows(tmp_path: Path) -> None:
    save_whisper(tmp_path)
    length = 16_000 * 5 + 123
    (whole,) = layers_of(tmp_path, (length,))
    encoder = load_frozen(tmp_path)
    assert len(whole[0]) == -(-length // 320)
    for start, taken in windows(len(whole[0]), 50 * SECONDS):
        piece = sound(length)[320 * start :][: 16_000 * SECONDS]
        output = encoder(*pad_waveforms([piece]))
        for layer, expected in zip(whole, output.layers, strict=True):
            there = layer[start + taken.start : start + taken.stop]
            torch.testing.assert_close(there, expected[0, taken], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("num_frames", [1, 149, 150, 151, 200, 1000])
def test_windows_give_every_frame_once_with_context_on_both_sides(num_frames: int) -> None:
    taken = []
    for start, part in windows(num_frames, 150):
        frames = [start + frame for frame in range(part.start, part.stop)]
        assert part.stop <= 150
        assert start == 0 or part.start == MARGIN_FRAMES
        assert frames[-1] == num_frames - 1 or part.stop == 150 - MARGIN_FRAMES
        taken += frames
    assert taken == list(range(num_frames))


def test_sound_is_brought_to_the_rate_of_the_model(tmp_path: Path) -> None:
    save_tiny("wav2vec2-layer", tmp_path)
    extractor: Any = transformers.Wav2Vec2FeatureExtractor
    extractor(sampling_rate=8_000).save_pretrained(tmp_path)
    encoder = load_released(tmp_path)
    assert encoder.samples_per_frame == 640
    lengths = (16_000, 9_001)
    for length, layers in zip(lengths, layers_of(tmp_path, lengths), strict=True):
        heard = soxr.resample(sound(length), 16_000, 8_000)[: length // 2]
        heard = torch.from_numpy(normalize_waveform(heard, 1e-7))[None]
        with torch.no_grad():
            states = encoder.model(heard, output_hidden_states=True).hidden_states  # type: ignore[operator]
        for layer, expected in zip(layers, states, strict=True):
            torch.testing.assert_close(layer, expected[0], atol=1e-5, rtol=1e-5)
    extractor(sampling_rate=11_025).save_pretrained(tmp_path)
    with pytest.raises(ReleasedError, match="must be a whole number"):
        load_released(tmp_path)


@pytest.mark.parametrize("kind", ["wav2vec2-ctc", "wav2vec2-layer"])
def test_other_strides_have_other_frames(kind: str, tmp_path: Path) -> None:
    own = {"conv_stride": (5, 2, 2, 2, 2), "conv_kernel": (10, 3, 3, 3, 3), "conv_dim": (16,) * 5}
    save_tiny(kind, tmp_path, num_feat_extract_layers=5, **own)
    encoder = load_released(tmp_path)
    assert encoder.samples_per_frame == 80
    lengths = (8_000, 4_001)
    for length, layers in zip(lengths, layers_of(tmp_path, lengths), strict=True):
        heard = torch.from_numpy(encoder.prepare(sound(length)))[None]
        with torch.no_grad():
            states = encoder.model(heard, output_hidden_states=True).hidden_states  # type: ignore[operator]
        for layer, expected in zip(layers, states, strict=True):
            torch.testing.assert_close(layer, expected[0], atol=1e-5, rtol=1e-5)


def test_a_missing_file_is_told_with_what_is_heard(tmp_path: Path) -> None:
    save_bert(tmp_path)
    expected = layers_of(tmp_path, (9_999,))[0]
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.warns(ReleasedWarning, match="sound is heard as 80 mel bands, the default of"):
        (found,) = layers_of(tmp_path, (9_999,))
    for layer, other in zip(found, expected, strict=True):
        torch.testing.assert_close(layer, other, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("kind", "key", "value", "said"),
    [
        ("bert", "sampling_rate", 8_000, "`sampling_rate` 16000"),
        ("bert", "stride", 4, r"`num_mel_bins \* stride` 160"),
        ("whisper", "sampling_rate", 8_000, "`sampling_rate` 16000"),
        ("whisper", "feature_size", 40, "`feature_size` 80"),
        ("whisper", "hop_length", 80, "`hop_length` 160"),
    ],
)
def test_a_file_that_does_not_fit_the_model_is_refused_by_its_key(
    kind: str, key: str, value: int, said: str, tmp_path: Path
) -> None:
    (save_bert if kind == "bert" else save_whisper)(tmp_path)
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(
        ReleasedError, match=rf"preprocessor_config\.json` must have {said}, as the"
    ):
        load_released(tmp_path)


def test_whisper_hears_bands_as_its_file_says(tmp_path: Path) -> None:
    encoder = save_whisper(tmp_path)
    library: Any = transformers
    extractor = library.WhisperFeatureExtractor(chunk_length=SECONDS, n_fft=480)
    extractor.save_pretrained(tmp_path)
    (layers,) = layers_of(tmp_path, (9_999,))
    inputs = extractor(sound(9_999), sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        states = encoder(inputs["input_features"], output_hidden_states=True).hidden_states
    for layer, expected in zip(layers, states, strict=True):
        torch.testing.assert_close(layer, expected[0, : len(layer)], atol=1e-5, rtol=1e-5)


def test_weights_in_several_files_are_read_as_one(tmp_path: Path) -> None:
    model = save_bert(tmp_path / "one")
    expected = layers_of(tmp_path / "one", (9_999,))[0]
    save_bert(tmp_path / "many")
    (tmp_path / "many" / "model.safetensors").unlink()
    model.save_pretrained(tmp_path / "many", max_shard_size="20KB")
    shards = sorted((tmp_path / "many").glob("model-*.safetensors"))
    assert len(shards) > 1
    for layer, other in zip(expected, layers_of(tmp_path / "many", (9_999,))[0], strict=True):
        torch.testing.assert_close(layer, other, rtol=0, atol=0)
    shards[0].unlink()
    with pytest.raises(ReleasedError, match=shards[0].name):
        load_released(tmp_path / "many")


def test_a_decoder_may_be_missing_and_a_layer_of_the_encoder_not(tmp_path: Path) -> None:
    save_whisper(tmp_path)
    file = as_pickle(tmp_path) / "pytorch_model.bin"
    tensors = torch.load(file, weights_only=True)
    kept = {name: t for name, t in tensors.items() if ".decoder." not in name}
    assert len(kept) < len(tensors)
    torch.save(kept, file)
    assert load_released(tmp_path).num_layers == 2
    del kept["model.encoder.layers.1.fc1.weight"]
    torch.save(kept, file)
    with pytest.raises(ReleasedError, match=r"the first is 'encoder\.layers\.1\.fc1\.weight'"):
        load_released(tmp_path)
