import pytest

from pretrain.data.synthetic.sentences import (
    FEELING,
    NUM_SENTENCES,
    SHAPE,
    sentence,
    sentences_of_speaker,
    word_emotion,
)


def test_a_sentence_reads_as_english() -> None:
    assert sentence("angry", 0) == "I am angry about the meeting."
    last = sentence("neutral", NUM_SENTENCES - 1)
    assert last == "About the road, everybody is still at the desk now."


@pytest.mark.slow
def test_no_two_sentences_are_equal() -> None:
    texts = [sentence(emotion, i) for emotion in FEELING for i in range(0, NUM_SENTENCES, 7)]
    assert len(set(texts)) == len(texts)


def test_every_feeling_names_one_category_only() -> None:
    words = [word for emotion in FEELING for word in FEELING[emotion]]
    assert len(set(words)) == len(words)
    assert all(len(words) == SHAPE[-1] for words in FEELING.values())


def test_speakers_share_no_sentence_even_with_different_seeds() -> None:
    first = sentences_of_speaker("sad", place=0, num_places=26, count=2000, seed=0)
    second = sentences_of_speaker("sad", place=1, num_places=26, count=2000, seed=5)
    assert len(set(first)) == len(set(second)) == 2000
    assert not set(first) & set(second)


def test_speakers_share_the_emotional_vocabulary() -> None:
    for place in (0, 25):
        said = sentences_of_speaker("happy", place=place, num_places=26, count=200, seed=0)
        assert all(any(word in text for text in said) for word in FEELING["happy"])


def test_fewer_sentences_are_the_beginning_of_more() -> None:
    few = sentences_of_speaker("angry", place=3, num_places=26, count=5, seed=1)
    assert sentences_of_speaker("angry", place=3, num_places=26, count=50, seed=1)[:5] == few
    assert sentences_of_speaker("angry", place=3, num_places=26, count=5, seed=2) != few


def test_asking_for_more_sentences_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="`hours` must be smaller"):
        sentences_of_speaker("angry", place=0, num_places=26, count=NUM_SENTENCES, seed=0)


def test_what_a_sentence_is_worded_for_can_be_read_off_it() -> None:
    for emotion in FEELING:
        numbers = range(0, NUM_SENTENCES, 97)
        assert {word_emotion(sentence(emotion, number)) for number in numbers} == {emotion}
    with pytest.raises(ValueError, match="no sentence of the synthetic corpus"):
        word_emotion("The horse is angry at nothing and happy about it.".replace("is", "was"))
