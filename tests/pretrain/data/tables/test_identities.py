"""Who is the same person, what is the same class: form and spaces never decide, case is told."""

import unicodedata

import pandas as pd
import pytest

from pretrain.data.tables.utterances import canonical_identities
from pretrain.shared.normalized_text import likeness


def listing(**columns: list[str]) -> pd.DataFrame:
    length = len(next(iter(columns.values())))
    names = ("id", "speaker", "session", "emotion", "split", "text")
    return pd.DataFrame({name: columns.get(name, [""] * length) for name in names})


def test_unicode_forms_and_kinds_of_space_are_one_name_and_ids_stay() -> None:
    composed = "\u00c4rger"
    decomposed = unicodedata.normalize("NFD", composed)
    given = listing(
        id=[decomposed, composed, "c"],
        emotion=[decomposed, composed, "sad"],
        speaker=["Ana\u00a0 Li", "Ana Li", "Bo"],
    )
    table, notes = canonical_identities(given)
    assert list(table["emotion"]) == [composed, composed, "sad"]
    assert list(table["speaker"]) == ["Ana Li", "Ana Li", "Bo"]
    assert list(table["id"]) == [decomposed, composed, "c"]
    assert len(notes) == 2
    assert all("differ only in Unicode form or kind of space" in note for note in notes)
    # What prints alike is spelled out.
    assert "'A\\u0308rger' = '\\xc4rger'" in notes[1]


def test_words_for_nothing_are_no_person_no_class_and_are_counted() -> None:
    given = listing(
        speaker=["nan", "nan", "NA", "Nan"],
        emotion=["None", "sad", "null", "n/a"],
        session=["1", "<NA>", "1", "1"],
        split=["nan", "train", "", ""],
        text=["None", "NA", "nan", "null"],
    )
    table, notes = canonical_identities(given)
    assert list(table["speaker"]) == ["", "", "", "Nan"]
    assert list(table["emotion"]) == ["", "sad", "", ""]
    assert list(table["session"]) == ["1", "", "1", "1"]
    # An empty split is trained on, so `nan` is left for those who refuse it.
    assert list(table["split"]) == ["nan", "train", "", ""]
    assert list(table["text"]) == ["None", "NA", "", "null"]
    assert "`speaker` counts as an unknown speaker where it is 'NA' (1), 'nan' (2)." in notes[0]
    assert [note.split()[0] for note in notes] == ["`speaker`", "`session`", "`emotion`", "`text`"]


def test_names_that_differ_in_case_spaces_or_number_form_are_told_and_kept_apart() -> None:
    given = listing(
        emotion=["Neutral", "neutral", "very happy", "very_happy", "sad"],
        speaker=["3", "03", "3.0", "30", "spk1"],
    )
    table, notes = canonical_identities(given)
    pd.testing.assert_frame_equal(table, given)
    assert "'03' (1) and '3' (1) and '3.0' (1). They are kept apart" in notes[0]
    assert "'Neutral' (1) and 'neutral' (1); 'very happy' (1) and 'very_happy' (1)" in notes[1]


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("spk03", "SPK 3", True),
        ("spk-03", "spk_3", True),
        ("1-1", "11", False),
        ("1.5", "1.05", False),
        ("10", "1", False),
        ("0", "00", True),
        ("-1", "1", False),
        ("\uff13", "3", True),
    ],
)
def test_two_names_look_like_one(one: str, other: str, alike: bool) -> None:
    assert (likeness(one) == likeness(other)) == alike
