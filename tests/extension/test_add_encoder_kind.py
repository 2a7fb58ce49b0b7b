"""To add a kind of encoder: one file and one line of `KINDS`; probe, fine-tuning head and MFSN take
it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mfsn.data.dataset import SegmentData
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.streams import LiveStreams, StreamPair, load_frame_encoder
from mfsn.experiment.encoders import describe_encoder
from pretrain.model.frozen import load_frozen
from pretrain.model.kinds.registry import KINDS, EncoderFolderError
from tests.extension.tiny_probe import probed, report_page, write_row
from tests.mfsn.corpora import CPU, corpus

BANK = '''
"""A bank of random filters: a folder with bank.json and bank.safetensors."""

import json

import torch
from safetensors.torch import load_file
from torch import nn

from pretrain.model.encode import EncoderOutput, SoundEncoder
from pretrain.model.kinds.registry import Described


class FilterBank(SoundEncoder):
    def __init__(self, filters, gain):
        super().__init__()
        self.filters, self.gain = nn.Parameter(filters), gain
        self.dim, self.num_layers = len(filters), 1

    def prepare(self, waveform):
        return waveform * self.gain

    def num_frames(self, num_samples):
        return (num_samples - 400) // 320 + 1

    def beside_weights(self):
        return self.gain

    def forward(self, waveforms, num_samples):
        x = nn.functional.conv1d(waveforms[:, None], self.filters, stride=320).mT
        return EncoderOutput(layers=[x, x.abs()], num_frames=self.num_frames(num_samples))


class BankKind:
    weights, settings = ("bank.safetensors",), ("bank.json",)
    words = "a bank of filters"

    def is_in(self, folder):
        return (folder / "bank.json").is_file()

    def describe(self, folder):
        return Described(name=folder.name, made_by="bank", mode="none")

    def load(self, folder, *, initial=False):
        filters = load_file(folder / "bank.safetensors")["filters"]
        return FilterBank(filters, json.loads((folder / "bank.json").read_text())["gain"]).eval()


KIND = BankKind()
'''


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "filter_bank.py").write_text(BANK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(KINDS, "bank", "filter_bank")
    folder = tmp_path / "my-bank"
    folder.mkdir()
    draw = torch.Generator().manual_seed(0)
    filters = torch.randn(6, 1, 400, generator=draw)
    save_file({"filters": filters}, folder / "bank.safetensors")
    (folder / "bank.json").write_text(json.dumps({"gain": 3.0}))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--head", "linear"], ["--head", "finetune", "--set"]])
def test_a_new_kind_is_probed_beside_a_row_of_ours_up_to_the_report(
    bank: Path, options: list[str], tmp_path: Path
) -> None:
    if "finetune" in options:
        options = [*options, "finetune.epochs=1"]
    results = probed(tmp_path, [write_row(tmp_path / "row"), bank], *options)
    groups = {row["name"]: row["group"] for row in results.run["rows"]}
    assert groups["my-bank"] == "released"
    assert groups["quantized-g2v2"] == "row"
    own = results.scores[results.scores["row"] == "my-bank"]
    assert np.isfinite(own["value"].to_numpy(float)).all()
    if "linear" in options:
        assert set(own["layer"]) == {"selected", "0", "1"}
    assert "my-bank" in report_page(tmp_path)


def test_a_new_kind_is_a_stream_of_mfsn_frozen_or_trained(bank: Path, tmp_path: Path) -> None:
    described = describe_encoder(bank, "sec")
    assert (described["kind"], described["mode"], described["released"]) == ("bank", "none", True)
    encoder = load_frame_encoder(bank, device=CPU)
    pair = StreamPair(sec=encoder)
    table, rows = corpus(tmp_path / "audio", [48_000, 20_000]), np.arange(2)
    arguments = (table, ("angry", "calm"), pair, InputSettings(), FaultSettings(), tmp_path / "k")
    kept = SegmentData(*arguments).fitted_on(rows).batch(rows)
    live = LiveStreams(pair)(SegmentData(*arguments, live=True).fitted_on(rows).batch(rows))
    for one, other in zip(kept.sec, live.sec, strict=True):
        assert one.abs().max() > 0
        torch.testing.assert_close(other, one, atol=2e-2, rtol=1e-3)  # kept as float16
        assert other.requires_grad


def test_it_hears_sound_as_it_says_and_its_key_knows_all_that_counts(bank: Path) -> None:
    sound, key = np.full(16_000, 0.5, dtype=np.float32), load_frozen(bank).key
    first, second = load_frozen(bank).module.encode(sound, sample_rate_hz=16_000)
    assert first.shape == (49, 6)
    filters = load_frozen(bank).module.state_dict()["filters"]
    torch.testing.assert_close(first[0], 1.5 * filters.sum((1, 2)), rtol=1e-4, atol=1e-3)
    assert torch.equal(second, first.abs())
    (bank / "bank.json").write_text('{"gain": 2.0}')
    assert load_frozen(bank).key != key


def test_a_folder_of_no_kind_is_refused_with_all_that_there_are(bank: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderFolderError, match=r"has no encoder\.safetensors or .*bank\.safete"):
        load_frozen(tmp_path / "empty")
