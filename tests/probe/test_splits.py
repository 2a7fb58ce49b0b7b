"""Folds never leak, and a corpus that does not allow a protocol says so."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.splits import SplitError, check_folds, drop_duplicates, make_folds


def corpus(speakers: list[int], hashes: list[int] | None = None) -> pd.DataFrame:
    hashes = hashes or list(range(len(speakers)))
    return pd.DataFrame(
        {
            "id": [f"u{number}" for number in range(len(speakers))],
            "speaker": [f"s{speaker}" for speaker in speakers],
            "session": [f"p{speaker // 2}" for speaker in speakers],
            "audio_hash": [f"h{value}" for value in hashes],
        }
    )


speakers_of_corpora = st.lists(st.integers(0, 9), min_size=6, max_size=40).filter(
    lambda speakers: len({speaker // 2 for speaker in speakers}) >= 3
)


@settings(deadline=None, max_examples=40)
@given(speakers_of_corpora, st.sampled_from(["speaker", "session"]), st.randoms())
def test_no_group_is_in_two_parts_of_a_fold(speakers: list[int], protocol: str, draw) -> None:  # type: ignore[no-untyped-def]
    hashes = [draw.randrange(30) for _ in speakers]
    table, report = drop_duplicates(corpus(speakers, hashes))
    assert len(table) + len(report) == len(speakers)
    if table[protocol].nunique() < 3:
        return
    folds = make_folds(table, protocol)
    overlap = check_folds(table, folds, protocol)
    assert overlap.speakers == 0
    assert overlap.audio == 0
    joined = folds.merge(table, on="id")
    for _, fold in joined.groupby("fold"):
        groups = {part: set(rows[protocol]) for part, rows in fold.groupby("part")}
        assert not groups["test"] & (groups["train"] | groups["dev"])
        assert not groups["dev"] & groups["train"]
        assert len(groups["test"]) == len(groups["dev"]) == 1
        assert len(fold) == len(table)
    tested = folds[folds["part"] == "test"]["id"]
    assert sorted(tested) == sorted(table["id"])


def test_dev_is_the_next_group_in_order() -> None:
    folds = make_folds(corpus([0, 2, 4]), "session")
    dev = folds[folds["part"] == "dev"].set_index("fold")["id"]
    assert dev.to_dict() == {"p0": "u1", "p1": "u2", "p2": "u0"}


def test_a_planted_duplicate_is_dropped_and_reported() -> None:
    table, report = drop_duplicates(corpus([0, 1, 2, 3], hashes=[7, 1, 2, 7]))
    assert table["id"].tolist() == ["u0", "u1", "u2"]
    assert report == ["u3 (speaker s3) is the same recording as u0: left out."]


def test_a_planted_duplicate_that_stays_is_refused() -> None:
    table = corpus([0, 1, 2, 3], hashes=[7, 1, 2, 7])
    with pytest.raises(SplitError, match="audio_hash 'h7' is in two parts"):
        check_folds(table, make_folds(table, "speaker"), "speaker")


def test_utterances_without_audio_hash_are_no_duplicates() -> None:
    table = corpus([0, 1, 2])
    table["audio_hash"] = ""
    assert drop_duplicates(table)[1] == []


def test_a_speaker_in_two_sessions_is_refused() -> None:
    table = corpus([0, 2, 4, 0])
    table.loc[3, "session"] = "p2"
    with pytest.raises(SplitError, match="speaker 's0' is in two parts"):
        check_folds(table, make_folds(table, "session"), "session")


def test_a_moved_utterance_is_refused() -> None:
    table = corpus([0, 0, 1, 2])
    folds = make_folds(table, "speaker")
    folds.loc[(folds["fold"] == "s0") & (folds["id"] == "u0"), "part"] = "train"
    with pytest.raises(SplitError, match="tested in exactly one fold"):
        check_folds(table, folds, "speaker")


def test_a_corpus_with_one_speaker_says_what_it_needs() -> None:
    with pytest.raises(SplitError, match=r"at least 3 speakers .* but the corpus has 1: s0"):
        make_folds(corpus([0, 0, 0]), "speaker")
    with pytest.raises(SplitError, match="at least 3 sessions"):
        make_folds(corpus([0, 1, 2, 3]), "session")


def test_missing_speakers_and_unknown_protocols_are_named() -> None:
    table = corpus([0, 1, 2])
    table.loc[1, "speaker"] = ""
    with pytest.raises(SplitError, match="1 of 3 have none"):
        make_folds(table, "speaker")
    with pytest.raises(SplitError, match="one of speaker, session, but is 'sesion'"):
        make_folds(table, "sesion")
