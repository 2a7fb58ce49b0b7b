"""Error rates are pooled, and the constant to beat is a good one."""

import itertools
import tracemalloc

import numpy as np
import pytest

from pretrain.recognition.error_rates import best_constant, best_constant_words, error_rates


def test_rates_are_pooled_over_utterances() -> None:
    # 1 of 3 characters replaced and 1 of 1 deleted: 2 / 4, not the mean of 1/3 and 1.
    rates = error_rates(["ABC", "D"], ["AXC", ""])
    assert rates.cer == pytest.approx(2 / 4)
    assert rates.wer == pytest.approx(2 / 2)


def test_spaces_count_as_characters_and_insertions_as_edits() -> None:
    rates = error_rates(["A B"], ["A B C D"])
    assert rates.cer == pytest.approx(4 / 3)
    assert rates.wer == pytest.approx(2 / 2)


def test_nothing_written_is_an_error_rate_of_one() -> None:
    assert error_rates(["AB", "C D"], ["", ""]).cer == 1.0


def test_the_best_constant_equals_the_best_of_all_short_texts() -> None:
    references = ["AB", "AB", "ABB", "BA", "A", "CAB"]
    texts = ["".join(t) for n in range(4) for t in itertools.product("ABC", repeat=n)]
    best = min(error_rates(references, [text] * 6).cer for text in texts)
    found = best_constant(references)
    assert error_rates(references, [found] * 6).cer == pytest.approx(best)


def test_the_best_constant_is_better_than_any_reference_and_well_spaced() -> None:
    references = ["ONE TWO", "TWO ONE", "ONE ONE ONE", "TWO", "SIX ONE"]
    found = best_constant(references)
    assert found == " ".join(found.split())
    cer = error_rates(references, [found] * 5).cer
    assert all(cer <= error_rates(references, [text] * 5).cer for text in [*references, "O", "E"])


def test_words_are_searched_as_words() -> None:
    assert best_constant_words(["GO ON", "GO OUT", "GO"]) == "GO"


def test_the_search_is_the_same_every_time_on_many_references() -> None:
    references = [f"{n:04d}" for n in range(700)]
    assert best_constant(references) == best_constant(references[::-1])


def test_the_best_constant_words_equal_the_best_of_all_short_answers() -> None:
    references = ["GO ON", "GO ON", "GO ON NOW", "ON GO", "GO", "NOW GO ON"]
    words = ("GO", "ON", "NOW")
    texts = [" ".join(t) for n in range(4) for t in itertools.product(words, repeat=n)]
    best = min(error_rates(references, [text] * 6).wer for text in texts)
    found = best_constant_words(references)
    assert error_rates(references, [found] * 6).wer == pytest.approx(best)


@pytest.mark.slow
def test_many_words_need_little_memory() -> None:
    draws = np.random.default_rng(0)
    ranks = np.minimum(draws.zipf(1.3, size=(500, 25)), 3500)
    references = [" ".join(f"W{rank}" for rank in line) for line in ranks]
    tracemalloc.start()
    best_constant_words(references)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 30e6
