"""Folds never leak, and a corpus that does not allow a protocol says so."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.folds.leaks import check_folds, drop_duplicates
from probe.folds.protocols import SplitError, make_folds, parse_protocol, protocol_label


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


@pytest.mark.slow
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
    with pytest.raises(SplitError, match="one of speaker, session, random10, but is 'sesion'"):
        make_folds(table, "sesion")


def test_random10_tests_every_utterance_once_in_ten_folds_of_equal_size() -> None:
    table = corpus([number % 4 for number in range(43)])
    folds = make_folds(table, "random10")
    overlap = check_folds(table, folds, "random10")
    assert overlap.speakers is not None
    assert overlap.speakers > 0
    assert overlap.audio == 0
    assert sorted(folds["fold"].unique()) == [f"{number:02d}" for number in range(1, 11)]
    tested = folds[folds["part"] == "test"]
    assert sorted(tested["id"]) == sorted(table["id"])
    assert set(tested.groupby("fold").size()) == {4, 5}
    by_fold = {
        (str(fold), str(part)): set(rows["id"])
        for (fold, part), rows in folds.groupby(["fold", "part"])
    }
    for number in range(1, 11):
        following = f"{number % 10 + 1:02d}"
        assert by_fold[f"{number:02d}", "dev"] == by_fold[following, "test"]


def test_random10_depends_on_nothing_but_the_ids() -> None:
    table = corpus([0] * 20)
    other = table.assign(speaker="x").iloc[::-1].reset_index(drop=True)
    first, again = (
        make_folds(frame, "random10").sort_values(["fold", "id"])["part"].tolist()
        for frame in (table, other)
    )
    assert first == again
    in_order = make_folds(table, "random10").query("part == 'test'").set_index("id")["fold"]
    assert in_order.loc[list(table["id"])].tolist() != [f"{n % 10 + 1:02d}" for n in range(20)]


def test_random10_refuses_a_recording_in_two_parts_and_a_tiny_corpus() -> None:
    table = corpus([0] * 12, hashes=[7, *range(20, 30), 7])
    folds = make_folds(table, "random10")
    groups = folds[folds["part"] == "test"].set_index("id")["fold"]
    assert groups["u0"] != groups["u11"], "the copies must be apart, or this shows nothing"
    with pytest.raises(SplitError, match="audio_hash 'h7' is in two parts"):
        check_folds(table, folds, "random10")
    with pytest.raises(SplitError, match="needs at least 10 utterances, but the corpus has 9"):
        make_folds(corpus([0] * 9), "random10")


def test_a_protocol_is_a_name_or_the_folder_of_emobox() -> None:
    assert parse_protocol("official").folder is None
    emobox = parse_protocol("emobox=/data/EmoBox")
    assert (emobox.name, str(emobox.folder)) == ("emobox", "/data/EmoBox")
    for text in ("emobox", "emobox=", "emobox= "):
        with pytest.raises(SplitError, match="needs the folder of EmoBox's lists: emobox=DIR"):
            parse_protocol(text)
    for text in ("speaker=x", "", "Speaker"):
        with pytest.raises(SplitError, match=r"official, emobox=DIR, but is '"):
            parse_protocol(text)


def test_only_random10_is_marked_as_speaker_dependent() -> None:
    assert protocol_label("random10") == "random10 (speaker-dependent)"
    assert protocol_label("speaker") == "speaker"
