"""Category norms in the place of ratings: the published point of a class as its V, A and D.

Corpora without ratings get the paper's columns by them (`emodb:norms=PATH`). They say which class
was acted and nothing of how strongly: all utterances of a class have the same three numbers. So
they are never called ratings.

Norms: J. A. Russell and A. Mehrabian, "Evidence for a three-factor theory of emotions", Journal of
Research in Personality 11 (1977) 273-294, on -1 to 1. SECOND-HAND: read from public copies in
source code, the article itself was not reachable. Neutral is the origin by convention and not a
rated term of the article. Here x becomes 3 + 2 x, on the scale of 1 to 5 that IEMOCAP has and the
paper's errors are on. Calm has no norm: `relaxed` is the nearest term, and its copies disagree.
"""

import pandas as pd

from pretrain.data.synthetic.emotions import NORMS
from pretrain.data.tables.utterances import LABEL_COLUMNS
from pretrain.shared.errors import InputError

LABEL_SOURCE = "category norms"
"""What tables say of such labels."""

TERMS: dict[str, tuple[float, float, float]] = {
    # Of the synthetic corpus: arousal, valence, dominance times 100.
    **{name: (norm[1] / 100, norm[0] / 100, norm[2] / 100) for name, norm in NORMS.items()},
    "enraged": (-0.44, 0.72, 0.32),
    "frustrated": (-0.64, 0.52, 0.35),
    "joyful": (0.76, 0.48, 0.35),
    "excited": (0.62, 0.75, 0.38),
    "depressed": (-0.72, -0.29, -0.41),
    "fearful": (-0.64, 0.60, -0.43),
    "disgusted": (-0.60, 0.35, 0.11),
    "surprised": (0.40, 0.67, -0.13),
    "bored": (-0.65, -0.62, -0.33),
}
"""Valence, arousal and dominance of the terms, -1 to 1."""

NAMES = {
    "anger": "angry", "happiness": "happy", "sadness": "sad", "fear": "fearful",
    "disgust": "disgusted", "surprise": "surprised", "boredom": "bored",
    "frustration": "frustrated", "excitement": "excited", "joy": "joyful",
}  # fmt: skip
"""Class -> term, for classes that corpora name otherwise than the article does."""


def norm_of(emotion: str) -> tuple[float, float, float] | None:
    """Returns valence, arousal and dominance of a class on 1 to 5, None without a norm."""
    name = emotion.strip().casefold()
    norm = TERMS.get(NAMES.get(name, name))
    return norm and (3 + 2 * norm[0], 3 + 2 * norm[1], 3 + 2 * norm[2])


def without_norm(table: pd.DataFrame) -> list[str]:
    """Returns the classes of the table that have no norm."""
    classes = sorted(set(table["emotion"].astype(str)) - {""})
    return [emotion for emotion in classes if norm_of(emotion) is None]


def with_norms(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the table with norms for V, A and D; a class without a norm has none.

    Raises:
        ValueError: No class of the table has a norm.
    """
    emotions = table["emotion"].astype(str)
    norms = {emotion: norm_of(emotion) for emotion in emotions.unique()}
    if not any(norms.values()):
        raise InputError(
            "The option norms needs classes that have published norms, but the corpus has "
            f"{', '.join(sorted(set(emotions) - {''})) or 'no classes'}. There are norms of: "
            f"{', '.join(sorted({*TERMS, *NAMES}))}."
        )
    values = [norms[emotion] or (float("nan"),) * 3 for emotion in emotions]
    return table.assign(**dict(zip(LABEL_COLUMNS, zip(*values, strict=True), strict=True)))
