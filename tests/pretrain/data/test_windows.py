"""Of a long recording only a window is decoded, and it is what the whole would give."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

import pretrain.data.audio.sound_file as sound_file
import pretrain.data.loader as loader_module
from pretrain.data.audio.waveforms import (
    AudioError,
    Waveform,
    num_samples_16k,
    read_waveform,
    read_window,
)
from pretrain.data.loader import (
    DataSettings,
    ShardReader,
    make_plan,
    usable_utterances,
)
from pretrain.data.masking import MaskSettings
from pretrain.data.scan.look import look
from pretrain.data.scan.quarantine import CorpusWarning
from tests.pretrain.data.voices import voice, with_flac_length

FORMATS = [
    ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "ULAW"), ("WAV", "IMA_ADPCM"),
    ("WAV", "MS_ADPCM"), ("WAV", "GSM610"), ("FLAC", "PCM_16"), ("FLAC", "unknown length"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"),
    ("AU", "G721_32"), ("W64", "PCM_16"), ("CAF", "ALAC_16"), ("RF64", "PCM_16"),
    ("NIST", "PCM_16"),
]  # fmt: skip


def row_of(path: Path, *, offset: int = 0, frames: int = 0) -> SimpleNamespace:
    facts = look(str(path), offset, frames)
    assert facts.error == ""
    return SimpleNamespace(
        path=str(path), offset=offset, frames=facts.frames, sample_rate=facts.sample_rate
    )


def windows(num_samples: int, count: int) -> list[tuple[int, int]]:
    rng = np.random.default_rng(0)
    starts = rng.integers(num_samples - 4000, size=count).tolist()
    return [(0, 4000), (num_samples - 4000, num_samples), *((s, s + 4000) for s in starts)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "subtype"), FORMATS)
def test_a_window_at_16_khz_is_the_same_to_the_bit(
    tmp_path: Path, kind: str, subtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_file, "BLOCK_FRAMES", 10_000)  # so that seconds are many blocks
    mono = subtype in ("GSM610", "G721_32")
    # At a low rate MP3 and Opus lean on what came before.
    how = {"compression_level": 0.9} if kind == "MP3" or subtype == "OPUS" else {}
    sound = voice(0, 8.0) if mono else np.stack([voice(0, 8.0), voice(1, 8.0)], 1)
    known = "PCM_16" if subtype == "unknown length" else subtype
    soundfile.write(tmp_path / "a", sound, 16_000, format=kind, subtype=known, **how)
    if known != subtype:
        data = (tmp_path / "a").read_bytes()
        (tmp_path / "a").write_bytes(with_flac_length(data, 0))
    for row in (row_of(tmp_path / "a"), row_of(tmp_path / "a", offset=20_001, frames=70_000)):
        whole = read_waveform(row)
        assert len(whole) == row.frames
        for start, stop in windows(len(whole), 12):
            assert np.array_equal(read_window(row, start, stop), whole[start:stop])


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 15_999, 96_000])
def test_a_window_at_another_rate_is_what_the_whole_would_give(
    tmp_path: Path, rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pretrain.data.audio.waveforms.WHOLE_SECONDS", 1.0)
    sound = np.stack([voice(0, 5.0, rate), voice(1, 5.0, rate)], 1)
    soundfile.write(tmp_path / "a.wav", sound, rate, subtype="FLOAT")
    odd = rate == 15_999
    for row in (
        row_of(tmp_path / "a.wav"),
        row_of(tmp_path / "a.wav", offset=777, frames=5 * rate - 1000),
    ):
        whole = read_waveform(row)
        for start, stop in windows(num_samples_16k(row.frames, rate), 6):
            window = read_window(row, start, stop)
            np.testing.assert_allclose(window, whole[start:stop], atol=1e-4 if odd else 1e-6)
            assert np.array_equal(window, read_window(row, start, stop))
        everything = read_window(row, 0, len(whole))
        assert np.array_equal(everything, whole)


def test_an_utterance_of_a_minute_is_resampled_as_a_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice(0, 9.0, 44_100), 44_100)
    row = row_of(tmp_path / "a.wav")
    assert np.array_equal(read_window(row, 1000, 33_000), read_waveform(row)[1000:33_000])


def test_a_window_of_a_file_that_became_shorter_is_refused_wherever_it_lies(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", voice(0, 4.0), 16_000)
    row = row_of(tmp_path / "a.wav")
    soundfile.write(tmp_path / "a.wav", voice(0, 3.0), 16_000)
    with pytest.raises(AudioError, match=r"a\.wav: has 48000 frames, but 0 \+ 64000"):
        read_window(row, 0, 1000)


@pytest.fixture
def long_recording(tmp_path: Path) -> pd.DataFrame:
    """A talk of more than a minute beside a short clip."""
    rows = []
    for name, rate, seconds in (("talk.flac", 44_100, 70), ("clip.wav", 16_000, 3)):
        sound = np.tile(voice(0, 1.0, rate), seconds)
        soundfile.write(tmp_path / name, np.stack([sound, sound], 1), rate)
        rows.append(vars(row_of(tmp_path / name)) | {"id": name})
    return pd.DataFrame(rows)


DATA = DataSettings(crop_seconds=2.0, shard_seconds=4.0, num_shards=1)


@pytest.mark.slow
def test_a_crop_of_a_long_recording_decodes_little_more_than_the_crop(
    long_recording: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    really = sound_file.SequentialFile.read

    def read(self: sound_file.SequentialFile, frames: int, **how: object) -> Waveform:
        block: Waveform = really(self, frames, **how)
        decoded.append(len(block))
        return block

    with pytest.warns(CorpusWarning, match="are not heard in an epoch"):
        table = usable_utterances(long_recording, DATA)
    reader = ShardReader(table, DATA, MaskSettings(), seed=0)
    shards = [shard for (shard,) in make_plan(table, DATA, 0).updates(0, 6)]
    monkeypatch.setattr(sound_file.SequentialFile, "read", read)
    windowed = [reader[shard] for shard in shards]
    assert max(decoded) <= 3 * 44_100

    def crop_of_the_whole(row: pd.Series, start: int, stop: int) -> Waveform:
        return read_waveform(row)[start:stop]

    monkeypatch.setattr(loader_module, "read_window", crop_of_the_whole)
    for one, other in zip(windowed, [reader[shard] for shard in shards], strict=True):
        torch.testing.assert_close(one.waveforms, other.waveforms, atol=1e-4, rtol=0)
        assert torch.equal(one.mask, other.mask)


def test_hours_that_an_epoch_leaves_out_are_told(long_recording: pd.DataFrame) -> None:
    said = r"0\.02 of 0\.02 hours \(95%\) are not heard.*2 s.*2 are longer \(the longest 70 s\)"
    with pytest.warns(CorpusWarning, match=said):
        usable_utterances(long_recording, DATA)


def test_a_corpus_of_which_most_is_heard_is_not_talked_about(
    long_recording: pd.DataFrame, recwarn: pytest.WarningsRecorder
) -> None:
    usable_utterances(long_recording[1:], DATA)
    assert not recwarn.list
