"""What training may see of a fold, batch by batch: training part and dev part, never the test part.

U utterances, B segments, S samples, T frames of the encoders, D dimensions of a state.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pretrain.shared.errors import InputError
from pretrain.shared.random_streams import generator

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SegmentBatch:
    """B segments of at most three seconds. Nothing beyond the valid frames or samples carries
    meaning, and no network may let it change an output.
    """

    spectrogram: Tensor
    """(B, 300, 200) in 0..1: normalised per frequency bin by the training part, clipped, and 0
    beyond the valid frames."""

    mfcc: Tensor
    """(B, 300, 40) float32, L2-normalised per frame, 0 beyond the valid frames."""

    num_spectral_frames: Tensor
    """(B,) int64: how many frames of `spectrogram` and `mfcc` are valid."""

    waveforms: Tensor
    """(B, S) normalised over the valid samples, 0 beyond; (B, 0) where the states are cached."""

    num_samples: Tensor
    """(B,) int64: valid samples at 16 kHz."""

    valid: Tensor
    """(B, T) bool: which frames of `tec` and `sec` are real."""

    tec: Tensor
    """(B, T, D) states of the last layer of the TEC encoder, 0 at invalid frames; (B, T, 0)
    without a TEC stream."""

    sec: tuple[Tensor, ...]
    """The early, the middle and the last level of the SEC encoder, each (B, T, D), 0 at invalid
    frames; () without a SEC stream."""

    labels: Tensor
    """(B,) int64 class."""

    utterance: Tensor
    """(B,) int64 row of the utterance in the corpus table."""

    def to(self, device: torch.device | str) -> "SegmentBatch":
        """The same batch on `device`."""
        sec = tuple(level.to(device) for level in self.sec)
        others = {name: value for name, value in vars(self).items() if name != "sec"}
        return SegmentBatch(sec=sec, **{name: value.to(device) for name, value in others.items()})


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
