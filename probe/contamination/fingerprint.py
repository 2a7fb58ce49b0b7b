"""Acoustic fingerprints that survive re-encoding, and a search for recordings that share sound.

After J. Haitsma and T. Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002: each
frame becomes 32 signs of energy differences between neighbouring bands and frames; an inverted
index votes for pairs of recordings and a shift; the bit error rate at that shift decides.

In plain numpy rather than a library: Chromaprint needs a library of the system and 12 semitone
classes cannot tell two readings of a sentence from a copy, libraries built on spectral peaks keep
databases and find music of several seconds. What is needed here is a hundred lines. Bands, window
and hop are for utterances of a second (theirs, 0.37 s every 11.6 ms in 300 to 2000 Hz, are for
music of 3 s); a copy through a telephone line still has all bands.

Shapes: S samples, F frames of all recordings, N recordings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft
import soxr

from pretrain.data.audio.waveforms import Waveform
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.shared.numbers_version import kept_as

RATE_HZ = 8_000
WINDOW_SAMPLES = 2_048
HOP_SAMPLES = 96
"""256 ms every 12 ms: a shift of half a hop changes few signs."""

BAND_EDGES_HZ = np.geomspace(300, 3_000, 34)
"""33 bands, so 32 differences."""

HEARD_FLOOR = 1e-4
"""Frames 40 dB below the loudest are not compared: what coders leave of a pause is noise."""

FORMAT = kept_as("fingerprint")
"""Part of every file name: fingerprints of another kind are not reused."""

QUERY_STEP = 3
"""Every third frame of one side is looked up; every frame of the other is in the index."""

MIN_VOTES = 3
MIN_FRAMES = 40
"""Heard frames to compare: 0.7 s of sound, window included."""

MAX_ERROR_RATE = 0.2
"""Share of unequal bits up to which two recordings are the same sound. Measured on EmoDB and
RAVDESS: copies stay below 0.14 (Opus, Vorbis and MP3 at usual rates, 8 kHz, mu-law, noise at 20
dB). The nearest different recordings, repetitions of a sentence by one actor with one emotion,
begin at 0.23, all others at 0.29. Opus at 6 kbit/s lies at 0.2 to 0.3 and is mostly missed."""

NEAR_ERROR_RATE = 0.35
"""Above it, a shift by one frame more or less cannot help."""

COMMON_KEY = 32
"""Keys this many times as frequent as the mean (or 1000 times, if that is more) tell nothing."""

BLOCK = 4_000_000
"""Votes or frames held in memory at once."""

Bits = npt.NDArray[np.uint32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """Fingerprints of N recordings, one behind the other."""

    bits: Bits
    """(F,) 32 signs per frame."""

    heard: npt.NDArray[np.bool_]
    """(F,) False where it is too quiet to compare."""

    lengths: Indices
    """(N,) frames per recording; 0 for one shorter than a window."""

    @property
    def starts(self) -> Indices:
        """(N + 1,) first frame of each recording."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)


@dataclass(frozen=True)
class Match:
    """Two recordings that share sound."""

    ours: int
    """Place among the recordings of the index."""

    theirs: int
    """Place among the recordings that were looked up."""

    error_rate: float
    """Share of unequal bits, 0 for equal sound, about 0.5 for different sound."""

    frames: int
    """Heard frames that were compared, each 12 ms."""


def fingerprint(waveform: Waveform) -> tuple[Bits, npt.NDArray[np.bool_]]:
    """Returns the `bits` and `heard` of one (S,) waveform at 16 kHz; loudness does not matter."""
    samples = soxr.resample(np.asarray(waveform, np.float32), SAMPLE_RATE_HZ, RATE_HZ)
    if len(samples) < WINDOW_SAMPLES + HOP_SAMPLES:
        return np.empty(0, np.uint32), np.empty(0, np.bool_)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::HOP_SAMPLES]
    edges = np.rint(BAND_EDGES_HZ * WINDOW_SAMPLES / RATE_HZ).astype(int)
    energies = np.empty((len(frames), len(edges) - 1), np.float32)
    window = np.hanning(WINDOW_SAMPLES).astype(np.float32)
    for start in range(0, len(frames), 1_000):
        spectrum = np.abs(scipy.fft.rfft(frames[start : start + 1_000] * window, axis=1)) ** 2
        sums = np.add.reduceat(spectrum[:, : edges[-1]], edges[:-1], axis=1)
        energies[start : start + 1_000] = sums
    slopes = energies[:, :-1] - energies[:, 1:]
    signs = slopes[1:] > slopes[:-1]
    bits = np.packbits(signs, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    loudness = energies.sum(axis=1)[1:]
    return bits, (loudness > HEARD_FLOOR * loudness.max()) & (loudness > 0)


def concatenate(parts: Sequence[tuple[Bits, npt.NDArray[np.bool_]]]) -> Fingerprints:
    """Puts the fingerprints of several recordings one behind the other."""
    return Fingerprints(
        bits=np.concatenate([np.empty(0, np.uint32), *(bits for bits, _ in parts)]),
        heard=np.concatenate([np.empty(0, np.bool_), *(heard for _, heard in parts)]),
        lengths=np.array([len(bits) for bits, _ in parts], dtype=np.int64),
    )


class FingerprintIndex:
    """Recordings by the two 16-bit halves of their frames.

    Halves, where the paper looks up all 32 bits: of a second of speech through a coder at 6 kbit/s
    no whole frame survives.
    """

    def __init__(self, ours: Fingerprints) -> None:
        self._ours = ours
        self._starts = ours.starts
        self._owner = np.repeat(np.arange(len(ours.lengths)), ours.lengths)
        places = np.flatnonzero(ours.heard)
        self._places, self._buckets = [], []
        for half in (0, 1):
            keys = _half(ours.bits[places], half)
            self._places.append(places[np.argsort(keys, kind="stable")])
            counts = np.bincount(keys, minlength=1 << 16)
            self._buckets.append(np.concatenate([[0], np.cumsum(counts)]))
        self._most = max(1_000, COMMON_KEY * len(places) >> 16)

    def matches(self, theirs: Fingerprints) -> list[Match]:
        """Returns the pairs that share sound, each once, at its best shift."""
        best: dict[tuple[int, int], Match] = {}
        for ours, other, shift in self._candidates(theirs):
            rates, _ = self._compare(theirs, ours, other, shift)
            near = rates <= NEAR_ERROR_RATE
            ours, other, shift = ours[near], other[near], shift[near]
            for step in (-1, 0, 1):
                rates, frames = self._compare(theirs, ours, other, shift + step)
                for hit in np.flatnonzero((frames >= MIN_FRAMES) & (rates <= MAX_ERROR_RATE)):
                    pair, rate = (int(ours[hit]), int(other[hit])), float(rates[hit])
                    if pair not in best or rate < best[pair].error_rate:
                        best[pair] = Match(*pair, rate, int(frames[hit]))
        return list(best.values())

    def _candidates(self, theirs: Fingerprints) -> Iterator[tuple[Indices, Indices, Indices]]:
        """Yields recordings of ours, of theirs, and how many frames later theirs has the sound."""
        starts = theirs.starts
        owner = np.repeat(np.arange(len(theirs.lengths)), theirs.lengths)
        asked = np.flatnonzero(theirs.heard)[::QUERY_STEP]
        keys = [_half(theirs.bits[asked], half) for half in (0, 1)]
        sizes = [np.diff(buckets)[key] for buckets, key in zip(self._buckets, keys, strict=True)]
        for size in sizes:
            size[size > self._most] = 0
        # A recording's votes stay together, or none of them would be enough.
        votes = np.bincount(owner[asked], sizes[0] + sizes[1], minlength=len(theirs.lengths))
        groups = np.cumsum(votes) // BLOCK
        widest = int(max(self._ours.lengths.max(initial=1), theirs.lengths.max(initial=1))) + 1
        for group in np.unique(groups):
            inside = groups[owner[asked]] == group
            codes = []
            for half in (0, 1):
                size = sizes[half][inside]
                first = self._buckets[half][keys[half][inside]]
                place = self._places[half][_ranges(first, size)]
                query = np.repeat(asked[inside], size)
                ours, other = self._owner[place], owner[query]
                shift = (query - starts[other]) - (place - self._starts[ours]) + widest
                codes.append((ours * len(theirs.lengths) + other) * (2 * widest) + shift)
            pairs, counts = np.unique(np.concatenate(codes), return_counts=True)
            # Sound that lies between two frames votes for both shifts.
            beside = np.append(pairs[1:] == pairs[:-1] + 1, False)
            counts = counts + np.where(beside, np.append(counts[1:], 0), 0)
            pairs = pairs[counts >= MIN_VOTES]
            pair, shift = pairs // (2 * widest), pairs % (2 * widest) - widest
            ours, other = np.divmod(pair, len(theirs.lengths))
            for at in range(0, len(pairs), BLOCK // 512):
                some = slice(at, at + BLOCK // 512)
                yield ours[some], other[some], shift[some]

    def _compare(
        self, theirs: Fingerprints, ours: Indices, other: Indices, shift: Indices
    ) -> tuple[npt.NDArray[np.float64], Indices]:
        """Returns bit error rates and numbers of heard frames of pairs at given shifts."""
        first = np.maximum(0, -shift)
        last = np.minimum(self._ours.lengths[ours], theirs.lengths[other] - shift)
        sizes = np.maximum(0, last - first)
        place = _ranges(self._starts[ours] + first, sizes)
        query = _ranges(theirs.starts[other] + first + shift, sizes)
        heard = self._ours.heard[place] & theirs.heard[query]
        unequal = np.bitwise_count(self._ours.bits[place] ^ theirs.bits[query]) * heard
        pair = np.repeat(np.arange(len(ours)), sizes)
        frames = np.bincount(pair, heard, minlength=len(ours)).astype(np.int64)
        errors = np.bincount(pair, unequal, minlength=len(ours))
        return errors / np.maximum(32 * frames, 1), frames


def _half(bits: Bits, half: int) -> Indices:
    return ((bits >> np.uint32(16 * half)) & np.uint32(0xFFFF)).astype(np.int64)


def _ranges(first: Indices, sizes: Indices) -> Indices:
    """Returns first[0], first[0] + 1, ... (sizes[0] numbers), then the same of first[1], ..."""
    ends = np.cumsum(sizes)
    inside: Indices = np.arange(ends[-1] if len(ends) else 0)
    inside += np.repeat(first - (ends - sizes), sizes)
    return inside
