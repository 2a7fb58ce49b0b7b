"""Cuts utterances into segments and counts what is valid in each.

S samples of an utterance, N segments of all utterances.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mfsn.data.faults import FaultSettings
from mfsn.data.head_inputs import HOP_SAMPLES, InputSettings
from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES, SAMPLE_RATE_HZ
from pretrain.shared.errors import InputError

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Segments:
    """All N segments of a list of utterances, in order of utterance and time."""

    utterance: IntArray
    """(N,) place of the utterance in the list."""

    start: IntArray
    """(N,) first sample at 16 kHz."""

    stop: IntArray
    """(N,) sample behind the last."""

    num_samples: IntArray
    """(N,) samples that the encoders take as valid."""

    num_spectral_frames: IntArray
    """(N,) frames of spectrogram and MFCC that count as valid."""

    first: IntArray
    """(U + 1,) segments of utterance u are first[u] to first[u + 1]."""

    num_left_out: int
    """Remainders that were too short."""

    seconds_left_out: float
    """Their length together."""

    def __len__(self) -> int:
        return len(self.start)

    def summary(self) -> str:
        """Says how many there are, and what was left out for being too short."""
        return (
            f"{len(self)} segments; {self.num_left_out} remainders at the end of an utterance "
            f"({self.seconds_left_out:.1f} s in all) are too short and left out"
        )


def cut(num_samples: int, inputs: InputSettings, faults: FaultSettings) -> list[tuple[int, int]]:
    """Returns start and stop of the segments of an utterance of S samples.

    They follow each other without gap or overlap from 0 on. Only a remainder that is shorter than
    `min_tail_samples` is missing at the end, unless it is the utterance's only segment.
    """
    length = inputs.segment_samples
    bounds = [(at, min(at + length, num_samples)) for at in range(0, num_samples, length)]
    start, stop = bounds[-1]
    if len(bounds) > 1 and stop - start < inputs.min_tail_samples and not faults.tiny_tails:
        bounds.pop()
    return bounds


def make_segments(
    lengths: Sequence[int], ids: Sequence[str], inputs: InputSettings, faults: FaultSettings
) -> Segments:
    """Cuts utterances of `lengths` samples at 16 kHz.

    Raises:
        ValueError: An utterance is shorter than one frame of the encoders.
    """
    for length, utterance in zip(lengths, ids, strict=True):
        if length < RECEPTIVE_FIELD_SAMPLES:
            raise InputError(
                f"Utterance {utterance!r} has {length} samples at 16 kHz, but one frame takes "
                f"{RECEPTIVE_FIELD_SAMPLES}: leave it out of the corpus."
            )
    bounds = [cut(length, inputs, faults) for length in lengths]
    start = np.array([start for pairs in bounds for start, _ in pairs], dtype=np.int64)
    stop = np.array([stop for pairs in bounds for _, stop in pairs], dtype=np.int64)
    counts = [len(pairs) for pairs in bounds]
    tails = [length - pairs[-1][1] for length, pairs in zip(lengths, bounds, strict=True)]
    # Frames are centred on multiples of the hop, so a frame on the very first sample is one too.
    # The frame centred behind a full segment is the first of the next one.
    num_frames = np.minimum(1 + (stop - start) // HOP_SAMPLES, inputs.num_spectral_frames)
    num_samples = np.maximum(stop - start, RECEPTIVE_FIELD_SAMPLES)
    if faults.loud_padding:
        num_frames = np.full_like(num_frames, inputs.num_spectral_frames)
    if faults.front_padded_waveform:
        num_samples = np.full_like(num_samples, inputs.segment_samples)
    return Segments(
        utterance=np.repeat(np.arange(len(counts), dtype=np.int64), counts),
        start=start,
        stop=stop,
        num_samples=num_samples,
        num_spectral_frames=num_frames,
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        num_left_out=int(np.count_nonzero(tails)),
        seconds_left_out=sum(tails) / SAMPLE_RATE_HZ,
    )
