"""Frames are computed once, survive an interruption, and hold exactly the valid ones."""

from pathlib import Path
from types import SimpleNamespace

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
from probe.features import frame_states as frames_module
from probe.features.frame_states import EncoderFrames, LogMelFrames, kept_frames

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
        rows[-1] |= {"offset": 0, "sample_rate": 16_000, "audio_hash": f"h{number}"}
    return pd.DataFrame(rows)


class Ramp:
    """One frame per 1000 samples; layer l holds l + the frame's number. Fails after `most`."""

    name = "ramp"
    key = "ramp"
    numbers_per_frame = 4
    prepare = staticmethod(normalize_waveform)

    def __init__(self, most: int = 100, scale: float = 1.0) -> None:
        self.done = 0
        self.most = most
        self.scale = scale

    def num_frames(self, num_samples: Tensor) -> Tensor:
        return num_samples // 1000

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> tuple[list[Tensor], Tensor]:
        if self.done + len(waveforms) > self.most:
            raise KeyboardInterrupt
        self.done += len(waveforms)
        steps = torch.arange(float(num_samples.max() // 1000 + 3)) * self.scale
        layer = steps[None, :, None].expand(len(waveforms), -1, 2)
        return [layer, layer + 1], num_samples // 1000


def test_frames_are_those_of_every_layer_of_the_utterance_alone(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    encoder = build_encoder(SIZES, seed=1).eval()
    frames = kept_frames(table, EncoderFrames(FrozenEncoder(encoder, name="e")), tmp_path)
    assert (frames.num_layers, frames.dim) == (3, 16)
    for row in range(4):
        waveform = torch.from_numpy(normalize_waveform(read_waveform(table.iloc[row])))
        padded = torch.nn.functional.pad(waveform, (0, -len(waveform) % 320))
        with torch.no_grad():
            output = encoder(padded[None], torch.tensor([len(waveform)]))
        expected = torch.cat(output.layers)[:, : int(output.num_frames[0])]
        assert frames.of(row).dtype == torch.float16
        torch.testing.assert_close(frames.of(row).float(), expected, rtol=2e-3, atol=2e-3)


def test_frames_are_computed_once_in_any_order_and_with_any_labels(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    source = Ramp()
    first = kept_frames(table, source, tmp_path)
    turned = table.iloc[::-1].reset_index(drop=True).assign(emotion="sad")
    again = kept_frames(turned, source, tmp_path)
    assert source.done == len(table)
    for row, count in enumerate((8, 17, 11, 14)):
        assert first.of(row).tolist() == again.of(3 - row).tolist()
        assert first.of(row)[1, :, 0].tolist() == list(range(1, count + 1))


def test_an_interrupted_extraction_goes_on_at_its_shard(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames_module, "SHARD_SECONDS", 1.0)
    with pytest.raises(KeyboardInterrupt):
        kept_frames(table, Ramp(most=2), tmp_path / "a")
    rest = Ramp()
    resumed = kept_frames(table, rest, tmp_path / "a")
    straight = kept_frames(table, Ramp(), tmp_path / "b")
    assert rest.done == 2
    assert len(resumed.shards) == 4
    for row in range(4):
        assert resumed.of(row).tolist() == straight.of(row).tolist()


def test_a_damaged_shard_is_computed_again(table: pd.DataFrame, tmp_path: Path) -> None:
    first = kept_frames(table, Ramp(), tmp_path)
    before = [first.of(row).tolist() for row in range(4)]
    (file,) = tmp_path.glob("*.frames/*.safetensors")
    content = file.read_bytes()
    file.unlink()  # the old file stays mapped
    file.write_bytes(content[:50])
    source = Ramp()
    again = kept_frames(table, source, tmp_path)
    assert source.done == 4
    assert [again.of(row).tolist() for row in range(4)] == before


def test_numbers_beyond_half_precision_are_kept_in_full(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    frames = kept_frames(table, Ramp(scale=70_000.0), tmp_path)
    assert frames.of(0).dtype == torch.float32
    assert frames.of(0)[0, 1, 0] == 70_000.0


def test_not_finite_frames_and_too_short_utterances_are_named(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="not finite for utterance 'u1'"):
        kept_frames(table, Ramp(scale=float("inf")), tmp_path)
    with pytest.raises(ValueError, match="'u0' has 300 samples"):
        kept_frames(table.assign(frames=[300, 400, 500, 600]), Ramp(), tmp_path)


def test_a_disk_without_room_is_refused_before_anything_is_computed(
    table: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table["frames"] = [8_000, 17_600, 11_200, 14_400]
    needed = 2 * (8 + 17 + 11 + 14) * 4
    free = SimpleNamespace(free=needed - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _: free)
    source = Ramp()
    with pytest.raises(ValueError, match=r"take 0\.00 GB, .* keep features elsewhere"):
        kept_frames(table, source, tmp_path / "new")
    assert source.done == 0
    free.free = needed
    kept_frames(table, source, tmp_path / "new")
    assert "Frames of ramp: 0.00 GB in" in capsys.readouterr().out
    # What is there needs no room.
    free.free = 0
    kept_frames(table, source, tmp_path / "new")
    frozen = FrozenEncoder(build_encoder(SIZES, seed=1), name="e")
    assert EncoderFrames(frozen).numbers_per_frame == 3 * 16


def test_log_mel_frames_do_not_see_padding() -> None:
    waveform = torch.from_numpy(generator("mel").normal(0, 1, 8000).astype(np.float32))[None]
    (alone,), counts = LogMelFrames()(waveform, torch.tensor([8000]))
    (padded,), _ = LogMelFrames()(
        torch.nn.functional.pad(waveform, (0, 5000)), torch.tensor([8000])
    )
    assert counts.tolist() == [48]
    assert alone.shape == (1, 48, 80)
    torch.testing.assert_close(alone, padded[:, :48])
