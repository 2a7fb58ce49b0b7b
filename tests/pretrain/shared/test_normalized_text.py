"""When two texts count as one, by what they are."""

import pytest

from pretrain.shared.normalized_text import bare, canonical, sentence_key, single_spaced, transcript

DECOMPOSED, COMPOSED = "Ju\u0308rgen", "J\u00fcrgen"


def test_names_keep_their_case_and_spelling_but_not_their_unicode_form() -> None:
    assert canonical(f" {DECOMPOSED}\u00a0 K. ") == f"{COMPOSED} K."
    assert canonical("very_happy") != canonical("Very happy")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kids are talking by the door", "kids, are TALKING\nby the door!"),
        (f"{DECOMPOSED} isst.", f"{COMPOSED} i\u00dft"),
        ("don't go", "don\u2019t go"),
        ("well_known words", "well known words"),
    ],
)
def test_sentences_of_the_same_words_have_one_key(one: str, other: str) -> None:
    assert sentence_key(one) == sentence_key(other) != ""


def test_a_sentence_without_words_has_no_key_and_other_words_have_another() -> None:
    assert sentence_key(" ... ") == ""
    assert sentence_key("Dogs sit") != sentence_key("Dogs, sitting")


def test_transcripts_are_upper_case_and_bars_are_spaces() -> None:
    assert transcript(f"{DECOMPOSED}|geht \t weg") == "J\u00dcRGEN GEHT WEG"
    assert single_spaced("\u2003a\n b ") == "a b"


def test_columns_are_known_by_their_letters_and_digits() -> None:
    assert bare("Spkr_ID ") == bare("spkrId") == "spkrid"
