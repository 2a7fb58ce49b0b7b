"""Parts that the authors of a corpus made are taken as they are, and what is missing is made up."""

from itertools import pairwise

import pandas as pd
import pytest

from probe.folds.divide import divide
from probe.folds.leaks import check_folds
from probe.folds.protocols import SplitError


def corpus(speakers: str, splits: list[str], sessions: str = "") -> pd.DataFrame:
    numbers = range(len(speakers))
    return pd.DataFrame(
        {
            "id": [f"u{number:02d}" for number in numbers],
            "speaker": [name.strip() for name in speakers],
            "session": list(sessions) or [""] * len(speakers),
            "audio_hash": [f"h{number}" for number in numbers],
            "text": "",
            "split": splits,
            "source": "mine",
            "emotion": "",
        }
    )


def part_of(folds: pd.DataFrame) -> dict[str, str]:
    return dict(zip(folds["id"], folds["part"], strict=True))


def test_the_parts_are_those_of_the_column_split() -> None:
    table = corpus("abcc", ["train-clean-100", "Validation", "test", "TEST"])
    found = divide(table, "official")
    assert set(found.folds["fold"]) == {"official"}
    assert part_of(found.folds) == {"u00": "train", "u01": "dev", "u02": "test", "u03": "test"}
    assert found.notes == []


def test_without_a_dev_part_whole_speakers_who_are_not_tested_become_it() -> None:
    # 20 to train on, so 2 may go: b's 2, or c's 2; a is also tested, d's 14 are too many.
    table = corpus("aabbccdddddddddddddda", ["train"] * 20 + ["test"])
    found = divide(table, "official")
    moved = found.folds[found.folds["part"] == "dev"]["id"].tolist()
    assert moved in (["u02", "u03"], ["u04", "u05"])
    name = "b" if moved[0] == "u02" else "c"
    assert found.notes[0] == (
        f"fold official: no dev part is published; speaker {name} of the training part, 2 "
        "utterances, takes its place."
    )
    assert "1 of 1 tested speakers" in found.notes[1]
    assert found.notes[1].startswith("WARNING: protocol official, speaker-dependent as published")
    assert found.overlap.speakers == 1
    assert part_of(divide(table, "official").folds) == part_of(found.folds)


def test_where_every_group_is_too_large_the_smallest_one_is_taken() -> None:
    found = divide(corpus("aaabbccct", ["train"] * 8 + ["test"]), "official")
    assert found.folds[found.folds["part"] == "dev"]["id"].tolist() == ["u03", "u04"]


def test_a_tested_speaker_chooses_only_when_there_is_no_other() -> None:
    table = corpus("aabbbab", ["train"] * 5 + ["test"] * 2)
    assert "speaker a (tested, too)" in divide(table, "official").notes[0]


def test_sessions_stand_in_for_unknown_speakers() -> None:
    table = corpus("     ", ["train"] * 4 + ["test"], sessions="11123")
    found = divide(table, "official")
    assert found.folds[found.folds["part"] == "dev"]["id"].tolist() == ["u03"]
    assert "session 2 of the training part" in found.notes[0]
    assert found.notes[1].startswith("5 of 5 utterances have no speaker")


def test_of_two_copies_the_tested_one_stays() -> None:
    table = corpus("abcd", ["train", "train", "dev", "test"])
    table["audio_hash"] = ["h", "x", "y", "h"]
    found = divide(table, "official")
    assert part_of(found.folds) == {"u01": "train", "u02": "dev", "u03": "test"}
    assert found.notes == ["u00 (speaker a) is the same recording as u03: left out."]


def test_a_dev_part_that_held_only_copies_is_not_called_unpublished() -> None:
    table = corpus("abcd", ["train", "train", "dev", "test"])
    table["audio_hash"] = ["x", "y", "h", "h"]
    found = divide(table, "official")
    assert found.notes[0] == "u02 (speaker c) is the same recording as u03: left out."
    assert found.notes[1].startswith(
        "fold official: the published dev part held only copies of other recordings, now left out; "
        "speaker "
    )
    assert sorted(found.folds["part"]) == ["dev", "test", "train"]


def test_a_test_that_lacks_a_copy_of_another_tested_one_is_said_to() -> None:
    table = corpus("abcd", ["train", "dev", "test", "test"])
    table["audio_hash"] = ["x", "y", "h", "h"]
    found = divide(table, "official")
    assert part_of(found.folds) == {"u00": "train", "u01": "dev", "u02": "test"}
    assert found.notes == [
        "u03 (speaker d) is the same recording as u02: left out.",
        "1 of 2 utterances that are published as tested are copies of other tested ones and left "
        "out (u03): scores compare nearly, not exactly, with published ones.",
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (corpus("ab", ["train", ""]), r"1 of 2 tell no part \(the first is 'u01' with split ''\)"),
        (corpus("ab", ["validated", "test"]), "the first is 'u00' with split 'validated'"),
        (corpus("ab", ["train", "train"]), "whose split is test, but there are train only"),
        (corpus("ab", ["test", "dev"]), "whose split is train, but there are dev, test only"),
        (corpus("aab", ["train", "train", "test"]), "needs two speakers or two sessions"),
        (corpus("a b", ["train", "train", "test"]), "needs two speakers or two sessions"),
    ],
)
def test_what_has_no_published_parts_says_what_it_needs(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(SplitError, match=message):
        divide(table, "official")


def test_sentences_count_without_case_and_punctuation_and_only_where_known() -> None:
    table = corpus("abc", ["train", "dev", "test"])
    for texts, count in (
        (["Kids talk!", "kids  TALK", "dogs"], 1),
        (["", " - ", ""], None),
        (["a", "b", "c"], 0),
    ):
        assert divide(table.assign(text=texts), "official").overlap.sentences == count
    without = str(divide(table.drop(columns="text", errors="ignore"), "official").overlap)
    assert "sentences unknown: no text column" in without


def test_what_several_folds_share_is_counted_once() -> None:
    table = corpus("abcd", [""] * 4).assign(text="kids", session="")
    found = divide(table, "speaker")
    assert found.folds["fold"].nunique() == 4
    assert found.overlap.sentences == 1
    assert "0 speakers, sessions unknown: no session column, 1 sentence, 0" in str(found.overlap)


def test_an_utterance_that_two_published_folds_test_is_refused() -> None:
    table = corpus("abcd", [""] * 4)
    folds = pd.concat(
        [
            pd.DataFrame({"fold": fold, "id": table["id"], "part": ["train", "dev", "test", last]})
            for fold, last in (("1", "train"), ("2", "test"))
        ]
    )
    with pytest.raises(SplitError, match="tested in two folds, but 'u02' is"):
        check_folds(table, folds, "emobox")


def test_parts_are_named_in_words_of_their_own() -> None:
    table = corpus("abc", ["train", "dev", "test"])
    found = divide(table, "official")
    for one, other in pairwise(("train", "dev", "test")):
        folds = found.folds.assign(part=found.folds["part"].replace(one, other))
        with pytest.raises(SplitError, match="has no"):
            check_folds(table, folds, "official")
