"""The two encoders: levels, keys, what is trained and what is not."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mfsn.data.dataset import SegmentData
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.streams import (
    CachedStreams,
    LiveStreams,
    StreamPair,
    fitted_states,
    levels_of,
    load_frame_encoder,
)
from pretrain.data.frames import num_frames_of
from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.encoder import build_encoder
from pretrain.model.frozen import FrozenEncoder
from pretrain.model.weights import save_encoder
from tests.mfsn.corpora import CPU, SIZES, corpus, encoder


def test_levels_are_the_first_the_middle_and_the_last_block() -> None:
    assert [levels_of(number) for number in (12, 4, 2, 1)] == [
        (1, 6, 12), (1, 2, 4), (1, 1, 2), (1, 1, 1),
    ]  # fmt: skip


def test_keys_follow_the_weights() -> None:
    assert encoder(1).key == encoder(1).key != encoder(2).key
    assert (encoder(1).dim, encoder(1).num_layers) == (16, 4)


def test_keys_follow_what_the_weights_do_not_show() -> None:
    other = dataclasses.replace(SIZES, num_heads=4)
    same_weights = FrozenEncoder(build_encoder(other, seed=1), name="e", device=CPU)
    assert same_weights.key.split("-")[0] == encoder(1).key.split("-")[0]
    assert same_weights.key != encoder(1).key
    keys = [FrozenEncoder(Unpadded(text), name="u", device=CPU).key for text in "ab"]
    assert keys[0] != keys[1]


def test_meaningless_frames_are_removed_and_widths_made_equal() -> None:
    layer = torch.full((1, 4, 1), 2.0)
    layer[0, 3] = torch.nan
    for width in (3, 4, 6):
        states = fitted_states(layer, torch.tensor([3]), width)
        assert states.flatten().tolist() == [2, 2, 2, 0, 0, 0][:width]


class Unpadded(SoundEncoder):
    """Returns no frame behind the last valid one."""

    def __init__(self, config: str = "") -> None:
        super().__init__()
        self.dim, self.num_layers, self.config = 3, 2, config

    def beside_weights(self) -> object:
        return self.config

    def forward(self, waveforms: Tensor, num_samples: Tensor) -> EncoderOutput:
        frames = torch.ones(len(waveforms), num_frames_of(waveforms.shape[1]), 3)
        return EncoderOutput(layers=[frames] * 3, num_frames=num_frames_of(num_samples))


def test_an_encoder_without_the_last_frame_serves_as_well(tmp_path: Path) -> None:
    table = corpus(tmp_path / "audio", [48_000, 20_000])
    pair = StreamPair(tec=FrozenEncoder(Unpadded(), name="u", device=CPU))
    data = SegmentData(
        table, ("angry", "calm"), pair, InputSettings(), FaultSettings(), tmp_path / "kept"
    )
    batch = data.fitted_on(data.segments_of(torch.arange(2).numpy())).batch(torch.arange(2).numpy())
    assert batch.tec.shape == (2, 150, 3)
    assert torch.equal(batch.tec[:, :, 0] == 1, batch.valid)


def test_a_run_folder_is_loaded_and_a_missing_one_named(tmp_path: Path) -> None:
    save_encoder(tmp_path / "run", build_encoder(SIZES, seed=1))
    loaded = load_frame_encoder(tmp_path / "run", device=CPU)
    assert (loaded.name, loaded.key) == ("run", encoder(1).key)
    with pytest.raises(ValueError, match="nowhere does not exist"):
        load_frame_encoder(tmp_path / "nowhere")


def test_live_streams_train_a_copy_of_the_sec_encoder_and_never_the_tec(tmp_path: Path) -> None:
    pair = StreamPair(tec=encoder(1), sec=encoder(2))
    assert pair.tec is not None
    assert pair.sec is not None
    before = {name: value.clone() for name, value in pair.sec.module.state_dict().items()}
    table = corpus(tmp_path / "audio", [48_000, 20_000])
    arguments = (table, ("angry", "calm"), pair, InputSettings(), FaultSettings())
    rows = torch.arange(2).numpy()
    data = SegmentData(*arguments, tmp_path / "kept", live=True).fitted_on(rows)
    cached = SegmentData(*arguments, tmp_path / "kept").fitted_on(rows).batch(rows)

    streams = LiveStreams(pair).train()
    batch = streams(data.batch(rows))
    assert batch.waveforms.shape == (2, 48_000)
    for live, kept in zip(batch.sec, cached.sec, strict=True):
        torch.testing.assert_close(live, kept, atol=4e-3, rtol=1e-3)
        assert live.requires_grad
    assert torch.equal(batch.tec, cached.tec)
    assert not batch.tec.requires_grad

    loss = batch.tec.square().sum() + batch.sec[2].square().sum()
    loss.backward()
    gradient = dict(streams.named_parameters())["sec.conv.weights.0"].grad
    assert gradient is not None
    assert gradient.abs().sum() > 0
    assert all(value.grad is None for value in pair.tec.module.parameters())
    with torch.no_grad():
        for value in streams.parameters():
            value.add_(1.0)
    after = pair.sec.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(value.grad is None for value in pair.sec.module.parameters())


def test_cached_streams_change_nothing_and_train_nothing(tmp_path: Path) -> None:
    pair = StreamPair(sec=encoder(2))
    table = corpus(tmp_path / "audio", [20_000])
    data = SegmentData(table, ("calm",), pair, InputSettings(), FaultSettings(), tmp_path / "kept")
    rows = torch.arange(1).numpy()
    batch = data.fitted_on(rows).batch(rows)
    assert CachedStreams()(batch) is batch
    assert not list(CachedStreams().parameters())
    assert batch.tec.shape == (1, 150, 0)
    assert batch.waveforms.shape == (1, 0)
