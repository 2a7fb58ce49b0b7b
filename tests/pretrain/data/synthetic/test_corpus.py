import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data.synthetic.corpus import make_synthetic_corpus, rounds_of, to_16k
from pretrain.data.synthetic.speakers import speakers_of

SHORT = 0.013
LONG = 0.026
"""Hours: 2 and 4 rounds of the ten probe speakers."""


def manifest_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "manifest.csv")


def audio_hashes(folder: Path) -> dict[str, str]:
    return {
        path: sha256(soundfile.read(folder / path, dtype="int16")[0].tobytes()).hexdigest()
        for path in manifest_of(folder)["path"]
    }


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "long"
    return make_synthetic_corpus(folder, hours=LONG, seed=0, part="probe")


@pytest.mark.slow
def test_two_makes_give_the_same_audio_and_manifest(long: Path, tmp_path: Path) -> None:
    again = make_synthetic_corpus(tmp_path / "again", hours=LONG, seed=0, part="probe")
    assert audio_hashes(again) == audio_hashes(long)
    assert (again / "manifest.csv").read_bytes() == (long / "manifest.csv").read_bytes()


@pytest.mark.slow
def test_a_smaller_corpus_is_a_prefix_of_a_larger_one(long: Path, tmp_path: Path) -> None:
    short = make_synthetic_corpus(tmp_path / "short", hours=SHORT, seed=0, part="probe")
    rows = manifest_of(short)
    assert len(rows) == rounds_of(SHORT, part="probe") * 10 < len(manifest_of(long))
    pd.testing.assert_frame_equal(rows, manifest_of(long).head(len(rows)))
    theirs = audio_hashes(long)
    assert all(theirs[path] == value for path, value in audio_hashes(short).items())


@pytest.mark.slow
def test_another_seed_gives_other_speech(long: Path, tmp_path: Path) -> None:
    other = make_synthetic_corpus(tmp_path / "other", hours=SHORT, seed=1, part="probe")
    assert not set(audio_hashes(other).values()) & set(audio_hashes(long).values())
    assert not set(manifest_of(other)["text"]) & set(manifest_of(long)["text"])


@pytest.mark.slow
def test_parts_share_neither_speaker_nor_sentence(long: Path, tmp_path: Path) -> None:
    folder = make_synthetic_corpus(tmp_path / "p", hours=0.011, seed=0, part="pretrain")
    rows, probe_rows = manifest_of(folder), manifest_of(long)
    assert rows["speaker"].nunique() == len(speakers_of("pretrain")) >= 12
    for column in ("speaker", "session", "voice", "text"):
        assert not set(rows[column]) & set(probe_rows[column])


def test_files_are_16_khz_and_as_long_as_said_and_do_not_clip(long: Path) -> None:
    levels = []
    for row in manifest_of(long).itertuples():
        info = soundfile.info(long / str(row.path))
        assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
        assert info.duration == pytest.approx(row.duration_s, abs=1e-3)
        samples = soundfile.read(long / str(row.path))[0]
        assert np.abs(samples).max() < 0.999
        levels.append(samples.std())
    assert max(levels) > 2 * min(levels), "loudness is part of the emotion and must survive"


def test_labels_of_the_manifest_are_the_means_of_the_raters(long: Path) -> None:
    rows = manifest_of(long)
    for label in ("valence", "arousal", "dominance"):
        raters = rows[[f"{label}_rater{number}" for number in (1, 2, 3)]]
        np.testing.assert_allclose(rows[label], raters.mean(axis=1), atol=1e-3)
        assert rows[label].between(1, 5).all()
    assert rows["emotion"].value_counts().to_dict() == dict.fromkeys(
        ("angry", "happy", "sad", "neutral"), len(rows) / 4
    )


def test_a_folder_says_that_it_is_synthetic_and_what_can_be_reached(long: Path) -> None:
    assert (long / "README.txt").read_text().startswith("SYNTHETIC")
    marker = json.loads((long / "finished.json").read_text())
    assert marker["synthetic"] is True
    assert 0.5 < marker["rater_ceiling_ccc"]["valence"] < 1
    assert marker["oracle_ua"]["both"] > marker["oracle_ua"]["voice"] + 0.1


@pytest.mark.slow
def test_a_finished_corpus_is_left_alone_and_an_altered_one_refused(tmp_path: Path) -> None:
    def make(hours: float = 0.003) -> Path:
        return make_synthetic_corpus(tmp_path / "corpus", hours=hours, seed=0, part="probe")

    folder = make()
    first = folder / str(manifest_of(folder)["path"][0])
    before = first.stat().st_mtime_ns
    assert make() == folder
    assert first.stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="`num_rounds` = 1, but 2 is wanted"):
        make(hours=SHORT)
    first.unlink()
    with pytest.raises(ValueError, match="lacks 1 files"):
        make()
    with (folder / "manifest.csv").open("a") as file:
        file.write("more\n")
    with pytest.raises(ValueError, match="was changed after it was made"):
        make()
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"], "nothing is left beside it"


def test_a_folder_with_other_things_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds no finished synthetic corpus"):
        make_synthetic_corpus(tmp_path, hours=SHORT, seed=0, part="probe")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(soundfile, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        make_synthetic_corpus(tmp_path / "corpus", hours=0.003, seed=0, part="probe")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("hours", [0.0, -1.0, 1e300, float("nan"), float("inf")])
def test_hours_that_make_no_sense_are_refused(hours: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`hours` must be above 0"):
        make_synthetic_corpus(tmp_path / "corpus", hours=hours, seed=0, part="probe")


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="`part` must be 'pretrain' or 'probe', but is 'dev'"):
        make_synthetic_corpus(tmp_path / "corpus", hours=SHORT, seed=0, part="dev")


def test_long_silence_is_trimmed_and_loudness_kept() -> None:
    tone = 8000 * np.sin(np.arange(22_050) * 2 * np.pi * 220 / 22_050)
    padded = np.concatenate([np.zeros(22_050), tone, np.zeros(44_100)]).astype("<i2")
    samples = to_16k(padded.tobytes())
    assert len(samples) / 16_000 == pytest.approx(1.2, abs=0.02)
    assert np.abs(samples).max() == pytest.approx(8000, rel=0.02)


@pytest.mark.slow
def test_the_command_makes_a_corpus_and_explains_wrong_arguments(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pretrain.data.synthetic"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)

    out = tmp_path / "made"
    made = run("--hours", "0.003", "--seed", "0", "--part", "probe", "--out", str(out))
    assert made.returncode == 0, made.stderr
    assert "SYNTHETIC" in made.stdout
    assert "best possible UA" in made.stdout
    wrong = run("--hours", "-1", "--out", str(tmp_path / "none"))
    assert wrong.returncode == 1
    assert "`hours` must be above 0" in wrong.stderr
    assert not (tmp_path / "none").exists()
