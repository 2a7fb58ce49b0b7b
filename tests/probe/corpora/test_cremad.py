"""CREMA-D by its file names and its vote table."""

import warnings
from pathlib import Path

import pytest

from pretrain.data.scan.quarantine import CorpusWarning
from probe.corpora.cremad import PUBLISHED_NAMES, PUBLISHED_SPEAKERS, list_cremad
from probe.corpora.published import IncompleteCorpusError

NAMES = ["1001_IEO_ANG_HI", "1001_IEO_ANG_MD", "1091_DFA_NEU_XX"]
VOTES = ["D", "A:D", "N"]
COLUMNS = '"","FileName","VoiceVote","VoiceLevel","FaceVote"'


def write(folder: Path, names: list[str], votes: list[str] | None = None) -> Path:
    (folder / "AudioWAV").mkdir()
    for name in names:
        (folder / "AudioWAV" / f"{name}.wav").touch()
    if votes is not None:
        (folder / "processedResults").mkdir()
        rows = [
            f'"{row}","{name}","{vote}","67","A"'
            for row, (name, vote) in enumerate(zip(names, votes, strict=True), start=1)
        ]
        table = folder / "processedResults" / "summaryTable.csv"
        table.write_text("\n".join([COLUMNS, *rows]) + "\n")
    return folder


def test_the_published_names_have_the_published_counts() -> None:
    assert len(PUBLISHED_NAMES) == 7442
    assert sum(PUBLISHED_SPEAKERS.values()) == 7442
    assert len(PUBLISHED_SPEAKERS) == 91


@pytest.mark.slow
def test_all_7442_files_pass_in_silence(tmp_path: Path) -> None:
    write(tmp_path, sorted(PUBLISHED_NAMES))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listing = list_cremad(tmp_path, "cremad")
    counts = listing["emotion"].value_counts().to_dict()
    assert counts.pop("neutral") == 1087
    assert set(counts.values()) == {1271}
    assert listing.groupby("session")["speaker"].nunique().tolist() == [9, 10, *[9] * 8]
    assert listing.groupby("speaker")["session"].nunique().max() == 1


def test_the_label_is_what_was_acted(tmp_path: Path) -> None:
    with pytest.warns(CorpusWarning):
        listing = list_cremad(write(tmp_path, NAMES, VOTES), "cremad", ["incomplete"])
    assert list(listing["emotion"]) == ["anger", "anger", "neutral"]
    assert list(listing["voice_vote"]) == ["disgust", "", "neutral"]
    assert list(listing["speaker"]) == ["1001", "1001", "1091"]
    assert list(listing["text"]) == ["It's eleven o'clock."] * 2 + ["Don't forget a jacket."]


@pytest.mark.filterwarnings("ignore::probe.corpora.published.IncompleteCorpusWarning")
@pytest.mark.parametrize("inside", [False, True])
def test_or_what_was_heard_and_ties_have_no_label(tmp_path: Path, inside: bool) -> None:
    folder = write(tmp_path, NAMES, VOTES) / ("AudioWAV" if inside else "")
    with pytest.warns(CorpusWarning, match="1 of 3 are tied and have none"):
        listing = list_cremad(folder, "cremad", ["incomplete", "voice"])
    assert list(listing["emotion"]) == ["disgust", "", "neutral"]


def test_votes_are_refused_without_a_table_or_with_a_wrong_one(tmp_path: Path) -> None:
    write(tmp_path, NAMES)
    options = ["incomplete", "voice"]
    with pytest.raises(ValueError, match="needs the corpus's vote table"):
        _ignoring(tmp_path, options)
    (tmp_path / "processedResults").mkdir()
    table = tmp_path / "processedResults" / "summaryTable.csv"
    for text, message in (
        ("FileName,FaceVote\n", "must have the column VoiceVote"),
        ("FileName,VoiceVote\n1001_IEO_ANG_HI,Q\n", "is 'Q'"),
        ("FileName,VoiceVote\n1001_IEO_ANG_HI,A\n", "but not 1001_IEO_ANG_MD"),
    ):
        table.write_text(text)
        with pytest.raises(ValueError, match=message):
            _ignoring(tmp_path, options)


def _ignoring(folder: Path, options: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        list_cremad(folder, "cremad", options)


@pytest.mark.slow
def test_a_missing_file_is_named_with_actor_and_emotion(tmp_path: Path) -> None:
    write(tmp_path, sorted(PUBLISHED_NAMES - {"1008_TIE_HAP_XX"}))
    with pytest.raises(IncompleteCorpusError) as caught:
        list_cremad(tmp_path, "cremad")
    told = str(caught.value)
    assert "lacks 1 of 7442 published files: 1008_TIE_HAP_XX" in told
    assert "acted happy: 1270 instead of 1271 (-1)" in told
    assert "speaker 1008: 75 instead of 76 (-1)" in told
