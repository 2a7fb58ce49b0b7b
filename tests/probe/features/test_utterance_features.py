"""Features are computed once, survive an interruption, and follow weights and corpus."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import Tensor

from pretrain.data.audio.waveforms import read_waveform
from pretrain.data.loader import normalize_waveform
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.random_streams import generator
from probe.features.baselines import LogMelFeatures
from probe.features.utterance_features import EncoderFeatures, extract

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for number, seconds in enumerate((0.5, 1.1, 0.7, 0.9)):
        path = tmp_path / f"{number}.wav"
        samples = generator("audio", number).normal(0, 0.1, int(16_000 * seconds))
        soundfile.write(path, samples, 16_000)
        rows.append({"id": f"u{number}", "path": str(path), "frames": len(samples)})
        rows[-1] |= {
            "offset": 0, "sample_rate": 16_000, "speaker": "s", "session": "", "emotion": "",
            "valence": np.nan, "arousal": np.nan, "dominance": np.nan, "text": "", "split": "",
            "source": "folder", "audio_hash": f"h{number}",
        }  # fmt: skip
    return pd.DataFrame(rows)


class Counting:
    """Mean and deviation of the waveform; counts utterances; fails after a set number."""

    name = "counting"
    prepare = staticmethod(normalize_waveform)
    key = "counting"

    def __init__(self, most: int = 100) -> None:
        self.done = 0
        self.most = most

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        if self.done + len(waveforms) > self.most:
            raise KeyboardInterrupt
        self.done += len(waveforms)
        return torch.stack([waveforms.sum(1), num_samples.float()], dim=1)[:, None]


def test_features_are_mean_and_deviation_over_valid_frames_of_every_layer(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    encoder = build_encoder(SIZES, seed=1).eval()
    features = extract(table, EncoderFeatures(FrozenEncoder(encoder, name="e")), tmp_path)
    assert features.shape == (4, 3, 32)
    for row in range(4):
        waveform = torch.from_numpy(normalize_waveform(read_waveform(table.iloc[row])))
        padded = torch.nn.functional.pad(waveform, (0, -len(waveform) % 320))
        with torch.no_grad():
            output = encoder(padded[None], torch.tensor([len(waveform)]))
        for layer, frames in enumerate(output.layers):
            valid = frames[0, : int(output.num_frames[0])]
            expected = torch.cat([valid.mean(0), valid.std(0, correction=0)])
            np.testing.assert_allclose(features[row, layer], expected, rtol=1e-4, atol=1e-5)


def test_features_are_computed_once_in_any_order(table: pd.DataFrame, tmp_path: Path) -> None:
    source = Counting()
    first = extract(table, source, tmp_path)
    again = extract(table.iloc[::-1].reset_index(drop=True), source, tmp_path)
    assert source.done == len(table)
    np.testing.assert_array_equal(first[::-1], again)


def test_other_audio_is_another_file(table: pd.DataFrame, tmp_path: Path) -> None:
    source = Counting()
    extract(table, source, tmp_path)
    extract(table.assign(audio_hash=["h0", "h1", "h2", "other"]), source, tmp_path)
    assert source.done == 2 * len(table)


def test_other_labels_speakers_or_texts_are_the_same_file(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    source = Counting()
    first = extract(table, source, tmp_path)
    other = table.assign(valence=[1.0, 2.0, 3.0, 4.0], speaker="other", emotion="sad", text="a")
    np.testing.assert_array_equal(extract(other, source, tmp_path), first)
    assert source.done == len(table)


def test_features_do_not_depend_on_the_size_of_batches(table: pd.DataFrame, tmp_path: Path) -> None:
    source = EncoderFeatures(FrozenEncoder(build_encoder(SIZES, seed=1), name="e"))
    together = extract(table, source, tmp_path / "together", batch_seconds=60)
    for seconds in (0.1, 2.0):
        apart = extract(table, source, tmp_path / f"{seconds}", batch_seconds=seconds)
        np.testing.assert_allclose(apart, together, rtol=1e-4, atol=1e-5)


def test_the_key_changes_with_weights_and_precision() -> None:
    one, same, other = (build_encoder(SIZES, seed=seed) for seed in (1, 1, 2))
    keys = [FrozenEncoder(encoder, name="e").key for encoder in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]
    assert FrozenEncoder(one, name="e", bf16=True).key != keys[0]


def test_an_interrupted_extraction_goes_on_where_it_stopped(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract(table, Counting(most=2), tmp_path / "a", batch_seconds=0.1)
    rest = Counting()
    resumed = extract(table, rest, tmp_path / "a", batch_seconds=0.1)
    assert rest.done == 2
    np.testing.assert_array_equal(resumed, extract(table, Counting(), tmp_path / "b"))
    assert [path.suffix for path in (tmp_path / "a").iterdir()] == [".safetensors"]


def test_a_damaged_file_is_computed_again(table: pd.DataFrame, tmp_path: Path) -> None:
    first = extract(table, Counting(), tmp_path / "c")
    (file,) = (tmp_path / "c").iterdir()
    content = file.read_bytes()
    for damaged in (content[:50], content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(extract(table, Counting(), tmp_path / "c"), first)
        assert file.read_bytes()[-8:] == content[-8:]


def test_not_finite_features_and_too_short_utterances_are_named(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Counting()
    monkeypatch.setattr(Counting, "__call__", lambda *_: torch.full((4, 1, 2), torch.nan))
    with pytest.raises(ValueError, match="not finite for utterance 'u"):
        extract(table, source, tmp_path)
    with pytest.raises(ValueError, match="'u0' has 300 samples"):
        extract(table.assign(frames=[300, 400, 500, 600]), source, tmp_path)


def test_log_mel_does_not_see_padding() -> None:
    waveform = torch.from_numpy(generator("mel").normal(0, 1, 8000).astype(np.float32))[None]
    alone = LogMelFeatures()(waveform, torch.tensor([8000]))
    padded = LogMelFeatures()(torch.nn.functional.pad(waveform, (0, 5000)), torch.tensor([8000]))
    assert alone.shape == (1, 1, 160)
    torch.testing.assert_close(alone, padded)
