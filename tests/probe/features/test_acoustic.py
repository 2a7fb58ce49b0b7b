"""Baselines without learning: what they compute, hear and keep, and how they are asked for."""

import signal
import threading
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torchaudio.transforms import MFCC

from pretrain.data.audio.waveforms import Waveform, read_waveform
from pretrain.data.loader import normalize_waveform
from pretrain.shared.errors import CommandLineError, InputError
from probe.command_line import parse_arguments
from probe.features.acoustic import known_baselines, make_acoustic
from probe.features.mfcc import MfccFeatures, statistics
from probe.features.opensmile_functionals import SETS, OpensmileFunctionals
from probe.features.row_source import RowSource
from probe.heads.settings import make_head
from probe.whole_table.command_line import parse
from tests.golden_stages import sound, table_of


def test_statistics_of_frames_and_deltas_are_those_computed_by_hand() -> None:
    """The delta of a frame is the slope over five, the first and last frame repeated."""
    frames = torch.tensor([[0.0], [1.0], [2.0], [6.0]])
    # At the first frame (1 * (1 - 0) + 2 * (2 - 0)) / 10, and so on.
    deltas = np.array([0.5, (2 - 0 + 2 * (6 - 0)) / 10, (6 - 1 + 2 * (6 - 0)) / 10, 1.2])
    deltas[3] = (6 - 2 + 2 * (6 - 1)) / 10
    expected = [2.25, deltas.mean(), np.std([0, 1, 2, 6]), deltas.std()]
    np.testing.assert_allclose(statistics(frames)[0], expected, rtol=1e-6)


def test_mfcc_are_torchaudios_and_padding_changes_none_of_their_statistics() -> None:
    long, short = (torch.from_numpy(normalize_waveform(sound(n, n))) for n in (16_000, 9_000))
    padded = torch.nn.functional.pad(short, (0, 7_000), value=3.0)
    found = MfccFeatures()(torch.stack([long, padded]), torch.tensor([16_000, 9_000]))
    assert found.shape == (2, 1, 80)
    sizes = {"n_fft": 400, "hop_length": 160, "n_mels": 40, "center": False}
    (own,) = MFCC(16_000, 20, log_mels=True, melkwargs=sizes)(short[None])
    np.testing.assert_allclose(found[1, 0, :20], own.mean(1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[1, 0, 40:60], own.std(1, correction=0), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_ctrl_c_is_not_lost_in_opensmile_and_neither_is_what_it_computes() -> None:
    """Python's exceptions are swallowed in openSMILE's callbacks, with all that it would return."""
    pytest.importorskip("opensmile")
    source = OpensmileFunctionals("egemaps")
    long = np.tile(sound(0, 16_000), 60)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        source._functionals(long)
    timer.join()
    again = source(torch.from_numpy(long)[None], torch.tensor([len(long)]))
    assert again.isfinite().all()


@pytest.mark.parametrize(("name", "size"), [("egemaps", 88), ("compare", 6373), ("is09", 384)])
def test_functionals_are_opensmiles_of_the_recording_as_loud_as_it_is(
    name: str, size: int, tmp_path: Path
) -> None:
    opensmile = pytest.importorskip("opensmile")
    table = table_of(tmp_path, 2)
    source = RowSource(
        frozen=None, acoustic=make_acoustic(name), table=table, folder=tmp_path / "kept",
        device=torch.device("cpu"),
    )  # fmt: skip
    found = source.features()
    assert found.shape == (2, 1, size)
    own = opensmile.Smile(feature_set=SETS[name][0])(read_waveform(table.iloc[1]), 16_000)
    np.testing.assert_array_equal(found[1, 0], own.reshape(-1))
    np.testing.assert_array_equal(source.features("mean_std"), found)
    assert source.remarks() == []
    louder = OpensmileFunctionals(name)
    waveform = torch.from_numpy(read_waveform(table.iloc[1]))[None] * 3
    assert not np.allclose(louder(waveform, torch.tensor([waveform.shape[1]]))[0, 0], found[1, 0])


class Gappy:
    """The largest sample of an utterance, and one statistic that the quiet ones do not have."""

    name, key = "gappy", "gappy"

    def __init__(self, limit: float, undefined: float = float("nan")) -> None:
        self.limit, self.undefined, self.calls = limit, undefined, 0

    def prepare(self, waveform: Waveform) -> Waveform:
        return waveform

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        self.calls += 1
        most = waveforms.abs().amax(1)
        other = most.clone().masked_fill(most < self.limit, self.undefined)
        return torch.stack([most, other], dim=1)[:, None]


def test_what_is_not_defined_is_zero_and_said_also_when_it_was_kept(tmp_path: Path) -> None:
    table = table_of(tmp_path, 3)
    levels = sorted(float(np.abs(read_waveform(row)).max()) for _, row in table.iterrows())
    for made in range(2):
        gappy = Gappy(levels[1])
        source = RowSource(
            frozen=None, acoustic=gappy, table=table, folder=tmp_path / "kept",
            device=torch.device("cpu"),
        )  # fmt: skip
        features = source.features()
        assert (features[:, 0, 0] > 0).all()
        assert (features[:, 0, 1] == 0).sum() == 1
        assert source.remarks() == ["1 statistics of 1 utterances are not defined and taken as 0."]
        assert (gappy.calls == 0) == bool(made)


def test_what_is_infinite_is_a_fault(tmp_path: Path) -> None:
    source = RowSource(
        frozen=None, acoustic=Gappy(9.0, float("inf")), table=table_of(tmp_path, 2),
        folder=tmp_path / "kept", device=torch.device("cpu"),
    )  # fmt: skip
    with pytest.raises(InputError, match="gappy are not finite"):
        source.features()


def test_a_baseline_has_no_frames_and_says_so(tmp_path: Path) -> None:
    source = RowSource(
        frozen=None, acoustic=Gappy(0.0), table=table_of(tmp_path, 2), folder=tmp_path,
        device=torch.device("cpu"),
    )  # fmt: skip
    with pytest.raises(InputError, match="gappy is one vector per utterance"):
        source.frames()


def test_without_opensmile_the_remedy_and_its_licence_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("probe.features.opensmile_functionals.version", missing)
    with pytest.raises(InputError, match=r"pip install -e '\.\[opensmile\]' .*not commercial"):
        make_acoustic("is09")
    assert make_acoustic("mfcc").name == "mfcc"


NEEDED = ["--encoder", "e", "--corpus", "a=a.csv", "--out", "o"]


def test_both_commands_take_them_by_name_and_refuse_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["--baseline", "mfcc", "is09", "--baseline", "mfcc"]
    assert parse_arguments([*NEEDED, *asked]).baseline == ["mfcc", "is09"]
    assert parse(["--runs", "r", "--corpus", "a=a.csv", *asked]).baseline == ["mfcc", "is09"]
    assert parse_arguments(NEEDED).baseline == []
    with pytest.raises(SystemExit) as ended:
        parse_arguments([*NEEDED, "--baseline", "gemaps"])
    assert ended.value.code == 2
    assert "must be one of mfcc, egemaps, compare, is09, but is 'gemaps'" in capsys.readouterr().err
    with pytest.raises(CommandLineError, match="'gemaps' instead"):
        known_baselines(["gemaps"])


def test_heads_that_hear_frames_or_train_the_encoder_refuse_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for head in ("superb", "finetune"):
        with pytest.raises(SystemExit):
            parse_arguments([*NEEDED, "--baseline", "mfcc", "--head", head])
        assert f"the head {head} on. Take --head linear or svm" in capsys.readouterr().err
    assert parse_arguments([*NEEDED, "--baseline", "mfcc", "--head", "svm"]).head == "svm"
    assert make_head("linear").kind.hears_statistics


def test_an_utterance_shorter_than_a_window_has_no_functionals_and_a_silent_one_has() -> None:
    pytest.importorskip("opensmile")
    egemaps = OpensmileFunctionals("egemaps")
    waveforms = torch.zeros(2, 8_000)
    waveforms[0, :800] = torch.from_numpy(sound(1, 800))
    found = egemaps(waveforms, torch.tensor([800, 8_000]))
    assert found[0].isnan().all()
    assert found[1].isfinite().all()
