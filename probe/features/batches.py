"""Utterances of a table as batches of waveforms, longest first.

Shapes: N utterances, B utterances of a batch, S samples.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from pretrain.data.audio.waveforms import Waveform, check_whole, num_samples_16k, read_waveform
from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES, SAMPLE_RATE_HZ
from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.shared.errors import InputError

IndexArray = npt.NDArray[np.intp]
Lengths = npt.NDArray[np.int64]

BATCH_SECONDS = 60.0
"""Most audio in a batch, padding included."""


def lengths_16k(table: pd.DataFrame) -> Lengths:
    """Returns (N,) the samples of each utterance at 16 kHz.

    Raises:
        ValueError: An utterance is shorter than one frame, or too long to be taken as a whole.
    """
    check_whole(table)
    sizes = zip(table["frames"], table["sample_rate"], strict=True)
    lengths = np.array([num_samples_16k(int(frames), int(rate)) for frames, rate in sizes])
    if lengths.min() < RECEPTIVE_FIELD_SAMPLES:
        raise InputError(
            f"Utterance {table['id'].iloc[int(lengths.argmin())]!r} has {lengths.min()} samples at "
            f"16 kHz, but one frame takes {RECEPTIVE_FIELD_SAMPLES}: leave it out of the corpus."
        )
    return lengths


def longest_first(lengths: Lengths) -> IndexArray:
    """Returns (N,) rows in order of falling length, so that a lack of memory shows at once; ties
    in the order of the rows."""
    return np.lexsort((np.arange(len(lengths)), -lengths))


def batches(
    order: IndexArray, lengths: Lengths, seconds: float = BATCH_SECONDS
) -> Iterator[IndexArray]:
    """Cuts rows in order of falling length into batches of a budget of padded samples."""
    start = 0
    while start < len(order):
        count = max(1, int(seconds * SAMPLE_RATE_HZ // lengths[order[start]]))
        yield order[start : start + count]
        start += count


def read_batch(
    table: pd.DataFrame,
    rows: IndexArray,
    prepare: Callable[[Waveform], Waveform] = normalize_waveform,
) -> tuple[Tensor, Tensor]:
    """Returns prepared, zero-padded waveforms (B, S) and their numbers of samples (B,)."""
    return pad_waveforms([prepare(read_waveform(table.iloc[int(row)])) for row in rows])
