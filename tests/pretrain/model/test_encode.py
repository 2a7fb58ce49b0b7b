"""The public way to an encoder's frames: sound as it is, of any rate, one or several."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import soundfile
import torch

from pretrain.data.readers.read import read_corpus
from pretrain.model.encode import SoundError
from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.frozen import FrozenEncoder
from pretrain.model.weights import load_encoder, save_encoder
from pretrain.shared.random_streams import generator
from probe.features.batches import read_batch
from probe.features.utterance_features import EncoderFeatures
from tests.pretrain.model.small import SETTINGS

FloatArray = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("run")
    save_encoder(folder, build_encoder(SETTINGS, seed=1))
    return load_encoder(str(folder))


def sound(seconds: float, rate: int, name: str = "sound") -> FloatArray:
    """Loud and off zero, as recordings are before they are normalised."""
    samples = generator("encode", name).normal(0.0, 0.2, round(seconds * rate))
    return 0.1 + np.convolve(samples, np.ones(8) / 8, mode="same")


@pytest.mark.parametrize("rate", [16_000, 44_100, 8_000])
def test_raw_sound_of_any_rate_gives_the_frames_that_the_probe_sees(
    encoder: Encoder, rate: int, tmp_path: Path
) -> None:
    samples = sound(1.3, rate)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    table: pd.DataFrame = read_corpus(f"folder={tmp_path}")
    waveforms, num_samples = read_batch(table, np.array([0]), encoder.prepare)
    frozen = FrozenEncoder(encoder, name="probe")
    seen = frozen(waveforms, num_samples)

    layers = encoder.encode(samples.astype(np.float32), sample_rate_hz=rate)

    assert len(layers) == SETTINGS.num_layers + 1
    assert layers[0].shape == (int(seen.num_frames[0]), SETTINGS.model_dim) == (64, 32)
    assert layers[0].shape[0] < seen.layers[0].shape[1]  # the last frame there is not valid
    for layer, expected in zip(layers, seen.layers, strict=True):
        assert torch.equal(layer, expected[0, :64])
        assert not layer.requires_grad
    means = torch.stack([layer.mean(dim=0) for layer in layers])
    features = EncoderFeatures(frozen)(waveforms, num_samples)[0]
    assert torch.allclose(means, features[:, : SETTINGS.model_dim], atol=1e-6)


def test_several_utterances_come_out_as_each_alone_whatever_their_form(encoder: Encoder) -> None:
    sounds = [sound(seconds, 16_000, str(seconds)) for seconds in (0.3, 1.0, 0.5)]
    together = encoder.encode(sounds, sample_rate_hz=16_000)
    assert [len(layers[0]) for layers in together] == [14, 49, 24]
    for layers, one in zip(together, sounds, strict=True):
        alone = encoder.encode(torch.from_numpy(one[::1]), sample_rate_hz=16_000)
        assert all(torch.equal(a, b) for a, b in zip(layers, alone, strict=True))
    assert encoder.encode([], sample_rate_hz=16_000) == []


def test_an_encoder_in_training_is_encoded_without_dropout_and_left_in_training(
    encoder: Encoder,
) -> None:
    samples = sound(0.4, 16_000)
    before = encoder.encode(samples, sample_rate_hz=16_000)
    encoder.train()
    try:
        assert torch.equal(encoder.encode(samples, sample_rate_hz=16_000)[-1], before[-1])
        assert encoder.training
    finally:
        encoder.eval()


@pytest.mark.parametrize(
    ("given", "rate", "message"),
    [
        (np.zeros(16_000, dtype=np.int16), 16_000, "floating-point numbers, but are int16"),
        (torch.zeros(16_000, dtype=torch.int16), 16_000, "Divide 16-bit samples by 32768"),
        (np.zeros((16_000, 2)), 16_000, r"one channel, but has \(16000, 2\)"),
        (np.zeros(8_000 * 121), 8_000, r"at most 120 s long, .* 121 s long instead. Cut it"),
        (np.zeros(0), 16_000, "at least 0.025 s long"),
        (np.zeros(1_000), 44_100, "but is 0.0226757 s long instead"),
        (np.full(16_000, np.nan), 16_000, "must be finite"),
        (np.full(16_000, 1e300), 16_000, "must be finite"),
        ([0.1, 0.2], 16_000, "but is a float instead"),
        ("a.wav", 16_000, "but is a str instead"),
        (np.zeros(16_000), 44.1, "`sample_rate_hz` must be a whole number, but is 44.1"),
        (np.zeros(16_000), 16, "`sample_rate_hz` must be in 1000"),
    ],
)
def test_what_is_no_sound_of_one_channel_is_refused_with_the_remedy(
    given: object, rate: int, message: str, encoder: Encoder
) -> None:
    with pytest.raises(SoundError, match=message):
        encoder.encode(given, sample_rate_hz=rate)  # type: ignore[call-overload]
