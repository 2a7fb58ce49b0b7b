"""SAVEE in both layouts that are in circulation."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.scan.quarantine import CorpusWarning
from probe.corpora.published import IncompleteCorpusError
from probe.corpora.read import read_probe_corpus
from probe.corpora.savee import PUBLISHED_NAMES, list_savee


@pytest.fixture(params=["flat", "folders"])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """All 480 names, empty files."""
    for name in PUBLISHED_NAMES:
        path = place(tmp_path, name, flat=request.param == "flat")
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def place(folder: Path, name: str, *, flat: bool) -> Path:
    return folder / f"{name}.wav" if flat else folder / name[:2] / f"{name[3:]}.wav"


def find(folder: Path, name: str) -> Path:
    flat = place(folder, name, flat=True)
    return flat if flat.exists() else place(folder, name, flat=False)


def test_all_480_files_pass_in_silence_in_both_layouts(corpus: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listing = list_savee(corpus, "savee").set_index("id")
    assert len(listing) == 480
    counts = listing["emotion"].value_counts().to_dict()
    assert counts.pop("neutral") == 120
    assert set(counts.values()) == {60}
    assert len(counts) == 6
    assert listing.at["savee/JK_su07", "emotion"] == "surprise"
    assert listing.at["savee/JK_sa07", "emotion"] == "sadness"
    assert listing.at["savee/KL_n30", "speaker"] == "KL"
    assert set(listing["speaker"]) == {"DC", "JE", "JK", "KL"}


def test_a_missing_file_is_named_with_speaker_and_emotion(corpus: Path) -> None:
    find(corpus, "JE_f03").unlink()
    with pytest.raises(IncompleteCorpusError) as caught:
        list_savee(corpus, "savee")
    told = str(caught.value)
    assert "savee lacks 1 of 480 published files: JE_f03" in told
    assert "emotion fear: 59 instead of 60 (-1)" in told
    assert "speaker JE: 119 instead of 120 (-1)" in told
    with pytest.warns(CorpusWarning, match="lacks 1 of 480"):
        assert len(list_savee(corpus, "savee", ["incomplete"])) == 479


@pytest.mark.parametrize("name", ["DC_a16", "DC_n31", "DC_n00", "DC_x01", "XX_a01"])
def test_names_that_were_never_published_are_left_out(tmp_path: Path, name: str) -> None:
    for known in PUBLISHED_NAMES:
        place(tmp_path, known, flat=True).touch()
    place(tmp_path, name, flat=True).touch()
    with pytest.warns(CorpusWarning, match=f"1 files .* not named like savee.*{name}"):
        assert len(list_savee(tmp_path, "savee")) == 480


def test_a_copy_in_the_other_layout_is_refused(tmp_path: Path) -> None:
    for flat in (True, False):
        path = place(tmp_path, "DC_a01", flat=flat)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with pytest.raises(ValueError, match="DC_a01 is there twice"):
        list_savee(tmp_path, "savee", ["incomplete"])


def test_44_kilohertz_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    noise = np.random.default_rng(0).normal(0, 0.1, 44_100)
    soundfile.write(tmp_path / "DC_a01.wav", noise, 44_100)
    with pytest.warns(CorpusWarning):
        table = read_probe_corpus(f"savee:incomplete={tmp_path}")
    assert (table.at[0, "sample_rate"], table.at[0, "frames"]) == (44_100, 44_100)
