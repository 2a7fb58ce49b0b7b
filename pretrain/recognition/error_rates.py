"""Character and word error rate, and the best that a constant answer can do.

Rates are pooled: the edits of all utterances over the length of all references. Spaces count as
characters.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from pretrain.shared.normalized_text import single_spaced
from pretrain.shared.random_streams import generator

MAX_REFERENCES = 500
"""Distinct training references on which constants are compared; more are drawn from."""

WORDS_START = 0xE000
"""Words are searched like characters, as code points of Unicode's private area from here on."""

MAX_WORDS = 6000
"""Rarer words are one word in the search of a constant; the private area holds 6400."""

MAX_PIECES = 200
"""So many of the most frequent words are put into a constant; the rest may only stay in one."""

BLOCK = 1024
"""Candidates that are compared at once: bounds the memory."""


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
    return _descend(counts, ["", *characters, *counts], lambda text: _neighbours(text, characters))


def best_constant_words(references: Sequence[str]) -> str:
    """Returns the text with about the lowest WER on `references`: as `best_constant`, with words in
    place of characters. Inserted are the `MAX_PIECES` most frequent words."""
    frequent = Counter(word for text in references for word in text.split()).most_common(MAX_WORDS)
    symbol_of = {word: chr(WORDS_START + rank) for rank, (word, _) in enumerate(frequent)}
    word_of = {symbol: word for word, symbol in symbol_of.items()}
    rare = chr(WORDS_START + MAX_WORDS)
    coded = ["".join(symbol_of.get(word, rare) for word in text.split()) for text in references]
    counts, pieces = _sampled(coded), list(word_of)[:MAX_PIECES]
    starts = ["", *pieces, *(text for text in counts if rare not in text)]
    best = _descend(counts, starts, lambda text: list(_steps(text, pieces, pieces)))
    return " ".join(word_of[symbol] for symbol in best)


def _sampled(references: Sequence[str]) -> dict[str, int]:
    """Returns distinct references with their counts, `MAX_REFERENCES` at most."""
    counts = Counter(references)
    if len(counts) > MAX_REFERENCES:
        keys = sorted(counts)
        chosen = generator("best constant").choice(len(keys), MAX_REFERENCES, replace=False)
        counts = Counter({keys[index]: counts[keys[index]] for index in sorted(chosen.tolist())})
    return dict(counts)


def _descend(
    counts: dict[str, int], candidates: list[str], neighbours: Callable[[str], list[str]]
) -> str:
    texts = list(counts)
    weights = np.array(list(counts.values()), dtype=np.float64)
    best, fewest = "", np.inf
    while True:
        edits = _edits(candidates, texts, weights)
        index = int(edits.argmin())
        if edits[index] >= fewest:
            return best
        best, fewest = candidates[index], float(edits[index])
        candidates = neighbours(best) or [best]


def _edits(
    candidates: list[str], texts: list[str], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    blocks = [candidates[start : start + BLOCK] for start in range(0, len(candidates), BLOCK)]
    edits = [
        cdist(block, texts, scorer=Levenshtein.distance, dtype=np.int32) @ weights
        for block in blocks
    ]
    return np.concatenate(edits)


def _neighbours(text: str, symbols: list[str]) -> list[str]:
    """Returns the texts one step away that have no spaces at their ends and no doubled ones; a
    new word comes with its space, since neither would be allowed alone."""
    pieces = [*symbols, *(s + " " for s in symbols), *(" " + s for s in symbols)]
    steps = _steps(text, pieces, [*symbols, " "])
    return [step for step in steps if step == single_spaced(step)]


def _steps(text: str, pieces: Sequence[str], symbols: Sequence[str]) -> Iterator[str]:
    """Yields `text` with one of `pieces` put in, with one place replaced by one of `symbols`, and
    with one place deleted."""
    for place in range(len(text) + 1):
        before, after = text[:place], text[place:]
        yield from (before + piece + after for piece in pieces)
        if after:
            yield from (before + symbol + after[1:] for symbol in symbols)
            yield before + after[1:]
