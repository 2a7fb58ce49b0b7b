"""Emotions as regions of the activation / evaluation / power space, and the labels they give.

Axes run from -100 to 100. Activation is arousal, evaluation is valence (pleasure), power is
dominance. A category is a cloud around its published norm, cut off where another norm is nearer.

Norms: J. A. Russell and A. Mehrabian, "Evidence for a three-factor theory of emotions", Journal
of Research in Personality 11 (1977) 273-294, here times 100. SECOND-HAND: read from public copies
in source code, the article itself was not reachable. Neutral is the origin by convention and not a
rated term of the article.
"""

import numpy as np
from numpy.typing import NDArray

from pretrain.shared.concordance import concordance

Array = NDArray[np.float64]

AXES = ("activation", "evaluation", "power")
LABELS = ("arousal", "valence", "dominance")
"""What the axes are called in the manifest, in the order of `AXES`."""

NORMS: dict[str, tuple[float, float, float]] = {
    "angry": (59.0, -51.0, 25.0),
    "happy": (51.0, 81.0, 46.0),
    "sad": (-27.0, -63.0, -33.0),
    "neutral": (0.0, 0.0, 0.0),
}
"""Activation, evaluation, power of each category, second-hand (see the top)."""

EMOTIONS = tuple(NORMS)
NUM_RATERS = 3
STRENGTH = {False: 1.0, True: 1.3}
SPREAD = {False: 22.0, True: 10.0}
"""Factor on the norm and standard deviation around it; True: strongly expressed."""


def sample_points(
    emotion: str, *, strong: bool, count: int, generator: np.random.Generator
) -> Array:
    """Draws `count` points (count, 3) of `emotion`, axes as in `AXES`, each in -100..100.

    `strong` points lie further out and closer together: an emotion that nobody mistakes.
    """
    centre = STRENGTH[strong] * np.array(NORMS[emotion])
    kept = np.empty((0, 3))
    while len(kept) < count:
        drawn = centre + SPREAD[strong] * generator.standard_normal((count, 3))
        points = np.clip(drawn, -100, 100)
        kept = np.concatenate([kept, points[nearest_emotion(points) == EMOTIONS.index(emotion)]])
    return kept[:count]


def nearest_emotion(points: Array) -> NDArray[np.int64]:
    """Returns, for points (N, 3), the index into `EMOTIONS` of the nearest norm (N,)."""
    norms = np.array(list(NORMS.values()))
    distances = ((points[:, None, :] - norms) ** 2).sum(axis=-1)  # (N, C)
    nearest: NDArray[np.int64] = distances.argmin(axis=1)
    return nearest


def ratings(point: Array, *, noise: float, generator: np.random.Generator) -> Array:
    """Returns what three raters say about `point` (3,): (raters, 3) on the scale 1 to 5.

    `noise` is the standard deviation of a rater on that scale.
    """
    said = 3 + point / 50 + noise * generator.standard_normal((NUM_RATERS, 3))
    clipped: Array = np.clip(said, 1, 5).round(3)
    return clipped


def rater_ceiling(given: Array) -> float:
    """Returns how well a rater agrees with the mean of the others: mean CCC over the raters.

    `given` is (utterances, raters). No model is meant to agree with the mean much better than
    the raters do.
    """
    agreements = [
        concordance(given[:, rater], np.delete(given, rater, axis=1).mean(axis=1))
        for rater in range(given.shape[1])
    ]
    return float(np.mean(agreements))
