"""Folds for the attributes: over utterances for speakers, over groups of speakers for genders."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pretrain.shared.normalized_text import sentence_key
from pretrain.shared.random_streams import generator
from probe.heads.linear import IndexArray

Fold = tuple[IndexArray, IndexArray, IndexArray]
"""Row numbers of the train, dev and test part."""

Names = npt.NDArray[np.object_]

NUM_FOLDS = 5
"""At most. Not specified by the paper."""

MIN_FOLDS = 3
"""One group each for test, dev and train."""

MIN_TRAINING_SHARE = 1 / 3
"""Of the utterances: folds by sentences may not train on fewer, as they would where most utterances
have one and the same sentence."""


def speaker_folds(table: pd.DataFrame, speakers: Names) -> tuple[list[Fold], str]:
    """Returns folds in which every speaker is trained on, and the folds in words.

    They are disjoint in sentences if the corpus has texts, every speaker says enough of them, and
    sentences are common enough to leave every fold `MIN_TRAINING_SHARE`; with two sentences, one is
    tested and the other trained on. An utterance without a text counts as a sentence of its own.

    Args:
        table: N utterances, each recording once.
        speakers: (N,) "" for those that are in no part. Any other has at least three utterances.
    """
    ids = table["id"].astype(str).to_numpy(object)
    rows = np.flatnonzero(speakers != "")
    rows = rows[np.argsort(ids[rows])]
    spoken = np.array([sentence_key(text) for text in table["text"].iloc[rows]], dtype=object)
    known = sorted(set(spoken) - {""})
    folds: list[Fold] = []
    words = ""
    if len(known) == 2 and (spoken != "").all():
        for tested in known:
            others = rows[spoken != tested]
            groups = deal_evenly(speakers[others])
            folds.append((others[groups != 0], others[groups == 0], rows[spoken == tested]))
        words = "2 folds over utterances, each tests the sentence that was not trained on"
    elif len(known) >= MIN_FOLDS:
        folds = rotated(rows, _deal_sentences(spoken))
        words = f"{len(folds)} folds over utterances, disjoint in sentences"
    fewest = min((len(train) for train, _, _ in folds), default=0)
    why = ""
    if not folds:
        why = "; the corpus has too few texts to keep sentences apart"
    elif not all({*speakers[rows]} <= {*speakers[train]} for train, _, _ in folds):
        why = "; not in sentences, or speakers would be tested who were not trained on"
    elif fewest < MIN_TRAINING_SHARE * len(rows):
        why = "; not in sentences, which are so uneven that a fold would train on "
        why += f"{fewest} of {len(rows)} utterances"
    if why:
        folds = rotated(rows, deal_evenly(speakers[rows]))
        words = f"{NUM_FOLDS} folds over utterances, disjoint in recordings"
        fewest = min(len(train) for train, _, _ in folds)
    return folds, f"{words}, each trained on at least {fewest} of {len(rows)} utterances{why}"


def gender_folds(speakers: Names, sides: Sequence[Sequence[str]]) -> list[Fold]:
    """Leaves groups of speakers out, each with speakers of every side; empty if there are too few.

    Args:
        speakers: (N,) of the utterances; those of no side are in no part.
        sides: The women, the men.
    """
    num_folds = min([NUM_FOLDS, *map(len, sides)])
    if len(sides) < 2 or num_folds < MIN_FOLDS:
        return []
    group_of = {name: place % num_folds for side in sides for place, name in enumerate(side)}
    rows = np.flatnonzero([name in group_of for name in speakers])
    return rotated(rows, np.array([group_of[name] for name in speakers[rows]], dtype=np.intp))


def rotated(rows: IndexArray, groups: IndexArray) -> list[Fold]:
    """Tests each group of rows once, chooses on the next one, trains on all others."""
    num_folds = int(groups.max()) + 1
    pairs = [(test, (test + 1) % num_folds) for test in range(num_folds)]
    return [
        (rows[(groups != test) & (groups != dev)], rows[groups == dev], rows[groups == test])
        for test, dev in pairs
    ]


def deal_evenly(speakers: Names) -> IndexArray:
    """Deals (n,) utterances to `NUM_FOLDS` groups: each gets about the same share of a speaker.

    Consecutive utterances of a speaker go to consecutive groups, so that three of them are enough
    to be tested, to choose, and to be trained on in every fold.
    """
    shuffled = generator("attributes", "recordings").permutation(len(speakers))
    by_speaker = shuffled[np.argsort(speakers[shuffled].astype(str), kind="stable")]
    groups = np.empty(len(speakers), dtype=np.intp)
    groups[by_speaker] = np.arange(len(speakers)) % NUM_FOLDS
    return groups


def _deal_sentences(spoken: Names) -> IndexArray:
    """Deals whole sentences, the most frequent first, each to the emptiest group."""
    own = [text or f"\n{place}" for place, text in enumerate(spoken)]
    texts, counts = np.unique(np.array(own, dtype=np.str_), return_counts=True)
    shuffled = generator("attributes", "sentences").permutation(len(texts))
    filled = np.zeros(min(NUM_FOLDS, len(texts)), dtype=np.int64)
    group_of: dict[str, int] = {}
    for place in shuffled[np.argsort(-counts[shuffled], kind="stable")]:
        group_of[str(texts[place])] = group = int(filled.argmin())
        filled[group] += counts[place]
    return np.array([group_of[text] for text in own], dtype=np.intp)
