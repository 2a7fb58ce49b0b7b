"""All segments of a corpus with everything that the networks see of them.

Shapes: N segments of the corpus, B segments of a batch, F frames of 10 ms, K bins, T frames of the
encoders, D dim.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mfsn.data.fold_data import IntArray, SegmentBatch, in_batches
from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.segments import Segments, SegmentSource, kept_tensors, make_segments
from mfsn.data.spectra import BinRange, SpectralInputs, fit_range, valid_frames
from mfsn.data.streams import EncoderStates, EncoderWaveforms, StreamPair, layer_name
from pretrain.data.audio.waveforms import num_samples_16k
from pretrain.data.frames import num_frames_of
from pretrain.shared.errors import InputError

FIT_SEGMENTS = 64
"""Segments that are looked at together when the normalisation is fitted."""

UNLABELLED = -1


class SegmentData:
    """Segments by number, 0 to N - 1, of utterances by row of the corpus table; take
    `fitted_on(training rows)` before the first batch."""

    def __init__(
        self,
        table: pd.DataFrame,
        classes: Sequence[str],
        streams: StreamPair,
        inputs: InputSettings,
        faults: FaultSettings,
        folder: Path,
        *,
        live: bool = False,
    ) -> None:
        """Computes, or maps from `folder`, everything about the segments of a corpus.

        Args:
            table: Utterances; rows are counted in its order.
            classes: Names in order of their number. An utterance without emotion gets label -1.
            streams: The encoders; their states are computed in advance.
            live: The SEC encoder will be trained: batches have waveforms instead of its states.

        Raises:
            ValueError: An utterance is too short or has an emotion that is not among the classes,
                or an encoder's states are not finite.
        """
        labels = _labels_of(table, classes)
        # What is kept is in order of id: `rows` (U,) says which row of the table an utterance is.
        rows = np.argsort(table["id"].astype(str).to_numpy(), kind="stable").astype(np.int64)
        by_id = table.iloc[rows]
        segments = segments_of_table(by_id, inputs, faults)

        def kept(source: SegmentSource) -> dict[str, Tensor]:
            return kept_tensors(by_id, segments, source, inputs, faults, folder)

        self.num_segments = len(segments)
        self.seen: set[int] = set()
        """Rows of the utterances that were asked for, by `batch` or to fit the normalisation."""

        self._num_frames = inputs.num_frames
        self._tec = torch.empty(len(segments), inputs.num_frames, 0)
        self._sec: tuple[Tensor, ...] = ()
        self._waveforms = torch.empty(len(segments), 0)
        if streams.tec is not None:
            last = streams.tec.num_layers
            self._tec = kept(EncoderStates(streams.tec, [last], inputs, faults))[layer_name(last)]
        if live:
            assert streams.sec is not None, "there is no SEC encoder to train"
            self._waveforms = kept(EncoderWaveforms(streams.sec, inputs, faults))["waveforms"]
        elif streams.sec is not None:
            states = kept(EncoderStates(streams.sec, streams.levels, inputs, faults))
            self._sec = tuple(states[layer_name(layer)] for layer in streams.levels)
        spectral = kept(SpectralInputs(inputs, faults))
        self._spectrogram, self._mfcc = spectral["spectrogram"], spectral["mfcc"]

        places = np.empty_like(rows)
        places[rows] = np.arange(len(rows))
        self._first = segments.first[:-1][places]
        self._count = np.diff(segments.first)[places]
        utterance = rows[segments.utterance]
        self._utterance = torch.from_numpy(utterance)
        self._labels = torch.from_numpy(labels[utterance])
        self._num_samples = torch.from_numpy(segments.num_samples)
        self._num_spectral_frames = torch.from_numpy(segments.num_spectral_frames)
        self._range: BinRange | None = None

    def segments_of(self, rows: IntArray) -> IntArray:
        """Returns the numbers of the segments of these utterances, in their order."""
        spans = [np.arange(self._first[row], self._first[row] + self._count[row]) for row in rows]
        return np.concatenate([*spans, np.empty(0, dtype=np.int64)]).astype(np.int64)

    def fitted_on(self, rows: IntArray) -> "SegmentData":
        """Returns the same segments, normalised by the range of these utterances only.

        They are the training part. The new object starts with an own `seen`.
        """
        if len(rows) == 0:
            raise InputError("The normalisation must be fitted on some utterance, but has none.")
        batches = in_batches(self.segments_of(rows), FIT_SEGMENTS)
        fitted = self.with_bins(
            fit_range(
                (self._spectrogram[chosen], self._num_spectral_frames[chosen])
                for chosen in map(torch.from_numpy, batches)
            )
        )
        fitted.seen.update(rows.tolist())
        return fitted

    @property
    def bins(self) -> BinRange:
        """The normalisation that was fitted on a training part."""
        assert self._range is not None, "the normalisation is not fitted: take `fitted_on` first"
        return self._range

    def with_bins(self, bins: BinRange) -> "SegmentData":
        """Returns the same segments under the normalisation of a saved network."""
        fitted = copy.copy(self)
        fitted.seen = set()
        fitted._range = bins
        return fitted

    def batch(self, segments: IntArray) -> SegmentBatch:
        """Returns these segments, in their order."""
        chosen = torch.from_numpy(np.asarray(segments, dtype=np.int64))
        utterance = self._utterance[chosen]
        self.seen.update(utterance.tolist())
        num_samples = self._num_samples[chosen]
        num_spectral_frames = self._num_spectral_frames[chosen]
        return SegmentBatch(
            spectrogram=self.bins.normalized(self._spectrogram[chosen], num_spectral_frames),
            mfcc=self._mfcc[chosen],
            num_spectral_frames=num_spectral_frames,
            waveforms=self._waveforms[chosen],
            num_samples=num_samples,
            valid=valid_frames(num_frames_of(num_samples), self._num_frames),
            tec=self._tec[chosen].float(),
            sec=tuple(level[chosen].float() for level in self._sec),
            labels=self._labels[chosen],
            utterance=utterance,
        )


def segments_of_table(
    table: pd.DataFrame, inputs: InputSettings, faults: FaultSettings
) -> Segments:
    """Cuts the utterances of a table, in its order; no audio is read. Raises `ValueError` for an
    utterance that is too short."""
    lengths = [
        num_samples_16k(int(frames), int(rate))
        for frames, rate in zip(table["frames"], table["sample_rate"], strict=True)
    ]
    return make_segments(lengths, table["id"].astype(str).tolist(), inputs, faults)


def _labels_of(table: pd.DataFrame, classes: Sequence[str]) -> IntArray:
    numbers = {name: number for number, name in enumerate(classes)} | {"": UNLABELLED}
    emotion = table["emotion"].astype(str)
    if len(strange := emotion[~emotion.isin(list(numbers))]):
        row = table.loc[strange.index[0]]
        raise InputError(
            f"`emotion` must be one of {', '.join(classes)}, but is {strange.iloc[0]!r} instead "
            f"(utterance {row['id']!r}; {len(strange)} such utterances)."
        )
    return np.array([numbers[name] for name in emotion], dtype=np.int64)
