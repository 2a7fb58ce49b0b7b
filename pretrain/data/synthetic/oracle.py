"""What the best possible listener would score on the synthetic corpus, knowing how it is made.

The oracle sees what the words express, or the prosody that was asked of the voice (noise included,
but not the voice itself), or both, and answers with the most probable emotion. The densities are
the generator's own: those of the prosody are means over drawn points of the noise's Gaussian.
It is an upper limit: a listener who hears the audio must first get used to the voice.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pretrain.data.synthetic.emotions import EMOTIONS, Array, sample_points
from pretrain.data.synthetic.plan import WORDED, SyntheticSettings
from pretrain.data.synthetic.prosody import noise_scale, rule_table
from pretrain.shared.random_streams import generator

Indices = NDArray[np.int64]

NUM_POINTS = 1000
NUM_TRIALS = 1500
"""Drawn points per density; utterances scored per emotion."""

CASES = (False, True)
"""Contradicted or not."""


@dataclass(frozen=True, kw_only=True)
class OracleScores:
    """Unweighted accuracy (mean recall of the four emotions), 0 to 1."""

    words: float
    voice: float
    both: float

    @property
    def gain(self) -> float:
        """What the second stream adds to the better single one."""
        return self.both - max(self.words, self.voice)

    def __str__(self) -> str:
        return (
            f"best possible UA of this synthetic corpus: words only {self.words:.1%}, "
            f"voice only {self.voice:.1%}, both {self.both:.1%}"
        )


@dataclass(frozen=True, kw_only=True)
class OnContradicted:
    """What a listener answers where the words express another emotion than the voice, shares."""

    right: float
    """Follows the voice, which the label does."""

    follows_words: float


def word_probabilities(settings: SyntheticSettings) -> Array:
    """Returns p(contradicted, word emotion | emotion), (C emotions, 2, C word emotions)."""
    table = np.zeros((len(EMOTIONS), len(CASES), len(EMOTIONS)))
    for row, emotion in enumerate(EMOTIONS):
        others = [EMOTIONS.index(other) for other in WORDED if other != emotion]
        table[row, 1, others] = settings.contradicted_share / len(others)
        agreeing = 1 - settings.contradicted_share
        neutral = settings.neutral_words_share if emotion in WORDED else 0.0
        table[row, 0, EMOTIONS.index("neutral")] += agreeing * neutral
        table[row, 0, row] += agreeing * (1 - neutral)
    return table


def voice_densities(prosody: Array) -> Array:
    """Returns p(prosody | emotion, contradicted) for prosody (N, 5), as (N, C, 2)."""
    densities = np.empty((len(prosody), len(EMOTIONS), len(CASES)))
    for row, emotion in enumerate(EMOTIONS):
        for case in CASES:
            draws = generator("synthetic", "oracle", emotion, str(case), "density")
            points = sample_points(emotion, strong=case, count=NUM_POINTS, generator=draws)
            scale = noise_scale(strong=case)
            x = prosody / scale
            mean = rule_table(points) / scale
            # |x - m|^2 as products: a table of (N, points), not of (N, points, 5)
            distances = (x**2).sum(axis=1)[:, None] + (mean**2).sum(axis=1) - 2 * x @ mean.T
            densities[:, row, int(case)] = np.exp(-distances / 2).mean(axis=1) / scale.prod()
    return densities


@cache
def oracle(settings: SyntheticSettings) -> OracleScores:
    """Scores the best possible listener by simulation; always the same for the same settings."""
    truth, _, given = _listeners(settings)
    return OracleScores(**{name: unweighted_accuracy(truth, one) for name, one in given.items()})


def on_contradicted(settings: SyntheticSettings) -> dict[str, OnContradicted]:
    """Returns what the listeners `words`, `voice` and `both` answer to contradicted utterances, by
    the same simulation."""
    truth, said, given = _listeners(settings)
    contradicted = (said != truth) & (said != EMOTIONS.index("neutral"))
    answers = {name: scores.argmax(axis=1)[contradicted] for name, scores in given.items()}
    return {
        name: OnContradicted(
            right=float((answer == truth[contradicted]).mean()),
            follows_words=float((answer == said[contradicted]).mean()),
        )
        for name, answer in answers.items()
    }


@cache
def _listeners(settings: SyntheticSettings) -> tuple[Indices, Indices, dict[str, Array]]:
    """Returns emotion (N,) and word emotion (N,) of drawn utterances, and the scores (N, C) that
    each listener gives them."""
    words = word_probabilities(settings)  # (C, 2, C)
    truth, said, prosody = trials(words)
    voice = voice_densities(prosody)  # (N, C, 2)
    case = words.sum(axis=2)  # (C, 2): p(contradicted | emotion)
    given = {
        "words": words[:, :, said].sum(axis=1).T,
        "voice": (voice * case).sum(axis=2),
        "both": np.einsum("nck,ckn->nc", voice, words[:, :, said]),
    }
    return truth, said, given


def trials(words: Array) -> tuple[Indices, Indices, Array]:
    """Draws utterances as the generator does: emotion (N,), word emotion (N,), prosody (N, 5)."""
    truths, said, prosodies = [], [], []
    for row, emotion in enumerate(EMOTIONS):
        draws = generator("synthetic", "oracle", emotion, "trials")
        flat = draws.choice(words[row].size, size=NUM_TRIALS, p=words[row].ravel())
        cases, word = np.unravel_index(flat, words[row].shape)
        for case in CASES:
            here = cases == case
            count = int(here.sum())
            points = sample_points(emotion, strong=case, count=count, generator=draws)
            ruled = rule_table(points)
            noise = noise_scale(strong=case) * draws.standard_normal(ruled.shape)
            prosodies.append(ruled + noise)
            said.append(word[here])
            truths.append(np.full(count, row))
    return np.concatenate(truths), np.concatenate(said), np.concatenate(prosodies)


def unweighted_accuracy(truth: Indices, scores: Array) -> float:
    """Mean recall over the emotions of `truth` (N,) under the largest of `scores` (N, C)."""
    answer = scores.argmax(axis=1)
    return float(np.mean([(answer[truth == row] == row).mean() for row in np.unique(truth)]))
