"""A file is as long as its sound, whatever its header says; what cannot be known is told."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.audio.waveforms import audio_hash, read_waveform
from pretrain.data.readers.read import read_corpus
from pretrain.data.scan.look import Facts, look
from tests.pretrain.data.voices import pcm, voice, wav_header, with_flac_length

SECONDS, RATE = 3.0, 16_000
SOUND = pcm(voice(9, SECONDS))
FRAMES = len(SOUND) // 2
HASH = audio_hash(np.frombuffer(SOUND, "<i2").astype(np.float32) / np.float32(32768))


def looked_at(path: Path, data: bytes) -> Facts:
    path.write_bytes(data)
    return look(str(path), 0, 0)


def encoded(path: Path, seconds: float = SECONDS, **how: object) -> bytes:
    soundfile.write(path, voice(9, seconds), RATE, **how)
    return path.read_bytes()


def test_a_corpus_of_flac_files_of_unknown_length_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(5):
        soundfile.write(folder / f"{number}.flac", voice(number), RATE)
    known = read_corpus(f"folder={folder}")
    for file in folder.iterdir():
        file.write_bytes(with_flac_length(file.read_bytes(), 0))
    table = read_corpus(f"folder={folder}")
    assert list(table["frames"]) == [32_000] * 5
    assert list(table["audio_hash"]) == list(known["audio_hash"])
    assert read_waveform(table.iloc[3]).shape == (32_000,)
    cut = look(str(folder / "3.flac"), 20_000, 12_000)
    assert cut.audio_hash == audio_hash(read_waveform(table.iloc[3])[20_000:])
    assert look(str(folder / "3.flac"), 20_000, 12_001).error == (
        "has 32000 frames, but 20000 + 12001 were asked for"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda flac: with_flac_length(flac, RATE), "covers 1.00 s only, but the sound goes on"),
        (lambda flac: with_flac_length(flac, 9 * RATE), "truncated: 48000 of 144000 frames"),
        (lambda flac: with_flac_length(flac, 1 << 35), "truncated: 48000 of 34359738368 frames"),
        (lambda flac: flac * 3, "several FLAC files are joined"),
    ],
)
def test_a_flac_file_of_a_wrong_length_is_told(
    tmp_path: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    flac = encoded(tmp_path / "a.flac")
    assert looked_at(tmp_path / "a.flac", flac).error == ""
    assert said in looked_at(tmp_path / "a.flac", change(flac)).error


@pytest.mark.parametrize(
    ("riff", "data"),
    [
        (0, 0),
        (36, 0),
        (8, 0),
        (0xFFFF_FFFF, 0xFFFF_FFFF),
        (0x7FFF_FFFF, 0x7FFF_F000),
        (36 + len(SOUND), 0),
        (0, len(SOUND)),
    ],
)
def test_a_wav_file_of_a_program_that_could_not_know_its_size_is_read_to_its_end(
    tmp_path: Path, riff: int, data: int
) -> None:
    facts = looked_at(tmp_path / "a.wav", wav_header(data, riff) + SOUND)
    assert (facts.error, facts.frames, facts.audio_hash) == ("", FRAMES, HASH)
    part = look(str(tmp_path / "a.wav"), 1000, 2000)
    assert (part.error, part.frames) == ("", 2000)


CONTAINERS = {
    "wav": ("WAV", "FILE", "<I"),
    "rf64": ("RF64", "FILE", "<Q"),
    "w64": ("W64", "FILE", "<Q"),
    "aiff": ("AIFF", "FILE", ">I"),
    "aifc": ("AIFF", "LITTLE", ">I"),
    "caf": ("CAF", "FILE", ">Q"),
    "little.caf": ("CAF", "LITTLE", ">Q"),
    "au": ("AU", "FILE", ">I"),
    "little.au": ("AU", "LITTLE", "<I"),
    "rifx": ("WAV", "BIG", ">I"),
}


def with_size(data: bytes, form: str, new: int) -> bytes:
    """Writes another size of the sound into a header, and into AIFF's count of frames."""
    size, changed = len(SOUND), data
    for beside in (0, 4, 8, 24):  # what some count into the size
        old = struct.pack(form, size + beside)
        if old in data[:4096]:
            changed = changed.replace(old, struct.pack(form, new + beside), 1)
    return changed.replace(struct.pack(">I", size // 2), struct.pack(">I", new // 2), 1)


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_without_a_size_is_read_to_its_end(tmp_path: Path, container: str) -> None:
    kind, endian, form = CONTAINERS[container]
    place = tmp_path / f"a.{container}"
    data = encoded(place, format=kind, subtype="PCM_16", endian=endian)
    right = look(str(place), 0, 0)
    assert (right.error, right.frames) == ("", FRAMES)
    changed = with_size(data, form, 0)
    assert changed != data
    facts = looked_at(place, changed)
    assert (facts.error, facts.frames, facts.audio_hash) == ("", FRAMES, right.audio_hash)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_header_that_covers_a_part_only_is_told_or_passed_over(
    tmp_path: Path, container: str
) -> None:
    kind, endian, form = CONTAINERS[container]
    place = tmp_path / f"a.{container}"
    data = encoded(place, format=kind, subtype="PCM_16", endian=endian)
    facts = looked_at(place, with_size(data, form, 2 * RATE))
    # libsndfile does not believe the size of Wave64.
    assert facts.frames == FRAMES or "covers 1.00 s only, but the file holds 3.00 s" in facts.error
    cut = looked_at(place, data[: len(data) // 2])
    assert "truncated" in cut.error or "cannot be decoded" in cut.error


def test_joined_wav_files_are_told(tmp_path: Path) -> None:
    part = SOUND[: 2 * RATE]
    for riff in (36 + len(part), 0xFFFF_FFFF):
        joined = (wav_header(len(part), riff) + part) * 5
        assert "several files are joined in it" in looked_at(tmp_path / "a.wav", joined).error


@pytest.mark.parametrize(
    "tail",
    [
        b"LIST" + struct.pack("<I", 20_000) + bytes(range(200)) * 100,
        b"LIST" + struct.pack("<I", 90_000) + bytes(range(200)) * 100,
        b"ID3\x04" + bytes(range(200)) * 100,
        bytes(20_000),
    ],
    ids=["chunk", "cut chunk", "tag", "zeros"],
)
def test_what_is_not_sound_behind_the_sound_does_no_harm(tmp_path: Path, tail: bytes) -> None:
    header = wav_header(len(SOUND), 36 + len(SOUND) + len(tail))
    facts = looked_at(tmp_path / "a.wav", header + SOUND + tail)
    assert (facts.error, facts.frames) == ("", FRAMES)
    empty = looked_at(tmp_path / "a.wav", wav_header(0, 36 + len(tail)) + tail)
    assert empty.error == "empty: no audio frames"


def test_less_than_a_quarter_of_a_second_behind_the_sound_is_let_pass(tmp_path: Path) -> None:
    header = wav_header(len(SOUND) - 7_998, 36 + len(SOUND))
    assert looked_at(tmp_path / "a.wav", header + SOUND).error == ""
    header = wav_header(len(SOUND) - 8_002, 36 + len(SOUND))
    assert "covers 2.75 s only" in looked_at(tmp_path / "a.wav", header + SOUND).error


def test_a_guess_of_the_length_of_an_mp3_file_is_not_believed(tmp_path: Path) -> None:
    """Without the index of its first frame, as recorders of streams write it."""
    place = tmp_path / "a.mp3"
    mp3 = encoded(place, 9.0, bitrate_mode="VARIABLE", compression_level=0.4)
    second = mp3.index(mp3[:2], 4)
    assert b"Xing" in mp3[:second]
    assert look(str(place), 0, 0).frames == 9 * RATE
    told = looked_at(place, mp3[second:]).error
    assert "its length is guessed (no index)" in told
    assert "its frames hold 9." in told
    assert "its index covers 9.00 s, but its frames hold 18" in looked_at(place, mp3 * 2).error
    assert "truncated" in looked_at(place, mp3[: len(mp3) // 2]).error


@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("frames", [12_000, 12_600, 13_100])
def test_what_an_encoder_fills_an_mp3_file_with_is_no_sound(
    tmp_path: Path, rate: int, frames: int
) -> None:
    soundfile.write(tmp_path / "a.mp3", voice(9, frames / rate, rate), rate)
    facts = look(str(tmp_path / "a.mp3"), 0, 0)
    assert (facts.error, facts.frames) == ("", frames)


@pytest.mark.slow
def test_an_mp3_file_that_ends_before_its_guessed_length_is_read_whole(tmp_path: Path) -> None:
    place = tmp_path / "a.mp3"
    how = {"bitrate_mode": "CONSTANT", "compression_level": 0.9}
    soundfile.write(place, voice(9, 60.0, 22_050), 22_050, **how)
    mp3 = place.read_bytes()
    assert b"Info" not in mp3[:200]
    with soundfile.SoundFile(place) as file:
        assert file.frames > 60.1 * 22_050
    facts = looked_at(place, mp3)
    assert facts.error == ""
    assert facts.frames == pytest.approx(60 * 22_050, abs=4 * 576)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_joined_ogg_files_are_told(tmp_path: Path, subtype: str) -> None:
    ogg = encoded(tmp_path / "a.ogg", format="OGG", subtype=subtype)
    assert look(str(tmp_path / "a.ogg"), 0, 0).error == ""
    assert "several Ogg streams are joined" in looked_at(tmp_path / "a.ogg", ogg * 2).error


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32"])
def test_codecs_that_only_go_forward_are_read_and_cut(tmp_path: Path, subtype: str) -> None:
    encoded(tmp_path / "a.wav", subtype=subtype)
    whole = look(str(tmp_path / "a.wav"), 0, 0)
    assert (whole.error, whole.frames) == ("", FRAMES)
    assert look(str(tmp_path / "a.wav"), 30_000, 5_000).frames == 5_000


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"/annex/objects/SHA256E-s9--0.wav\n", "git annex get"),
        (b"\n<!DOCTYPE html><title>Log in</title>", "is a web page"),
        (b"\0\0\0\x20ftypM4A " + bytes(99), "is an MP4 file (AAC or ALAC): convert it"),
        (b"NIST_1A\n   1024\nsample_coding -s18 pcm,embedded-shorten-v2.00\n", "sph2pipe"),
    ],
)
def test_what_is_no_recording_says_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in looked_at(tmp_path / "a.wav", data).error


def test_samples_without_a_header_are_told(tmp_path: Path) -> None:
    assert "has no header" in looked_at(tmp_path / "a.raw", SOUND).error
