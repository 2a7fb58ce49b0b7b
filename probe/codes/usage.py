"""How a row uses its codebooks, and how many bits a frame's code takes.

Shapes: F frames, G codebooks, V entries, M centres.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from probe.codes.entropy import entropy_bits
from probe.codes.frames import FrameCodes

IntArray = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

NUM_FOLDS = 5
"""Parts of the speakers (else of the utterances) on which predictions are tested in turn; the next
one sets the mixture."""

NUM_EM_STEPS = 30

MAX_TABLE = 2**22
"""Most centres for which sums over all of them are computed."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Bits per frame of the joint code."""

    centres_used: int
    bits: float
    """Entropy of one frame's joint code, bias-corrected: the headline."""

    seen_once: float
    """Share of frames whose centre occurs once (Good and Turing): the larger, the less of the
    distribution has been seen and the less any estimate of it is worth."""

    held_out_bits: float
    """What a frame's code costs when predicted by frequencies of others, see `held_out_over`."""

    rate_bits: float
    """The same given the frame before as well: a mixture of frequencies, pairs of centres, and
    frequencies tilted codebook by codebook. Both are code lengths that were really reached on
    what was held out, so they are upper bounds of entropy and entropy rate. Counted pairs would
    give far too little: V^2G pairs are more than there are frames."""

    held_out_over: str
    """What was held out: "speakers", or "utterances" where speakers are not known or fewer than
    three."""


def usage(codes: FrameCodes) -> npt.NDArray[np.int64]:
    """Returns (G, V) how many frames chose each entry."""
    return np.array(
        [np.bincount(group, minlength=codes.num_entries) for group in codes.codes.T],
        dtype=np.int64,
    )


def rates(codes: FrameCodes, blocks: IntArray) -> Rates:
    """Measures the joint code; `blocks` (N,) are the utterances' groups of speakers, or -1."""
    _, centres, counts = np.unique(codes.centres, return_inverse=True, return_counts=True)
    by_speaker = bool(blocks.min() >= 0)
    part = ((blocks if by_speaker else np.arange(len(blocks))) % NUM_FOLDS)[codes.utterances]
    present = np.unique(part)
    follows = np.concatenate([[False], codes.utterances[1:] == codes.utterances[:-1]])
    # Probabilities by frequencies, and by the frame before, of parts that were not counted.
    alone, after = np.full((2, len(centres)), np.nan)
    for place, fold in enumerate(present if len(present) >= 3 else ()):
        test, dev = part == fold, part == present[(place + 1) % len(present)]
        alone[test] = _frequencies(codes, centres, ~test)[test]
        train = ~test & ~dev
        single = _frequencies(codes, centres, train)
        found = [single, _pairs(centres, train & follows, single)]
        if codes.num_entries ** codes.codes.shape[1] <= MAX_TABLE:
            found.append(tilted(codes, codes.centres, train, follows))
        predictors = np.stack(found)
        # The first frame of an utterance has none before it.
        predictors[:, ~follows] = single[~follows]
        after[test] = (_weights(predictors[:, dev & follows]) @ predictors)[test]
    return Rates(
        centres_used=len(counts),
        bits=entropy_bits(counts),
        seen_once=float((counts == 1).sum() / counts.sum()),
        held_out_bits=float(-np.log2(alone).mean()),
        rate_bits=float(-np.log2(after).mean()),
        held_out_over="speakers" if by_speaker else "utterances",
    )


def _weights(predictors: Array) -> Array:
    """Returns (K,) weights of a mixture of K predictors, by EM on their probabilities (K, F)."""
    weights = np.full(len(predictors), 1.0 / len(predictors))
    if predictors.shape[1]:
        for _ in range(NUM_EM_STEPS):
            shares = weights[:, None] * predictors
            weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return weights


def _frequencies(codes: FrameCodes, centres: IntArray, train: Mask) -> Array:
    """Returns (F,) probabilities of every frame's centre, from the frames `train`.

    Witten and Bell's interpolation: a symbol gets (its count + T q) / (all counts + T), where T
    symbols were seen and q is the product of the codebooks' own frequencies (plus one half).
    """
    product = np.ones(len(centres))
    for group in codes.codes.T:
        smoothed = np.bincount(group[train], minlength=codes.num_entries) + 0.5
        product *= (smoothed / smoothed.sum())[group]
    counts = np.bincount(centres[train], minlength=int(centres.max()) + 1)
    seen = int((counts > 0).sum())
    return np.asarray((counts[centres] + seen * product) / (train.sum() + seen))


def _pairs(centres: IntArray, train: Mask, single: Array) -> Array:
    """Returns (F,) probabilities given the centre before, interpolated with `single` likewise."""
    before = np.concatenate([[0], centres[:-1]])
    size = int(centres.max()) + 1
    ids = before * size + centres
    pairs, counts = np.unique(ids[train], return_counts=True)
    if not len(pairs):
        return single
    place = np.minimum(np.searchsorted(pairs, ids), len(pairs) - 1)
    count = np.where(pairs[place] == ids, counts[place], 0)
    seen = np.bincount(pairs // size, minlength=size)[before]
    total = np.bincount(before[train], minlength=size)[before]
    return np.where(total > 0, (count + seen * single) / np.maximum(total + seen, 1), single)


def tilted(codes: FrameCodes, centres: IntArray, train: Mask, follows: Mask) -> Array:
    """Returns (F,) probabilities proportional to those of frequencies times, for each codebook,
    p(code | its code before) / p(code): few numbers to count, where pairs of centres are many."""
    num_entries, num_codebooks = codes.num_entries, codes.codes.shape[1]
    now = codes.codes.astype(np.int64)
    before = np.concatenate([now[:1], now[:-1]])
    counts = np.bincount(centres[train], minlength=num_entries**num_codebooks)
    prior = np.ones(1)
    ratios = []
    for own, earlier in zip(now.T, before.T, strict=True):
        single = np.bincount(own[train], minlength=num_entries) + 0.5
        single = single / single.sum()
        # Later codebooks are higher digits of the centre.
        prior = np.multiply.outer(single, prior).ravel()
        cells = (earlier * num_entries + own)[train & follows]
        pairs = np.bincount(cells, minlength=num_entries**2).reshape(num_entries, num_entries)
        smoothed = pairs + num_entries * single
        ratios.append(smoothed / smoothed.sum(axis=1, keepdims=True) / single)  # (before, now)
    seen = int((counts > 0).sum())
    single_centre = (counts + seen * prior) / (train.sum() + seen)
    # Contracting one codebook after another gives the sum over all centres for every past.
    total = single_centre.reshape((num_entries,) * num_codebooks)
    for axis, ratio in enumerate(reversed(ratios)):
        total = np.moveaxis(np.tensordot(ratio, total, axes=(1, axis)), 0, axis)
    product = single_centre[centres]
    for own, earlier, ratio in zip(now.T, before.T, ratios, strict=True):
        product = product * ratio[earlier, own]
    previous = np.concatenate([centres[:1], centres[:-1]])
    return np.asarray(product / total.ravel()[previous])
