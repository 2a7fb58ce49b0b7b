"""How much the codes of frames tell of a label, beside the same with shuffled labels.

Frames of an utterance are anything but independent, and even an unbiased estimator would find
"information" in which utterances happen to carry a label. So labels are shuffled over whole
utterances (characters, which change within one, are shifted along it), and only the excess over
the mean of the shuffled values is read as knowledge. Not specified by the paper.

Shapes: N utterances, M centres, F frames, R shuffles.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from pretrain.shared.random_streams import generator
from probe.codes.entropy import entropy_bits, mutual_information_bits

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NUM_SHUFFLES = 200
"""For the mean and the p-value; the smallest p is 1 / 201."""

NUM_BLOCK_SHUFFLES = 20
"""For each block left out. The same shuffles every time, so that their chance cancels."""

MAX_BLOCKS = 25
"""More speakers than this are left out in groups."""

MIN_BLOCKS = 3
"""Fewer make no interval."""


@dataclass(frozen=True, kw_only=True)
class Information:
    """What the codes tell of one label."""

    frames: int
    """That have the label."""

    label_bits: float
    """Entropy of the label over frames: all that could be told."""

    bits: float
    """Bias-corrected estimate for one frame."""

    shuffled_bits: float
    """Mean over shuffles."""

    p_value: float
    """Share of shuffles that reach `bits`, the true labels counted in."""

    blocks: tuple[float, ...]
    """Excess with each speaker (or group of speakers) left out, for a jackknife interval; only of
    those with labelled frames, and empty with fewer than three of them. Without any information
    the interval is conservative (it covers 0 in nearly all tables); there the p-value tells."""

    @property
    def excess(self) -> float:
        """Bits that shuffled labels do not give: the headline."""
        return self.bits - self.shuffled_bits


Measure = Callable[[Mask, int], tuple[float, npt.NDArray[np.float64]]]
"""(kept utterances (N,), R) -> estimate in bits, and (R,) the same with shuffled labels."""


def utterance_information(
    counts: csr_array, labels: IntArray, strata: IntArray, blocks: IntArray, seed: int = 0
) -> Information:
    """Measures a label that whole utterances have.

    Args:
        counts: (N, M) how many frames of each utterance have each centre.
        labels: (N,) codes of the label, 0 and up.
        strata: (N,) labels are shuffled among utterances of one stratum only: what the stratum
            tells of both code and label is in the baseline, not in the excess.
        blocks: (N,) groups to leave out for the interval, or -1 everywhere.
        seed: Of the shuffles.
    """
    keys = generator(seed, "shuffled labels").random((NUM_SHUFFLES, len(labels)))
    frames = np.asarray(counts.sum(axis=1), dtype=np.int64).ravel()

    def measure(kept: Mask, num_shuffles: int) -> tuple[float, npt.NDArray[np.float64]]:
        table, size = counts[np.flatnonzero(kept)], frames[kept]
        centres = np.asarray(table.sum(axis=0), dtype=np.int64).ravel()
        own, layer = labels[kept], strata[kept]
        place = np.lexsort((np.arange(len(own)), layer))
        moved = np.empty_like(own)

        def bits(given: IntArray) -> float:
            chosen = csr_array(
                (np.ones(len(given), dtype=np.int64), (given, np.arange(len(given)))),
                shape=(int(labels.max()) + 1, len(given)),
            )
            by_label = np.bincount(given, weights=size).astype(np.int64)
            return mutual_information_bits((chosen @ table).data, by_label, centres)

        shuffled = np.empty(num_shuffles)
        for number in range(num_shuffles):
            moved[place] = own[np.lexsort((keys[number][kept], layer))]
            shuffled[number] = bits(moved)
        return bits(own), shuffled

    total = np.bincount(labels, weights=frames).astype(np.int64)
    return _information(measure, blocks, frames > 0, int(frames.sum()), entropy_bits(total))


def frame_information(
    centres: IntArray, labels: IntArray, utterances: IntArray, blocks: IntArray, seed: int = 0
) -> Information:
    """Measures a label that changes within an utterance.

    The baseline shifts the labels of an utterance along its frames by a random number of places,
    around its end: all that the utterance as a whole tells of both stays in it.

    Args:
        centres: (F,) codes, compact numbers from 0.
        labels: (F,) codes of the label.
        utterances: (F,) number of the utterance, in rising order.
        blocks: (N,) groups of utterances to leave out for the interval, or -1 everywhere.
        seed: Of the shifts.
    """
    starts = np.flatnonzero(np.diff(utterances, prepend=-1))
    lengths = np.diff(np.append(starts, len(utterances)))
    first, length = np.repeat(starts, lengths), np.repeat(lengths, lengths)
    offset = np.arange(len(utterances)) - first
    draws = generator(seed, "shifted labels").random((NUM_SHUFFLES, len(blocks)))
    num_labels = int(labels.max()) + 1

    def measure(kept: Mask, num_shuffles: int) -> tuple[float, npt.NDArray[np.float64]]:
        here = kept[utterances]
        own = centres[here]
        by_centre, by_label = np.bincount(own), np.bincount(labels[here])

        def bits(given: IntArray) -> float:
            return mutual_information_bits(
                np.bincount(own * num_labels + given[here]), by_label, by_centre
            )

        shifts = ((draw[utterances] * length).astype(np.int64) for draw in draws[:num_shuffles])
        shuffled = [bits(labels[first + (offset + shift) % length]) for shift in shifts]
        return bits(labels), np.array(shuffled)

    labelled = np.isin(np.arange(len(blocks)), utterances)
    return _information(measure, blocks, labelled, len(labels), entropy_bits(np.bincount(labels)))


def blocks_of(speakers: list[str]) -> IntArray:
    """Returns (N,) the number of every utterance's speaker, or of a group of them where there are
    many; -1 everywhere where a speaker is not known or they are fewer than three."""
    names = sorted(set(speakers))
    if "" in names or len(names) < MIN_BLOCKS:
        return np.full(len(speakers), -1, dtype=np.int64)
    order = generator(0, "blocks of speakers").permutation(len(names))
    number = {name: int(place) % MAX_BLOCKS for name, place in zip(names, order, strict=True)}
    return np.array([number[name] for name in speakers], dtype=np.int64)


def _information(
    measure: Measure, blocks: IntArray, labelled: Mask, frames: int, label_bits: float
) -> Information:
    """Measures with all utterances, and without each block of those that have labelled frames."""
    bits, shuffled = measure(np.ones(len(blocks), dtype=np.bool_), NUM_SHUFFLES)
    units = np.unique(blocks[labelled & (blocks >= 0)])
    left_out = []
    for block in units if len(units) >= MIN_BLOCKS else ():
        value, baseline = measure(blocks != block, NUM_BLOCK_SHUFFLES)
        left_out.append(float(value - baseline.mean()))
    return Information(
        frames=frames,
        label_bits=label_bits,
        bits=bits,
        shuffled_bits=float(shuffled.mean()),
        # Labels that no shuffle can change give the same sums in another order.
        p_value=float((1 + (shuffled >= bits - 1e-9).sum()) / (1 + len(shuffled))),
        blocks=tuple(left_out),
    )
