"""What encoders have heard is found in a probe corpus, in whatever form, and nothing else is."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from pretrain.data.audio.waveforms import Waveform, audio_hash
from pretrain.data.tables.utterances import save_table
from pretrain.shared.random_streams import generator
from probe.contamination.check import contamination, heard_by, say
from probe.contamination.fingerprint import FingerprintIndex, concatenate, fingerprint
from probe.contamination.near_duplicates import fingerprints_of

NUM = 6


def speech(number: int, seconds: float = 2.0) -> Waveform:
    """Voiced syllables of random pitch and formants: no two numbers sound alike."""
    draw = generator("contamination", number)
    parts = []
    for _ in range(int(seconds / 0.2)):
        time = np.arange(3_200) / 16_000
        pitch, formants = draw.uniform(90, 250), draw.uniform(300, 3_000, size=3)
        sound = np.zeros_like(time)
        for harmonic in pitch * np.arange(1, 25):
            weight = np.exp(-(((harmonic - formants[:, None]) / 200) ** 2)).sum()
            sound += (0.02 + weight) * np.sin(2 * np.pi * harmonic * time + draw.uniform(0, 6))
        parts.append(sound * np.hanning(3_200))
    joined = np.concatenate(parts)
    joined += draw.normal(0, 0.003 * np.abs(joined).max(), len(joined))
    scaled: Waveform = (0.3 * joined / np.abs(joined).max()).astype(np.float32)
    return scaled


def coded(waveform: Waveform, rate: int, file_format: str, subtype: str) -> Waveform:
    file = io.BytesIO()
    samples = waveform if rate == 16_000 else soxr.resample(waveform, 16_000, rate)
    soundfile.write(file, samples, rate, format=file_format, subtype=subtype)
    file.seek(0)
    decoded: Waveform = soundfile.read(file, dtype="float32")[0]
    back: Waveform = soxr.resample(decoded, rate, 16_000)
    return decoded if rate == 16_000 else back


def padded(waveform: Waveform) -> Waveform:
    return np.pad(waveform, (5_555, 9_000))


CHANGES: dict[str, Callable[[Waveform], Waveform]] = {
    "opus": lambda waveform: coded(waveform, 16_000, "OGG", "OPUS"),
    "vorbis": lambda waveform: coded(waveform, 16_000, "OGG", "VORBIS"),
    "mp3": lambda waveform: coded(waveform, 16_000, "MP3", "MPEG_LAYER_III"),
    "8 kHz": lambda waveform: coded(waveform, 8_000, "WAV", "ULAW"),
    "44.1 kHz": lambda waveform: coded(waveform, 44_100, "WAV", "PCM_16"),
    "quieter": lambda waveform: coded(0.05 * waveform, 16_000, "WAV", "PCM_16"),
    "louder": lambda waveform: np.clip(4 * waveform, -1, 1),
    "cropped": lambda waveform: waveform[7_003:-5_000],
    "padded": padded,
}


def write(folder: Path, waveforms: dict[str, Waveform], source: str) -> pd.DataFrame:
    rows = []
    for name, waveform in waveforms.items():
        path = folder / source / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, waveform, 16_000, subtype="PCM_16")
        read, _ = soundfile.read(path, dtype="float32")
        rows.append(
            {
                "id": f"{source}/{name}", "path": str(path), "offset": 0, "frames": len(read),
                "sample_rate": 16_000, "speaker": "", "session": "", "emotion": "",
                "valence": np.nan, "arousal": np.nan, "dominance": np.nan, "text": "",
                "split": "", "source": source, "audio_hash": audio_hash(read),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def probe_corpus(tmp_path: Path) -> pd.DataFrame:
    return write(tmp_path, {str(number): speech(number) for number in range(NUM)}, "emotional")


def encoder(folder: Path, table: pd.DataFrame | None, **record: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"kind": "pretrain", **record}))
    if table is not None:
        save_table(table, folder / "utterances.csv")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_the_same_sound_and_nothing_else_is(change: str) -> None:
    waveforms = [speech(number) for number in range(NUM)]
    index = FingerprintIndex(concatenate([fingerprint(waveform) for waveform in waveforms]))
    copies = [fingerprint(CHANGES[change](waveform)) for waveform in waveforms[:3]]
    found = index.matches(concatenate(copies))
    assert sorted((match.ours, match.theirs) for match in found) == [(0, 0), (1, 1), (2, 2)]
    others = [fingerprint(CHANGES[change](speech(100 + number))) for number in range(NUM)]
    assert index.matches(concatenate(others)) == []


def test_silence_and_recordings_shorter_than_a_window_match_nothing() -> None:
    silence = fingerprint(np.zeros(32_000, np.float32))
    assert not silence[1].any()
    short = fingerprint(speech(0)[:1_000])
    assert len(short[0]) == 0
    prints = concatenate([silence, short])
    assert FingerprintIndex(prints).matches(prints) == []


@pytest.mark.slow
def test_equal_cropped_and_coded_copies_in_a_pretraining_list_are_caught(
    probe_corpus: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = {f"new{number}": speech(50 + number) for number in range(4)}
    planted["same"] = speech(0)
    planted["coded"] = CHANGES["opus"](speech(1))
    planted["cropped"] = CHANGES["cropped"](speech(2))
    table = write(tmp_path, planted, "heard")
    run = encoder(tmp_path / "run", table)
    heard = heard_by([("quantized-g2v2", 0, run), ("continuous-k1", 0, run)])
    assert len(heard) == 1  # rows of one corpus are checked once
    (entry,) = contamination("emotional", probe_corpus, heard, tmp_path / "features")
    assert (entry["by_hash"], entry["near_duplicates"]) == (1, 2)
    assert entry["rows"] == [["quantized-g2v2", 0], ["continuous-k1", 0]]
    assert {(example["ours"], example["theirs"]) for example in entry["examples"]} == {
        ("emotional/0", "heard/same"),
        ("emotional/1", "heard/coded"),
        ("emotional/2", "heard/cropped"),
    }
    said = capsys.readouterr().out
    assert "WARNING" in said
    assert "3 of 6 utterances were heard" in said
    assert json.loads(json.dumps(entry)) == entry


def test_a_clean_pretraining_list_is_said_to_be_clean(
    probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    table = write(tmp_path, {str(number): speech(50 + number) for number in range(4)}, "heard")
    heard = heard_by([("row", 0, encoder(tmp_path / "run", table))])
    (entry,) = contamination("emotional", probe_corpus, heard, tmp_path / "features")
    assert (entry["by_hash"], entry["near_duplicates"], entry["examples"]) == (0, 0, [])
    assert say(entry).endswith("none found, checked by audio hash and fingerprint.")


def test_without_its_audio_a_list_is_checked_by_hash_only(
    probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    table = write(tmp_path, {"same": speech(0), "coded": CHANGES["opus"](speech(1))}, "heard")
    for path in table["path"]:
        Path(path).unlink()
    heard = heard_by([("row", 0, encoder(tmp_path / "run", table))])
    (entry,) = contamination("emotional", probe_corpus, heard, tmp_path / "features")
    assert (entry["by_hash"], entry["near_duplicates"]) == (1, None)
    assert "only" in entry["checked_by"]


def short(number: int) -> Waveform:
    """A little less than `MIN_FRAMES`."""
    return speech(number)[:11_000]


def test_what_could_not_be_compared_is_counted_and_not_called_clean(
    probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    heard = {name: speech(50 + number) for number, name in enumerate("abcd")}
    table = write(tmp_path, {**heard, "short": short(1), "silent": 0 * speech(0)}, "heard")
    damaged, other, gone = (Path(table["path"][place]) for place in range(3))
    damaged.write_bytes(b"no sound")
    soundfile.write(other, speech(99), 16_000)
    gone.unlink()
    Path(probe_corpus["path"][0]).write_bytes(b"no sound")
    row = "row", 0, encoder(tmp_path / "run", table)
    (entry,) = contamination("emotional", probe_corpus, heard_by([row]), tmp_path / "features")
    assert (entry["by_hash"], entry["near_duplicates"]) == (0, 0)
    assert entry["checked_by"] == (
        "audio hash and fingerprint (by hash only: 1 of emotional whose files are gone or changed, "
        "3 of heard whose files are gone or changed, 2 of heard too short or too quiet for a "
        "fingerprint)"
    )


@pytest.mark.parametrize("ours_too", [False, True])
def test_where_nothing_can_be_compared_near_duplicates_are_unknown(
    ours_too: bool, probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    table = write(tmp_path, {"short": short(1)}, "heard")
    if ours_too:
        table = write(tmp_path, {"coded": CHANGES["opus"](speech(1))}, "heard")
        for path in probe_corpus["path"]:
            soundfile.write(path, speech(99), 16_000)
    row = "row", 0, encoder(tmp_path / "run", table)
    (entry,) = contamination("emotional", probe_corpus, heard_by([row]), tmp_path / "features")
    assert (entry["by_hash"], entry["near_duplicates"]) == (0, None)
    assert entry["checked_by"] == "audio hash only: no fingerprint of " + (
        "6 of emotional whose files are gone or changed"
        if ours_too
        else "1 of heard too short or too quiet for a fingerprint"
    )


def test_where_all_are_known_by_hash_no_file_is_needed(
    probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    for path in probe_corpus["path"]:
        Path(path).unlink()
    row = "row", 0, encoder(tmp_path / "run", probe_corpus)
    (entry,) = contamination("emotional", probe_corpus, heard_by([row]), tmp_path / "features")
    assert (entry["by_hash"], entry["near_duplicates"]) == (NUM, 0)
    assert entry["checked_by"] == "audio hash, which knows all of them"


def test_an_encoder_without_a_list_is_unknown_not_clean(
    probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    heard = heard_by([("released", 0, encoder(tmp_path / "run", None))])
    (entry,) = contamination("emotional", probe_corpus, heard, tmp_path / "features")
    assert entry["by_hash"] is None
    assert entry["pretrained_on"] == "unknown"
    assert "unknown" in say(entry)


def test_a_recognizer_has_heard_two_corpora(tmp_path: Path) -> None:
    first = write(tmp_path, {"a": speech(1)}, "first")
    second = write(tmp_path, {"b": speech(2)}, "second")
    third = write(tmp_path, {"c": speech(3)}, "third")
    start = encoder(tmp_path / "start", first)
    record: dict[str, object] = {"kind": "finetune", "encoder": {"folder": str(start)}}
    tuned = encoder(tmp_path / "ctc", second, **record, start="pretrained")
    fresh = encoder(tmp_path / "new", second, **record, start="initial")
    stages = [(heard.stage, heard.name) for heard in heard_by([("tec", None, tuned)])]
    assert stages == [("CTC fine-tuning", "second"), ("pre-training", "first")]
    assert [heard.name for heard in heard_by([("tec", None, fresh)])] == ["second"]
    again: dict[str, object] = {"kind": "finetune", "encoder": {"folder": str(tuned)}}
    heard_from = {
        start: [
            (heard.stage, heard.name)
            for heard in heard_by(
                [("tec", None, encoder(tmp_path / f"{start}-again", third, **again, start=start))]
            )
        ]
        for start in ("pretrained", "initial", "random")
    }
    assert heard_from["pretrained"] == [("CTC fine-tuning", "third"), *stages]
    assert heard_from["initial"] == [("CTC fine-tuning", "third"), ("pre-training", "first")]
    assert heard_from["random"] == [("CTC fine-tuning", "third")]


def test_a_start_that_the_run_does_not_tell_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = encoder(tmp_path / "here", write(tmp_path, {"a": speech(1)}, "first"))
    monkeypatch.chdir(here)  # whose list is nobody's
    record: dict[str, object] = {"kind": "finetune", "encoder": {"folder": ""}}
    tuned = encoder(tmp_path / "ctc", None, **record, start="pretrained")
    _, start = heard_by([("tec", None, tuned)])
    assert (start.name, start.stage, start.table) == ("unknown", "pre-training", None)
    assert "does not say" in start.reason


def test_fingerprints_are_kept_for_the_same_recordings_under_any_name(
    probe_corpus: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = fingerprints_of(probe_corpus, tmp_path / "prints")
    monkeypatch.setattr(
        "probe.contamination.near_duplicates.fingerprint", None
    )  # would fail if it were used
    renamed = probe_corpus.assign(id=[f"other{n}" for n in range(NUM)]).iloc[::-1]
    (again,) = fingerprints_of(renamed, tmp_path / "prints")
    assert np.array_equal(first.prints.bits, again.prints.bits)
    assert [name.removeprefix("other") for name in again.ids] == [
        name.removeprefix("emotional/") for name in first.ids
    ]


def test_a_file_that_has_vanished_or_changed_leaves_nothing_behind(
    probe_corpus: pd.DataFrame, tmp_path: Path
) -> None:
    Path(probe_corpus["path"][0]).write_bytes(b"no sound")
    soundfile.write(probe_corpus["path"][1], speech(99), 16_000)
    (chunk,) = fingerprints_of(probe_corpus, tmp_path / "prints")
    assert sorted(chunk.prints.lengths > 0) == [False] * 2 + [True] * (NUM - 2)
    assert chunk.num_unreadable == 2
    assert list((tmp_path / "prints").glob("*.safetensors")) == []


def test_one_recording_more_changes_one_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []

    def counted(row: Any) -> tuple[Any, Any]:
        computed.append(str(row.audio_hash))
        return np.zeros(1, np.uint32), np.ones(1, np.bool_)

    monkeypatch.setattr("probe.contamination.near_duplicates._fingerprint", counted)
    hashes = [f"h{number}" for number in range(400)]
    table = pd.DataFrame(
        {"id": hashes, "audio_hash": hashes, "source": "x", "frames": 60, "sample_rate": 1}
    )
    chunks = list(fingerprints_of(table[:399], tmp_path / "prints"))
    assert sorted(name for chunk in chunks for name in chunk.ids) == sorted(hashes[:399])
    # 399 minutes in chunks of at most 30: at least 14, and halves are not much smaller.
    assert 14 <= len(chunks) <= 40
    assert max(len(chunk.ids) for chunk in chunks) <= 30
    computed.clear()
    chunks = list(fingerprints_of(table, tmp_path / "prints"))
    assert sorted(name for chunk in chunks for name in chunk.ids) == sorted(hashes)
    assert len(computed) <= 31
    # Copies of one recording cannot be told apart, however long they are.
    copies = table.assign(audio_hash="same")
    assert [len(chunk.ids) for chunk in fingerprints_of(copies, tmp_path / "prints")] == [400]
