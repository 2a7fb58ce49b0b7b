"""What training may see of a fold: the training part and the dev part, never the test part.

U utterances.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mfsn.data.segment_batch import SegmentBatch
from pretrain.shared.errors import InputError
from pretrain.shared.random_streams import generator

IntArray = npt.NDArray[np.int64]


class ReadableSegments(Protocol):
    """All segments of a corpus, as `mfsn.data.dataset.SegmentData` offers them."""

    def segments_of(self, rows: IntArray) -> IntArray:
        """Returns the numbers of the segments of these utterances, in order."""

    def batch(self, segments: IntArray) -> SegmentBatch:
        """Returns these segments."""


@dataclass(frozen=True, kw_only=True)
class FoldData:
    """Training and dev part of one fold; whoever trains is given nothing else."""

    data: ReadableSegments
    """The segments, normalised by the training part."""

    train: IntArray
    """Rows of the utterances that are trained on."""

    dev: IntArray
    """Rows of the utterances that choose the epoch (and the level)."""

    def __post_init__(self) -> None:
        for name in ("train", "dev"):
            if not len(getattr(self, name)):
                raise InputError(f"`{name}` must have at least one utterance, but is empty.")
        assert not set(self.train.tolist()) & set(self.dev.tolist()), "train and dev overlap"


def labels_of(data: ReadableSegments, rows: IntArray) -> IntArray:
    """Returns (U,) the classes of these utterances."""
    first = np.array([data.segments_of(rows[place : place + 1])[0] for place in range(len(rows))])
    batches = (data.batch(part) for part in in_batches(first, 64))
    return np.concatenate([batch.labels.cpu().numpy() for batch in batches])


def in_batches(segments: IntArray, batch_size: int) -> Iterator[IntArray]:
    """Yields `segments` in order, `batch_size` at a time, the last ones too."""
    for start in range(0, len(segments), batch_size):
        yield segments[start : start + batch_size]


def shuffled(segments: IntArray, seed: int, purpose: str, epoch: int) -> IntArray:
    """Returns `segments` in an order that depends on seed, purpose and epoch only."""
    return segments[generator(seed, "mfsn", purpose, epoch).permutation(len(segments))]


def halves_of(rows: IntArray, labels: IntArray, seed: int) -> tuple[IntArray, IntArray]:
    """Cuts utterances in two halves that share none and have every class alike, one more of an odd
    class by turns. Which are where depends on the seed and on the set of rows only.

    Raises `ValueError` for fewer than two utterances.
    """
    if len(rows) < 2:
        raise InputError(
            f"`dev` must have at least 2 utterances for `search.method` = 'bilevel', but has "
            f"{len(rows)} instead. Use 'joint'."
        )
    mixed = generator(seed, "mfsn", "dev halves").permutation(len(rows))
    by_row = np.argsort(rows, kind="stable")[mixed]
    ordered = by_row[np.argsort(labels[by_row], kind="stable")]
    return np.sort(rows[ordered[0::2]]), np.sort(rows[ordered[1::2]])
