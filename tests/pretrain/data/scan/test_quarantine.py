"""Unusable files are set aside with their reasons, and stop the run when they are many."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.readers.read import read_corpus
from pretrain.data.scan.quarantine import CorpusWarning, QuarantineError, note_of_unusable
from pretrain.data.tables.delimited import read_csv


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def noise(frames: int = 8000, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, frames).astype(np.float32)


def write_nan(path: Path) -> None:
    samples = noise()
    samples[17] = np.nan
    soundfile.write(path, samples, 16000, subtype="FLOAT")


def write_cut(path: Path) -> None:
    soundfile.write(path, noise(), 16000)
    path.write_bytes(path.read_bytes()[:9000])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "garbage": (lambda path: path.write_bytes(b"garbage" * 99), "cannot be decoded"),
    "no bytes": (lambda path: path.write_bytes(b""), "empty file (0 bytes)"),
    "no frames": (lambda path: soundfile.write(path, noise(0), 16000), "empty: no audio frames"),
    "cut": (write_cut, "truncated: 8956 of 16000 bytes"),
    "nan": (write_nan, "not finite: 1 frames hold NaN or infinity"),
    "silent": (
        lambda path: soundfile.write(path, np.full(8000, 0.25), 16000),
        "silent: below 0.0001 of full scale",
    ),
    "short": (
        lambda path: soundfile.write(path, noise(1600), 16000),
        "too short: 0.100 s, needed are 0.25 s",
    ),
}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Thirty good files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(30):
        soundfile.write(folder / f"good{number:02d}.wav", noise(4000, seed=number), 16000)
    return folder


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_left_out_and_listed_with_its_reason(
    corpus: Path, tmp_path: Path, kind: str
) -> None:
    make, reason = BAD[kind]
    make(corpus / "bad.wav")
    place = tmp_path / "run" / "quarantine.csv"
    with pytest.warns(CorpusWarning, match=r"1 of 31 files .* cannot be used"):
        table = read_corpus(f"folder={corpus}", quarantine_file=place)
    assert len(table) == 30
    listed = read_csv(place)
    assert list(listed["path"]) == [str(corpus / "bad.wav")]
    assert listed["reason"][0].startswith(reason)


def stereo(*channels: np.ndarray) -> np.ndarray:
    return np.stack(channels, axis=1)


CANCELLING = {
    "to nothing": stereo(noise(), -noise()),
    "to noise at -70 dB": stereo(noise(), -noise() + 0.003 * noise(seed=1)),
    "beside an offset": stereo(noise() + 0.2, -noise()),
    "of four": stereo(noise(), -noise(), noise(seed=1), -noise(seed=1)),
}

NOT_CANCELLING = {
    "one channel is silent": stereo(noise(), np.zeros(8000)),
    "one of eight is not silent": stereo(noise(), *np.zeros((7, 8000))),
    "unrelated channels": stereo(noise(), noise(seed=1)),
    "inverted and half as loud": stereo(noise(), -0.5 * noise()),
    "later by a little": stereo(noise(8003)[3:], noise(8003)[:-3]),
}


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("kind", CANCELLING)
def test_channels_that_cancel_each_other_are_told(
    corpus: Path, tmp_path: Path, kind: str, rate: int
) -> None:
    place = tmp_path / "quarantine.csv"
    soundfile.write(corpus / "bad.wav", np.tile(CANCELLING[kind], (3, 1)), rate, subtype="PCM_24")
    with pytest.warns(CorpusWarning, match="1 of 31 files"):
        read_corpus(f"folder={corpus}", quarantine_file=place)
    reason = read_csv(place)["reason"][0]
    assert reason.startswith("channels cancel each other: their mean is")
    assert f"at most {26 if kind == 'of four' else 23} dB" in reason


@pytest.mark.parametrize("kind", NOT_CANCELLING)
def test_channels_of_which_enough_is_left_are_kept(corpus: Path, kind: str) -> None:
    soundfile.write(corpus / "good.wav", NOT_CANCELLING[kind], 16000)
    assert len(read_corpus(f"folder={corpus}")) == 31


def test_a_silent_file_of_two_channels_is_silent(corpus: Path, tmp_path: Path) -> None:
    place = tmp_path / "quarantine.csv"
    soundfile.write(corpus / "bad.wav", np.zeros((8000, 2)), 16000)
    with pytest.warns(CorpusWarning, match="1 of 31 files"):
        read_corpus(f"folder={corpus}", quarantine_file=place)
    assert read_csv(place)["reason"][0].startswith("silent")


def test_quiet_speech_is_kept(corpus: Path) -> None:
    soundfile.write(corpus / "quiet.wav", noise() * 0.003, 16000, subtype="PCM_16")
    assert len(read_corpus(f"folder={corpus}")) == 31


def test_more_than_the_set_share_stops_with_the_list_and_its_first_lines(
    corpus: Path, tmp_path: Path
) -> None:
    for name in ("bad1.wav", "bad2.wav"):
        (corpus / name).write_bytes(b"")
    place = tmp_path / "quarantine.csv"
    with pytest.raises(QuarantineError) as caught:
        read_corpus(f"folder={corpus}", quarantine_file=place)
    for said in ("2 of 32", "6.2%", str(place), "bad1.wav: empty file", "5.0%", "max_bad_share"):
        assert said in str(caught.value)
    assert len(read_csv(place)) == 2
    with pytest.warns(CorpusWarning):
        assert len(read_corpus(f"folder={corpus}", max_bad_share=0.0625)) == 30


def test_a_corpus_without_any_good_file_always_stops(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.wav").write_bytes(b"")
    with pytest.raises(QuarantineError, match="1 of 1"):
        read_corpus(f"folder={tmp_path / 'corpus'}", max_bad_share=1.0)


def test_a_healthy_corpus_writes_an_empty_list_and_keeps_other_corpora_in_it(
    corpus: Path, tmp_path: Path
) -> None:
    place = tmp_path / "quarantine.csv"
    place.write_text("source,path,offset,reason\nother,/x.wav,0,silent\nfolder,/y.wav,0,silent\n")
    read_corpus(f"folder={corpus}", quarantine_file=place)
    assert list(read_csv(place)["source"]) == ["other"]


def test_a_share_outside_0_to_1_is_refused(corpus: Path) -> None:
    with pytest.raises(ValueError, match="`max_bad_share` must be between 0 and 1, but is 5"):
        read_corpus(f"folder={corpus}", max_bad_share=5)


def test_what_was_left_out_is_said_until_it_is_mended(corpus: Path) -> None:
    (corpus / "bad.wav").write_bytes(b"")
    with pytest.warns(CorpusWarning):
        table = read_corpus(f"folder={corpus}")
    source = str(table["source"].iloc[0])
    (note,) = note_of_unusable(source)
    assert note.startswith("1 utterance is unusable and left out; ")
    place = Path(note.removesuffix(" has the reasons.").rpartition("; ")[2])
    assert list(read_csv(place)["path"]) == [str(corpus / "bad.wav")]
    (corpus / "bad.wav").unlink()
    read_corpus(f"folder={corpus}")
    assert note_of_unusable(source) == []
