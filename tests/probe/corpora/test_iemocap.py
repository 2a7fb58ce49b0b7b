"""IEMOCAP, read from made-up folders of exactly the published layout and label format."""

import warnings
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data.scan.quarantine import CorpusWarning
from probe.corpora.iemocap import PUBLISHED_LABELS, PUBLISHED_SPEAKERS, list_iemocap
from probe.corpora.published import IncompleteCorpusError
from probe.corpora.read import read_probe_corpus

Utterance = tuple[str, str, str]
"""id, label, ratings"""

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"

DIALOGUE: list[Utterance] = [
    ("Ses01F_impro01_F000", "neu", "2.5000, 2.0000, 3.0000"),
    ("Ses01F_impro01_M000", "exc", "4.0000, 3.5000, 3.0000"),  # the partner of who wears markers
    ("Ses01F_impro01_F001", "xxx", "2.0000, 2.0000, 2.0000"),
    ("Ses01F_impro01_M001", "oth", "2.0000, 2.0000, 2.0000"),
    ("Ses01F_impro01_M002", "hap", "5.5000, 3.0000, 0.5000"),
    ("Ses05M_script01_1b_F012", "sad", "1.5000, 2.0000, 2.5000"),
    ("Ses05M_script01_1b_M013", "ang", "1.0000, 5.0000, 4.5000"),
]


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))


def dialogue_of(name: str) -> str:
    return name.rpartition("_")[0]


def write(root: Path, utterances: Iterable[Utterance], *, sound: bool = True) -> Path:
    """Writes the corpus below `root`; without `sound` the audio files are empty."""
    lines: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        lines.setdefault(dialogue_of(utterance[0]), []).append(utterance)
    for dialogue, some in lines.items():
        session = root / f"Session{dialogue[4]}"
        evaluation = session / "dialog" / "EmoEvaluation"
        (evaluation / "Categorical").mkdir(parents=True, exist_ok=True)
        # A single listener's file, and what macOS leaves: neither is a list of labels.
        (evaluation / "Categorical" / f"{dialogue}_e2_cat.txt").write_text("[nonsense\n")
        (evaluation / f"._{dialogue}.txt").write_bytes(b"\x00\x05\n[\xff")
        labels = [
            f"[{place}.2901 - {place + 1}.2357]\t{name}\t{label}\t[{ratings}]\n"
            "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
            for place, (name, label, ratings) in enumerate(some)
        ]
        (evaluation / f"{dialogue}.txt").write_text(HEADER + "".join(labels))
        transcriptions = session / "dialog" / "transcriptions"
        transcriptions.mkdir(exist_ok=True)
        texts = [
            f"{name} [00{i}.2901-00{i}.9357]: Text of {name}.\n"
            for i, (name, *_) in enumerate(some)
        ]
        (transcriptions / f"{dialogue}.txt").write_text("M: [LAUGHTER]\n" + "".join(texts))
        wav = session / "sentences" / "wav" / dialogue
        wav.mkdir(parents=True, exist_ok=True)
        for place, (name, *_) in enumerate(some):
            if sound:
                noise = np.random.default_rng(place).normal(0, 0.1, 8000)
                soundfile.write(wav / f"{name}.wav", noise, 16_000)
            else:
                (wav / f"{name}.wav").touch()
    return root


def read(root: Path, options: str = "incomplete") -> tuple[pd.DataFrame, str]:
    with pytest.warns(CorpusWarning) as caught:
        table = read_probe_corpus(f"iemocap:{options}={root}").set_index("id")
    return table, "\n".join(str(warning.message) for warning in caught)


def complete() -> list[Utterance]:
    """Returns ids and labels with exactly the published counts."""
    fours = ["ang", "exc", "hap", "neu", "sad"]
    labels = chain.from_iterable(repeat(label, PUBLISHED_LABELS[label]) for label in fours)
    speakers = chain.from_iterable(repeat(name, n) for name, n in PUBLISHED_SPEAKERS.items())
    pairs = list(zip(speakers, labels, strict=True))
    others = set(PUBLISHED_LABELS) - set(fours)
    pairs += [("2M", label) for label in others for _ in range(PUBLISHED_LABELS[label])]
    return [
        (f"Ses0{who[0]}F_impro01_{who[1]}{place:05d}", label, "2.5000, 2.5000, 2.5000")
        for place, (who, label) in enumerate(pairs)
    ]


def test_the_four_classes_are_read_with_speakers_texts_and_ratings(tmp_path: Path) -> None:
    table, _ = read(write(tmp_path, DIALOGUE))
    assert dict(zip(table.index, table["emotion"], strict=True)) == {
        "iemocap/Ses01F_impro01_F000": "neutral",
        "iemocap/Ses01F_impro01_M000": "happy",
        "iemocap/Ses01F_impro01_M002": "happy",
        "iemocap/Ses05M_script01_1b_F012": "sad",
        "iemocap/Ses05M_script01_1b_M013": "angry",
    }
    assert list(table["speaker"]) == ["1F", "1M", "1M", "5F", "5M"]
    assert list(table["session"]) == ["1", "1", "1", "5", "5"]
    row = table.loc["iemocap/Ses01F_impro01_M000"]
    assert (row["valence"], row["arousal"], row["dominance"]) == (4.0, 3.5, 3.0)
    assert row["text"] == "Text of Ses01F_impro01_M000."


def test_ratings_outside_of_the_scale_are_kept_and_counted(tmp_path: Path) -> None:
    table, told = read(write(tmp_path, DIALOGUE))
    assert table.at["iemocap/Ses01F_impro01_M002", "valence"] == 5.5
    assert table.at["iemocap/Ses01F_impro01_M002", "dominance"] == 0.5
    assert (
        "2 ratings lie outside of 1 to 5 and are kept as published: valence 5.5 (iemocap/" in told
    )


def test_all_utterances_have_ratings_but_only_the_four_classes_a_class(tmp_path: Path) -> None:
    table, _ = read(write(tmp_path, DIALOGUE), "incomplete,all")
    assert len(table) == 7
    assert list(table.index[table["emotion"] == ""]) == [
        "iemocap/Ses01F_impro01_F001", "iemocap/Ses01F_impro01_M001",
    ]  # fmt: skip
    assert table["valence"].notna().all()


@pytest.mark.parametrize(("option", "count"), [("improvised", 3), ("scripted", 2)])
def test_one_style_can_be_chosen(tmp_path: Path, option: str, count: int) -> None:
    table, _ = read(write(tmp_path, DIALOGUE), f"incomplete,{option}")
    assert len(table) == count
    with pytest.warns(CorpusWarning):
        listing = list_iemocap(tmp_path, "iemocap", ["incomplete", option])
    assert set(listing["style"]) == {option}


def test_the_download_folder_above_is_taken_too(tmp_path: Path) -> None:
    write(tmp_path / "IEMOCAP_full_release", DIALOGUE)
    assert len(read(tmp_path)[0]) == 5


@pytest.mark.slow
def test_the_published_counts_pass_in_silence(tmp_path: Path) -> None:
    write(tmp_path, complete(), sound=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listing = list_iemocap(tmp_path, "iemocap")
        everything = list_iemocap(tmp_path, "iemocap", ["all"])
    assert (len(listing), len(everything)) == (5531, 10039)
    counts = listing["emotion"].value_counts().to_dict()
    assert counts == {"neutral": 1708, "happy": 1636, "angry": 1103, "sad": 1084}


@pytest.mark.slow
def test_what_is_missing_is_said_by_label_speaker_and_session(tmp_path: Path) -> None:
    write(tmp_path, complete(), sound=False)
    wav = tmp_path / "Session3" / "sentences" / "wav" / "Ses03F_impro01"
    gone = sorted(wav.glob("*_M*.wav"))[0]
    gone.unlink()
    with pytest.raises(IncompleteCorpusError) as caught:
        list_iemocap(tmp_path, "iemocap")
    told = str(caught.value)
    assert f"1 labelled utterances have no audio: iemocap/{gone.stem}" in told
    assert "iemocap holds 10038 utterances (10039 are published); by label: label " in told
    assert "by speaker: speaker 3M: 628 instead of 629 (-1)" in told
    assert "by session: session 3: 1150 instead of 1151 (-1)" in told
    assert f"iemocap:incomplete={tmp_path}" in told


@pytest.mark.slow
def test_a_changed_label_is_noticed(tmp_path: Path) -> None:
    utterances = complete()
    name, label, ratings = utterances[0]
    assert label == "ang"
    write(tmp_path, [(name, "fru", ratings), *utterances[1:]], sound=False)
    with pytest.raises(IncompleteCorpusError, match=r"label ang: 1102 .*label fru: 1850 .*\(\+1\)"):
        list_iemocap(tmp_path, "iemocap")


def test_audio_without_label_and_missing_texts_are_told(tmp_path: Path) -> None:
    write(tmp_path, DIALOGUE)
    (tmp_path / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_FXX0.wav").touch()
    (tmp_path / "Session5/dialog/transcriptions/Ses05M_script01_1b.txt").unlink()
    _, told = read(tmp_path)
    assert "1 audio files have no label: Ses01F_impro01_FXX0" in told
    assert "2 utterances have no transcript: iemocap/Ses05M_script01_1b_F012" in told


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tneu\t", "\tneutral\t", "with a label of ang"),
        ("2.5000, 2.0000, 3.0000", "2.5000, 2.0000", r"line 3: must be `\[start - end\]"),
        ("2.5000, 2.0000, 3.0000", "2.5, 2.0, 3.0.0", "dominance must be a number"),
        ("Ses01F_impro01_F000", "Ses01F_impro02_F000", "not of this dialogue"),
        ("Ses01F_impro01_F001", "Ses01F_impro01_F000", "labelled once, but not iemocap/Ses01F"),
    ],
)
def test_damaged_labels_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = write(tmp_path, DIALOGUE) / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_probe_corpus(f"iemocap:incomplete={tmp_path}")


def test_lines_are_counted_as_editors_count_them(tmp_path: Path) -> None:
    file = write(tmp_path, DIALOGUE) / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    header, _, labels = file.read_text().partition("\n")
    # Python's splitlines would end a line at each of these.
    file.write_text(f"{header}\x0b\x0c\u2028\n{labels.replace('2.0000, 3.0000', '2.0000')}")
    with pytest.raises(ValueError, match=r"line 3: must be `\[start - end\]"):
        read_probe_corpus(f"iemocap:incomplete={tmp_path}")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    with pytest.raises(ValueError, match="must be IEMOCAP_full_release, with the folders Session1"):
        read_probe_corpus(f"iemocap={tmp_path}")
