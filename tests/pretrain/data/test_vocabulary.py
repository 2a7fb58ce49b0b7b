"""Transcripts become classes and classes become text, and nothing is dropped unsaid."""

import json
from pathlib import Path

import pytest

from pretrain.data.vocabulary import (
    Vocabulary,
    VocabularyError,
    collapse,
    frames_needed,
    load_vocabulary,
    vocabulary_of,
)
from pretrain.shared.normalized_text import transcript


def test_text_is_normalised_to_upper_case_and_single_spaces() -> None:
    assert transcript("  don't\tgo|there ") == "DON'T GO THERE"
    assert transcript("u\u0308ber") == "\u00dcBER"
    assert transcript(" | ") == ""


def test_the_blank_is_class_0_and_characters_follow_in_order() -> None:
    vocabulary = vocabulary_of(["CAB", "A B"])
    assert vocabulary.characters == (" ", "A", "B", "C")
    assert vocabulary.num_classes == 5
    assert vocabulary.encode("CAB A") == [4, 2, 3, 1, 2]
    assert vocabulary.decode([4, 2, 3, 1, 2]) == "CAB A"


def test_decoded_spaces_are_single_and_inside() -> None:
    assert Vocabulary((" ", "A")).decode([1, 2, 1, 1, 2, 1]) == "A A"


def test_unknown_characters_are_counted_and_not_encoded() -> None:
    vocabulary = vocabulary_of(["AB"])
    assert vocabulary.unknown("ABBAX Y") == 3
    with pytest.raises(VocabularyError, match="'X'"):
        vocabulary.encode("AX")


def test_transcripts_without_a_character_make_no_vocabulary() -> None:
    with pytest.raises(VocabularyError, match="no training utterance has a transcript"):
        vocabulary_of(["", ""])


def test_a_vocabulary_survives_its_file(tmp_path: Path) -> None:
    vocabulary = vocabulary_of(["\u00dcBER'S EIS"])
    vocabulary.save(tmp_path)
    assert load_vocabulary(tmp_path) == vocabulary
    content = json.loads((tmp_path / "vocabulary.json").read_text())
    assert content["classes"][:2] == ["<blank>", "|"]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2, "blank": 0, "classes": ["a"]}'])
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "vocabulary.json").write_text(content)
    with pytest.raises(VocabularyError, match=r"vocabulary\.json"):
        load_vocabulary(tmp_path)


def test_a_path_collapses_repeats_before_blanks() -> None:
    assert collapse([0, 1, 1, 0, 1, 2, 2, 2, 0, 0, 3]) == [1, 1, 2, 3]
    assert collapse([0, 0]) == []


def test_equal_neighbours_need_a_frame_between() -> None:
    assert frames_needed("ABC") == 3
    assert frames_needed("AABBB") == 8
    assert frames_needed("") == 0
