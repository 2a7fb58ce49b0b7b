"""Reads the shards of this process: crop, normalise, pad, draw the mask."""

import signal
from collections.abc import Iterable
from hashlib import blake2b
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset

from pretrain.data.audio.waveforms import num_samples_16k, read_waveform, read_window
from pretrain.data.batch import Batch
from pretrain.data.frames import (
    RECEPTIVE_FIELD_SAMPLES,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    num_frames_of,
)
from pretrain.data.masking import MaskSettings, draw_mask
from pretrain.data.sampler import PlanError, Shard, UpdatePlan
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.random_streams import Draws

FloatArray = npt.NDArray[np.float32]

NORMALIZE_EPS = 1e-5
"""On the variance of what is no input of an encoder, see `EncoderSettings.normalize_epsilon`."""

MAX_UNHEARD_SHARE = 0.5
"""A larger share of a corpus that one epoch leaves out is said."""


@settings
class DataSettings:
    """What is read and how it is cut into updates."""

    corpus: str = "synthetic:hours=0.5,seed=0,part=pretrain"
    """Corpus to train on, NAME=PATH or `synthetic`; see the README."""

    crop_seconds: Annotated[float, within("(0, 3600]")] = 15.6
    """Longest piece of an utterance; a random one is cut from a longer utterance (wav2vec 2.0:
    250,000 samples). Not specified by the paper."""

    min_seconds: Annotated[float, within("[0.05, 3600]")] = 0.5
    """Shorter utterances are left out."""

    shard_seconds: Annotated[float, within("(0, 86400]")] = 87.5
    """Most audio in a shard, padding included (wav2vec 2.0: 1.4 M samples)."""

    num_shards: Annotated[int, within("[1, 65536]")] = 8
    """Shards per update, whatever the number of processes, which must not exceed it."""

    num_workers: Annotated[int, within("[0, 1024]")] = 0
    """Processes that read ahead, per training process. Changes no result."""

    max_bad_share: Annotated[float, within("[0, 1]")] = 0.05
    """A larger share of unreadable files stops the run."""

    def __post_init__(self) -> None:
        shortest = 2 * RECEPTIVE_FIELD_SAMPLES / SAMPLE_RATE_HZ
        if not shortest <= self.min_seconds <= self.crop_seconds <= self.shard_seconds:
            raise ValueError(
                f"`min_seconds` (at least {shortest}), `crop_seconds` and `shard_seconds` must not "
                f"decrease, but are {self.min_seconds}, {self.crop_seconds} and "
                f"{self.shard_seconds} instead."
            )

    @property
    def crop_samples(self) -> int:
        return round(self.crop_seconds * SAMPLE_RATE_HZ)


def normalize_waveform(waveform: FloatArray, epsilon: float = NORMALIZE_EPS) -> FloatArray:
    """Returns the (S,) waveform with zero mean and unit variance, the same in every mode; `epsilon`
    on the variance."""
    mean, variance = waveform.mean(dtype=np.float64), waveform.var(dtype=np.float64)
    normalized: FloatArray = (waveform - mean) / np.sqrt(variance + epsilon)
    return normalized.astype(np.float32)


def pad_waveforms(waveforms: list[FloatArray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns (B, S) zero-padded waveforms, S a multiple of 320, and their lengths (B,)."""
    lengths = [len(waveform) for waveform in waveforms]
    padded = -(-max(lengths) // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
    batch = np.zeros((len(waveforms), padded), dtype=np.float32)
    for row, waveform in zip(batch, waveforms, strict=True):
        row[: len(waveform)] = waveform
    return torch.from_numpy(batch), torch.tensor(lengths)


class ShardReader(Dataset[Batch]):
    """Makes the batch of a shard; what it makes is a pure function of (seed, shard)."""

    def __init__(
        self,
        table: pd.DataFrame,
        data: DataSettings,
        mask: MaskSettings,
        seed: int,
        epsilon: float = NORMALIZE_EPS,
    ) -> None:
        """`epsilon` is the encoder's, see `EncoderSettings.normalize_epsilon`."""
        self._table = table
        self._epsilon = epsilon
        self._data = data
        self._mask = mask
        self._seed = seed

    def __getitem__(self, shard: Shard) -> Batch:
        utterances = [self._table.iloc[row] for row in shard.rows]
        draws = tuple(
            Draws(
                seed=self._seed, update=shard.update, slot=slot, utterance_id=str(utterance["id"])
            )
            for slot, utterance in enumerate(utterances, start=shard.first_slot)
        )
        crops, starts = zip(*map(self._read_crop, utterances, draws), strict=True)
        waveforms, num_samples = pad_waveforms(
            [normalize_waveform(crop, self._epsilon) for crop in crops]
        )
        mask = torch.zeros(len(crops), waveforms.shape[1] // SAMPLES_PER_FRAME, dtype=torch.bool)
        for row, crop, drawn in zip(mask, crops, draws, strict=True):
            num_frames = num_frames_of(len(crop))
            drawn_mask = draw_mask(num_frames, self._mask, drawn.generator("mask"))
            row[:num_frames] = torch.from_numpy(drawn_mask)
        return Batch(
            waveforms=waveforms,
            num_samples=num_samples,
            crop_starts=torch.tensor(starts),
            mask=mask,
            draws=draws,
        )

    def _read_crop(self, utterance: pd.Series, draws: Draws) -> tuple[FloatArray, int]:
        """Returns the samples (S,) at 16 kHz, and which of the utterance's is the first."""
        num_samples = num_samples_16k(int(utterance["frames"]), int(utterance["sample_rate"]))
        surplus = num_samples - self._data.crop_samples
        if surplus <= 0:
            return read_waveform(utterance), 0
        start = int(draws.generator("crop").integers(surplus + 1))
        return read_window(utterance, start, start + self._data.crop_samples), start


def usable_utterances(table: pd.DataFrame, data: DataSettings) -> pd.DataFrame:
    """Returns the rows of at least `min_seconds`, with the column `num_samples` (16 kHz)."""
    num_samples = [
        num_samples_16k(int(frames), int(rate))
        for frames, rate in zip(table["frames"], table["sample_rate"], strict=True)
    ]
    table = table.assign(num_samples=num_samples)
    usable = table[table["num_samples"] >= data.min_seconds * SAMPLE_RATE_HZ].reset_index(drop=True)
    if usable.empty:
        raise PlanError(
            f"`data.min_seconds` must leave some utterance of {data.corpus!r}, but all "
            f"{len(table)} are shorter than {data.min_seconds} s."
        )
    _warn_of_long_recordings(usable["num_samples"].to_numpy(np.int64), data)
    return usable


def _warn_of_long_recordings(num_samples: npt.NDArray[np.int64], data: DataSettings) -> None:
    """Says it when most of a corpus is not heard in an epoch."""
    cut = num_samples > data.crop_samples
    unheard = int((num_samples[cut] - data.crop_samples).sum())
    total = int(num_samples.sum())
    if unheard <= MAX_UNHEARD_SHARE * total:
        return
    hours = SAMPLE_RATE_HZ * 3600
    warn_of_corpus(
        f"{data.corpus}: {unheard / hours:.2f} of {total / hours:.2f} hours "
        f"({unheard / total:.0%}) are not heard in an epoch, because one crop of "
        f"`data.crop_seconds` = {data.crop_seconds:g} s is taken from each recording, and "
        f"{int(cut.sum())} are longer (the longest {num_samples.max() / SAMPLE_RATE_HZ:.0f} s). To "
        "hear them all, cut them into utterances: a manifest with a row, `offset` and `frames`, "
        "for each."
    )


def make_plan(table: pd.DataFrame, data: DataSettings, seed: int) -> UpdatePlan:
    """Returns the plan of all updates over a table from `usable_utterances`."""
    cropped = np.minimum(table["num_samples"].to_numpy(np.int64), data.crop_samples)
    max_samples = round(data.shard_seconds * SAMPLE_RATE_HZ)
    return UpdatePlan(cropped, max_samples=max_samples, num_shards=data.num_shards, seed=seed)


def make_loader(
    reader: ShardReader, shards: Iterable[Shard], num_workers: int
) -> DataLoader[Batch]:
    """Returns a loader of the given shards in their order."""
    return DataLoader(
        reader,
        sampler=shards,
        batch_size=None,
        num_workers=num_workers,
        # The loader seeds its workers from this instead of the global generator, whose state a
        # resumed run has to find as it was.
        generator=torch.Generator(),
        worker_init_fn=_leave_signals_to_the_trainer,
        pin_memory=torch.cuda.is_available(),
    )


def _leave_signals_to_the_trainer(_: int) -> None:
    """Ctrl-C and a lost terminal reach workers too, but the trainer needs them for its update."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def digest_of(batch: Batch) -> tuple[int, int]:
    """Returns digests of a shard's samples and masks.

    They are sums of 64-bit hashes over its utterances, so that an update's digest is the sum over
    its shards modulo 2^64, whoever computed them.
    """
    samples = masks = 0
    for row, draws in enumerate(batch.draws):
        key = f"{draws.update}/{draws.slot}/{draws.utterance_id}".encode()
        waveform = batch.waveforms[row, : int(batch.num_samples[row])].numpy()
        num_frames = num_frames_of(int(batch.num_samples[row]))
        samples += _digest(key, waveform.tobytes())
        masks += _digest(key, batch.mask[row, :num_frames].numpy().tobytes())
    return samples, masks


def _digest(key: bytes, content: bytes) -> int:
    return int.from_bytes(blake2b(content, key=key[:64], digest_size=8).digest(), "little")
