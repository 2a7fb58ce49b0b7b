"""Segments that are numbers only, a tiny network, and a fold, for whatever trains in a test.

U utterances, B segments, T frames, D model dim, C classes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mfsn.data.fold_data import FoldData, IntArray, SegmentBatch
from mfsn.search.epochs import Training
from mfsn.search.fit import FitResult, fit
from mfsn.search.settings import FitSettings
from pretrain.model.encoder import seeded_weights
from pretrain.shared.random_streams import generator

NUM_CLASSES = 3
NUM_FRAMES = 150
DIM = 8
NUM_SPECTRAL_FRAMES, NUM_BINS, NUM_MFCC = 300, 200, 40

FAST = FitSettings(lr=5e-3, sec_lr=5e-3, batch_size=8, max_epochs=5, patience=5, precision="fp32")


class MadeUpSegments:
    """Utterance u has class u % C and 1 + u % 2 segments; its states hint at the class."""

    def __init__(self, num_utterances: int, *, hint: float = 0.5, dim: int = DIM) -> None:
        self.rows = np.array([u for u in range(num_utterances) for _ in range(1 + u % 2)])
        self.seen: set[int] = set()
        rng = generator("made up", num_utterances)
        num_segments = len(self.rows)
        num_frames = rng.integers(50, NUM_FRAMES, num_segments)
        self.num_frames = torch.from_numpy(num_frames)
        self.valid = torch.arange(NUM_FRAMES) < self.num_frames[:, None]
        labels = self.rows % NUM_CLASSES
        self.labels = torch.from_numpy(labels)
        states = rng.standard_normal((4, num_segments, NUM_FRAMES, dim), dtype=np.float32)
        # Noise of a segment's mean falls with its frames; one offset per segment does not.
        states += rng.standard_normal((4, num_segments, 1, dim), dtype=np.float32)
        states[:, np.arange(num_segments), :, labels] += hint
        self.states = torch.from_numpy(states) * self.valid[..., None]
        heard = torch.arange(NUM_SPECTRAL_FRAMES) < 2 * self.num_frames[:, None]
        spectrogram = rng.random((num_segments, NUM_SPECTRAL_FRAMES, NUM_BINS), dtype=np.float32)
        mfcc = rng.standard_normal((num_segments, NUM_SPECTRAL_FRAMES, NUM_MFCC), dtype=np.float32)
        self.spectrogram = torch.from_numpy(spectrogram) * heard[..., None]
        self.mfcc = torch.from_numpy(mfcc) / NUM_MFCC**0.5 * heard[..., None]

    def segments_of(self, rows: IntArray) -> IntArray:
        return np.concatenate([np.flatnonzero(self.rows == row) for row in rows])

    def batch(self, segments: IntArray) -> SegmentBatch:
        self.seen.update(self.rows[segments].tolist())
        chosen = torch.from_numpy(segments)
        tec, *sec = self.states[:, chosen]
        return SegmentBatch(
            spectrogram=self.spectrogram[chosen],
            mfcc=self.mfcc[chosen],
            num_spectral_frames=2 * self.num_frames[chosen],
            waveforms=torch.zeros(len(segments), 0),
            num_samples=self.num_frames[chosen] * 320 + 80,
            valid=self.valid[chosen],
            tec=tec,
            sec=tuple(sec),
            labels=self.labels[chosen],
            utterance=torch.from_numpy(self.rows[segments]),
        )


class TinyNetwork(nn.Module):
    """Logits from the mean of the TEC states, with dropout so that random numbers matter."""

    def __init__(self, seed: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        with seeded_weights(seed, "tiny network"):
            self.hidden = nn.Linear(2 * DIM, 16)
            self.classify = nn.Linear(16, NUM_CLASSES)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: SegmentBatch) -> Tensor:
        states = torch.cat([batch.tec, batch.sec[-1]], dim=-1)
        pooled = states.sum(dim=1) / batch.valid.sum(dim=1, keepdim=True)
        logits: Tensor = self.classify(self.dropout(self.hidden(pooled).relu()))
        return logits


class TrainedStreams(nn.Module):
    """A stand-in for live streams: one level is changed by a weight that is trained, beside one
    that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(DIM))
        self.frozen = nn.Parameter(torch.ones(DIM), requires_grad=False)

    def forward(self, batch: SegmentBatch) -> SegmentBatch:
        sec = (*batch.sec[:-1], batch.sec[-1] * self.scale)
        values = {**vars(batch), "sec": sec, "tec": batch.tec * self.frozen}
        return SegmentBatch(**values)


def make_fold(num_utterances: int = 24, hint: float = 0.5) -> FoldData:
    """Returns a fold whose last third is left out of both parts, for a test."""
    data = MadeUpSegments(num_utterances, hint=hint)
    third = num_utterances // 3
    return FoldData(
        data=data, train=np.arange(third), dev=np.arange(third, 2 * third, dtype=np.int64)
    )


def fitted(
    network: nn.Module, streams: nn.Module, fold: FoldData, settings: FitSettings, **more: Any
) -> FitResult:
    return fit(network, Training(streams=streams, fold=fold, settings=settings, **more))


def state_of(*modules: nn.Module) -> dict[str, Tensor]:
    return {
        f"{place}.{name}": value.clone()
        for place, module in enumerate(modules)
        for name, value in module.state_dict().items()
    }


def assert_same_state(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


def without_seconds(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def files_under(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
