"""Decoding to 16 kHz mono, for every format and rate."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.data.audio.length_faults import ogg_is_cut
from pretrain.data.audio.waveforms import (
    AudioError,
    Waveform,
    audio_hash,
    num_samples_16k,
    read_waveform,
    to_16k_mono,
)
from tests.pretrain.data.voices import decode


def sine(seconds: float, rate: int, hertz: float = 440.0, loudness: float = 0.5) -> Waveform:
    time = np.arange(round(seconds * rate)) / rate
    return (loudness * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def row(path: Path, *, offset: int = 0, frames: int, rate: int) -> SimpleNamespace:
    return SimpleNamespace(path=str(path), offset=offset, frames=frames, sample_rate=rate)


@given(
    frames=st.integers(0, 40_000),
    rate=st.one_of(
        st.sampled_from([8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000]),
        st.integers(4000, 192000),
    ),
)
@settings(max_examples=150, deadline=None)
def test_the_length_at_16_khz_is_exact_for_every_rate(frames: int, rate: int) -> None:
    waveform = to_16k_mono(np.zeros((frames, 1), np.float32), rate)
    assert len(waveform) == num_samples_16k(frames, rate)
    # The same number by exact arithmetic of another kind: round half up.
    assert 2 * abs(len(waveform) * rate - frames * 16000) <= rate


def test_a_44_khz_stereo_file_becomes_the_mean_of_its_channels_at_16_khz(tmp_path: Path) -> None:
    left, right = sine(1.0, 44100), sine(1.0, 44100, hertz=1000.0)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), 44100, subtype="FLOAT")
    waveform = read_waveform(row(tmp_path / "a.wav", frames=44100, rate=44100))
    assert waveform.dtype == np.float32
    assert waveform.shape == (16000,)
    expected = (sine(1.0, 16000) + sine(1.0, 16000, hertz=1000.0)) / 2
    np.testing.assert_allclose(waveform[200:-200], expected[200:-200], atol=2e-3)


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "FLOAT", 0.0),
        ("a.wav", "PCM_24", 1e-6),
        ("a.flac", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 0.05),
        ("a.mp3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_every_format_gives_the_sound(
    tmp_path: Path, name: str, subtype: str, tolerance: float
) -> None:
    tone = sine(1.0, 16000)
    soundfile.write(tmp_path / name, tone, 16000, subtype=subtype)
    samples, rate = decode(str(tmp_path / name))
    assert (samples.shape, rate) == ((16000, 1), 16000)
    np.testing.assert_allclose(samples[1000:-1000, 0], tone[1000:-1000], atol=tolerance)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_an_offset_gives_the_stretch_of_the_whole_file(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    soundfile.write(tmp_path / name, noise, 16000)
    whole = read_waveform(row(tmp_path / name, frames=48000, rate=16000))
    part = read_waveform(row(tmp_path / name, offset=12345, frames=20000, rate=16000))
    # 1e-6: the MP3 decoder rounds differently after a seek.
    np.testing.assert_allclose(part, whole[12345:32345], atol=1e-6 if name == "a.mp3" else 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": 16001}, "has 16000 frames, but 0 \\+ 16001"),
        ({"offset": 16000, "frames": 1}, "has 16000 frames"),
        ({"rate": 8000}, "sample rate is 16000 Hz, the table says 8000"),
    ],
)
def test_a_file_that_differs_from_its_row_is_named(
    tmp_path: Path, change: dict[str, int], said: str
) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1.0, 16000), 16000)
    with pytest.raises(AudioError, match=rf"a\.wav: {said}"):
        read_waveform(row(tmp_path / "a.wav", **{"frames": 16000, "rate": 16000, **change}))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
def test_a_cut_file_cannot_be_decoded(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    soundfile.write(tmp_path / name, noise, 16000)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(AudioError, match=r"truncated|cannot be decoded"):
        decode(str(tmp_path / name))


@pytest.mark.parametrize("size", [0x7FFF_F000, 0xFFFF_FFFF])
def test_a_wav_file_from_a_pipe_without_a_size_is_not_taken_for_cut(
    tmp_path: Path, size: int
) -> None:
    soundfile.write(tmp_path / "a.wav", sine(1.0, 16000), 16000, subtype="PCM_16")
    data = bytearray((tmp_path / "a.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = size.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(data)
    samples, _ = decode(str(tmp_path / "a.wav"))
    assert len(samples) == 16000


def test_a_cut_ogg_file_is_recognised_by_its_last_page(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 32000).astype(np.float32)
    soundfile.write(tmp_path / "a.ogg", noise, 16000)
    soundfile.write(tmp_path / "a.wav", noise, 16000)
    assert not ogg_is_cut(str(tmp_path / "a.ogg"))
    assert not ogg_is_cut(str(tmp_path / "a.wav"))
    data = (tmp_path / "a.ogg").read_bytes()
    for share in (0.3, 0.6, 0.9):
        (tmp_path / "a.ogg").write_bytes(data[: int(len(data) * share)])
        assert ogg_is_cut(str(tmp_path / "a.ogg"))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "empty file"), (b"this is no sound at all" * 50, "cannot be decoded")],
)
def test_a_file_without_sound_says_why(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(AudioError, match=said):
        decode(str(tmp_path / "a.wav"))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="file not found"):
        decode(str(tmp_path / "a.wav"))


def test_the_hash_is_the_same_for_a_lossless_copy_and_differs_for_one_step(tmp_path: Path) -> None:
    tone = np.rint(sine(0.5, 16000) * 32767).astype(np.int16)
    hashes = set()
    for name in ("a.wav", "a.flac"):
        soundfile.write(tmp_path / name, tone, 16000, subtype="PCM_16")
        samples, rate = decode(str(tmp_path / name))
        hashes.add(audio_hash(to_16k_mono(samples, rate)))
    assert len(hashes) == 1
    samples[100] += np.float32(1 / 32768)
    assert audio_hash(to_16k_mono(samples, rate)) not in hashes


def test_the_hash_tells_loud_float_files_apart() -> None:
    square = np.where(np.arange(100) % 2, 30000.0, -30000.0).astype(np.float32)
    assert audio_hash(square) != audio_hash(square * np.float32(0.9))
    assert audio_hash(square * np.float32(1e30)) == audio_hash(square * np.float32(1e31))
