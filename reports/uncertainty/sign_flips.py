"""Permutation test over speakers: what if the two rows changed places for some of them?

If two rows differ in name only, exchanging their predictions for any speaker (for all seeds at
once: the speaker is the unit) gives a table as likely as the one observed. The share of exchanges
with a difference as large as the observed one is p. Exchanging predictions flips the sign of the
speaker's share in the difference of UA, WA or MSE; here the metric is computed again, so it is
as exact for macro-F1 and CCC, which are no sums over speakers.

Shapes: S seeds, C speakers, M sums, P exchanges; leading dimensions `...` are free.
"""

import numpy as np

from reports.uncertainty.speaker_sums import Array, Score

MAX_EXACT = 16
"""Speakers up to which all exchanges are tried."""

NUM_DRAWN = 20_000
"""Exchanges that are drawn beyond that."""

_CHUNK = 2_048


def smallest_p(num_speakers: int) -> float:
    """Returns the p that a difference of one sign, however large, has at this many speakers."""
    by_speakers = 2.0 ** (1 - num_speakers)
    return by_speakers if num_speakers <= MAX_EXACT else max(by_speakers, 1 / (NUM_DRAWN + 1))


def exchanges(num_speakers: int) -> Array:
    """Returns (P, C) which speakers to exchange, 1 or 0.

    Exchanging all others instead gives the same difference with the other sign, so the first
    speaker always stays, and the first exchange is none.
    """
    if num_speakers <= MAX_EXACT:
        codes = np.arange(2 ** (num_speakers - 1))[:, None]
        return (codes >> np.arange(num_speakers - 1, -1, -1) & 1).astype(np.float64)
    drawn = np.random.Generator(np.random.Philox(0)).integers(0, 2, (NUM_DRAWN, num_speakers))
    return np.concatenate([np.zeros((1, num_speakers)), drawn])


def sign_flip_p(first: Array, second: Array, score: Score) -> Array:
    """Returns the (...) two-sided p of the mean over seeds of the difference of a metric.

    With drawn exchanges the observed one counts as drawn, so that p is never 0 and never too small.

    :param first: (..., S, C, M) speaker sums of one row; the same of the other in `second`.
    """
    gain = second - first
    totals = first.sum(-2), second.sum(-2)
    observed = np.abs((score(totals[0]) - score(totals[1])).mean(-1))
    # Rounding must not tell equal differences apart: they are counted in p.
    threshold = observed - 1e-12 * np.maximum(observed, 1.0)
    patterns = exchanges(first.shape[-2])
    num_extreme = np.zeros_like(observed)
    for start in range(0, len(patterns), _CHUNK):
        moved = np.einsum("PC,...CM->P...M", patterns[start : start + _CHUNK], gain)
        difference = (score(totals[0] + moved) - score(totals[1] - moved)).mean(-1)
        num_extreme += (np.abs(difference) >= threshold).sum(0)
    share: Array = num_extreme / len(patterns)
    return share
