"""Small random batches of segments for the tests of the networks."""

from dataclasses import replace

import torch
from torch import Tensor

from mfsn.data.fold_data import SegmentBatch
from mfsn.model.head_settings import HeadSettings

DIM = 8
NUM_CLASSES = 4

HEAD = HeadSettings(
    image_height=64,
    image_width=64,
    channels=(4, 4, 4, 4, 4),
    pooled=2,
    spectrogram_dim=6,
    lstm_dim=3,
    lstm_layers=2,
    mfcc_pool=10,
    mfcc_dim=6,
    stream_dim=6,
    hidden_dim=8,
    dropout=0.0,
    lstm_dropout=0.0,
)


def make_batch(
    num_frames: list[int], *, tec_dim: int = DIM, sec_dim: int = DIM, seed: int = 0
) -> SegmentBatch:
    """A batch whose rows have `num_frames` valid frames of 150, and twice as many spectral ones."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    frames = torch.tensor(num_frames)
    rows = len(num_frames)
    batch = SegmentBatch(
        spectrogram=draw(rows, 300, 200).sigmoid(),
        mfcc=draw(rows, 300, 40),
        num_spectral_frames=2 * frames,
        waveforms=torch.empty(rows, 0),
        num_samples=320 * frames + 80,
        valid=torch.arange(150) < frames[:, None],
        tec=draw(rows, 150, tec_dim),
        sec=(draw(rows, 150, sec_dim), draw(rows, 150, sec_dim), draw(rows, 150, sec_dim)),
        labels=torch.arange(rows) % NUM_CLASSES,
        utterance=torch.arange(rows),
    )
    return with_beyond(batch, 0.0)


def with_beyond(batch: SegmentBatch, value: float) -> SegmentBatch:
    """The same batch with `value` wherever nothing is valid."""
    beyond = ~batch.valid[:, :, None]
    spectral = (torch.arange(300) >= batch.num_spectral_frames[:, None])[:, :, None]
    return replace(
        batch,
        spectrogram=batch.spectrogram.masked_fill(spectral, value),
        mfcc=batch.mfcc.masked_fill(spectral, value),
        tec=batch.tec.masked_fill(beyond, value),
        sec=tuple(level.masked_fill(beyond, value) for level in batch.sec),
    )


def row(batch: SegmentBatch, number: int) -> SegmentBatch:
    """The batch of one of its segments."""
    one = slice(number, number + 1)
    return SegmentBatch(
        spectrogram=batch.spectrogram[one],
        mfcc=batch.mfcc[one],
        num_spectral_frames=batch.num_spectral_frames[one],
        waveforms=batch.waveforms[one],
        num_samples=batch.num_samples[one],
        valid=batch.valid[one],
        tec=batch.tec[one],
        sec=tuple(level[one] for level in batch.sec),
        labels=batch.labels[one],
        utterance=batch.utterance[one],
    )
