"""What is known beforehand of the synthetic corpus, and of no other."""

from typing import Any

import pandas as pd
import pytest

from mfsn.data.corpus import EmotionCorpus
from mfsn.experiment.known_answer import oracle_of, words_of


def corpus_of(texts: list[str], *, synthetic: bool) -> EmotionCorpus:
    described: dict[str, Any] = {"name": "any", "synthetic": synthetic}
    table = pd.DataFrame({"id": [f"u{n}" for n in range(len(texts))], "text": texts})
    return EmotionCorpus(
        table=table, classes=("angry", "sad"), folds=pd.DataFrame(), parts={}, described=described
    )


def test_words_are_read_off_the_text() -> None:
    texts = ["She is crying about the bus.", "About the bus, we are really at the desk today."]
    words = words_of(corpus_of(texts, synthetic=True))
    assert words is not None
    assert words.to_dict("list") == {"id": ["u0", "u1"], "word_emotion": ["sad", "neutral"]}


def test_of_the_listeners_both_is_best_and_words_are_followed_by_who_hears_only_them() -> None:
    oracle = oracle_of(corpus_of([], synthetic=True))
    assert oracle["ua"]["both"] == max(oracle["ua"].values())
    assert oracle["contradicted"]["words"] == {"right": 0.0, "follows_words": pytest.approx(1.0)}


def test_of_real_speech_nothing_is_known() -> None:
    corpus = corpus_of(["She is crying about the bus."], synthetic=False)
    assert words_of(corpus) is None
    assert oracle_of(corpus) == {}
