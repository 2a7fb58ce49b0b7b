"""Character and word error rate, and the best that a constant answer can do.

Rates are pooled: the edits of all utterances over the length of all references. Spaces count as
characters.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from pretrain.draws import generator

MAX_REFERENCES = 500
"""Distinct training references on which constants are compared; more are drawn from."""

WORDS_START = 0xE000
"""Words are searched like characters, as code points of Unicode's private area from here on."""

MAX_WORDS = 6000
"""Rarer words are no candidates of a constant; the private area holds 6400."""


@dataclass(frozen=True, kw_only=True)
class ErrorRates:
    """Pooled rates as fractions; above 1 where more is written than was said."""

    cer: float
    wer: float


def error_rates(references: Sequence[str], hypotheses: Sequence[str]) -> ErrorRates:
    """Returns the rates of `hypotheses` against equally many `references`, none of them empty."""
    assert len(references) == len(hypotheses) > 0
    return ErrorRates(
        cer=float(jiwer.cer(list(references), list(hypotheses))),
        wer=float(jiwer.wer(list(references), list(hypotheses))),
    )


def best_constant(references: Sequence[str]) -> str:
    """Returns the text that, answered for every utterance, has about the lowest CER on
    `references` (training transcripts, never those it is then scored on).

    Starts from the best of the empty text, every character and every reference, and then inserts,
    replaces or deletes single characters while the rate falls.
    """
    counts = _sampled(references)
    characters = sorted(set().union(*map(set, counts)) - {" "})
    return _descend(counts, characters, ["", *characters, *counts])


def best_constant_words(references: Sequence[str]) -> str:
    """Returns the text with about the lowest WER on `references`, see `best_constant`."""
    frequent = Counter(word for text in references for word in text.split()).most_common(MAX_WORDS)
    symbol_of = {word: chr(WORDS_START + rank) for rank, (word, _) in enumerate(frequent)}
    word_of = {symbol: word for word, symbol in symbol_of.items()}
    rare = chr(WORDS_START + MAX_WORDS)
    coded = ["".join(symbol_of.get(word, rare) for word in text.split()) for text in references]
    best = best_constant(coded)
    return " ".join(word_of[symbol] for symbol in best if symbol in word_of)


def _sampled(references: Sequence[str]) -> dict[str, int]:
    """Returns distinct references with their counts, `MAX_REFERENCES` at most."""
    counts = Counter(references)
    if len(counts) > MAX_REFERENCES:
        keys = sorted(counts)
        chosen = generator("best constant").choice(len(keys), MAX_REFERENCES, replace=False)
        counts = Counter({keys[index]: counts[keys[index]] for index in sorted(chosen.tolist())})
    return dict(counts)


def _descend(counts: dict[str, int], symbols: list[str], candidates: list[str]) -> str:
    texts = list(counts)
    weights = np.array(list(counts.values()), dtype=np.float64)
    best, fewest = "", np.inf
    while True:
        edits = _edits(candidates, texts, weights)
        index = int(edits.argmin())
        if edits[index] >= fewest:
            return best
        best, fewest = candidates[index], float(edits[index])
        candidates = _neighbours(best, symbols) or [best]


def _edits(
    candidates: list[str], texts: list[str], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    distances = cdist(candidates, texts, scorer=Levenshtein.distance, dtype=np.int32)
    return np.asarray(distances @ weights, dtype=np.float64)


def _neighbours(text: str, symbols: list[str]) -> list[str]:
    """Returns the texts one step away that have no spaces at their ends and no doubled ones; a
    new word comes with its space, since neither would be allowed alone."""
    places = range(len(text) + 1)
    pieces = [*symbols, *(s + " " for s in symbols), *(" " + s for s in symbols)]
    inserted = [text[:place] + piece + text[place:] for place in places for piece in pieces]
    replaced = [
        text[:place] + s + text[place + 1 :] for place in places[:-1] for s in (*symbols, " ")
    ]
    deleted = [text[:place] + text[place + 1 :] for place in places[:-1]]
    steps = inserted + replaced + deleted
    return [step for step in steps if step == " ".join(step.split())]
