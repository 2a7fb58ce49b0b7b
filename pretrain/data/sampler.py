"""Which utterances make up which shard of which update: a pure function of the settings.

An update is a fixed list of `num_shards` micro-batches ("shards"). The plan knows nothing of
processes, workers or modes; process r of P computes shards r, r + P, ... of every update.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pretrain.shared.errors import InputError
from pretrain.shared.random_streams import generator

LENGTH_JITTER = 0.1
"""Utterances are bucketed by length times exp(uniform(-jitter, jitter)), so that batch mates
change from epoch to epoch while little is padded."""


class PlanError(InputError):
    """The corpus and the settings make no plan; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One micro-batch, before it is read."""

    update: int
    shard: int
    """Place in the update, 0 .. num_shards - 1."""
    rows: tuple[int, ...]
    """Rows of the utterance table."""
    first_slot: int
    """Slot of the first row in the update; slots count over all shards."""


class UpdatePlan:
    """Shards of every update, from the lengths of all utterances.

    Every epoch visits every utterance once. Shards hold at most `max_samples` samples, padding
    included, and at least one utterance. An update may straddle two epochs.
    """

    def __init__(
        self, num_samples: npt.NDArray[np.int64], *, max_samples: int, num_shards: int, seed: int
    ) -> None:
        """`num_samples` (N,) are the lengths after cropping, in samples at 16 kHz."""
        if len(num_samples) == 0:
            raise PlanError("`num_samples` must not be empty: the corpus has no utterance.")
        longest = int(num_samples.max())
        if longest > max_samples:
            raise PlanError(
                f"`max_samples` must be at least the longest crop ({longest} samples), but is "
                f"{max_samples} instead. Raise `data.shard_seconds` or lower `data.crop_seconds`."
            )
        self._num_samples = num_samples
        self._max_samples = max_samples
        self._num_shards = num_shards
        self._seed = seed
        self._epoch = 0
        self._epoch_start = 0
        self._epoch_shards = self._shards_of_epoch(0)

    def updates(self, first: int, last: int) -> Iterator[list[Shard]]:
        """Yields the shards of updates `first` .. `last` - 1."""
        for update in range(first, last):
            yield self.update(update)

    def update(self, update: int) -> list[Shard]:
        """Returns the `num_shards` shards of an update."""
        shards: list[Shard] = []
        slot = 0
        for shard in range(self._num_shards):
            rows = self._rows(update * self._num_shards + shard)
            shards.append(Shard(update=update, shard=shard, rows=rows, first_slot=slot))
            slot += len(rows)
        return shards

    def _rows(self, index: int) -> tuple[int, ...]:
        """Returns the rows of shard `index` of the endless stream of shards."""
        if index < self._epoch_start:
            self._epoch, self._epoch_start = 0, 0
            self._epoch_shards = self._shards_of_epoch(0)
        while index >= self._epoch_start + len(self._epoch_shards):
            self._epoch_start += len(self._epoch_shards)
            self._epoch += 1
            self._epoch_shards = self._shards_of_epoch(self._epoch)
        return self._epoch_shards[index - self._epoch_start]

    def _shards_of_epoch(self, epoch: int) -> list[tuple[int, ...]]:
        rng = generator(self._seed, "epoch", epoch)
        jitter = np.exp(rng.uniform(-LENGTH_JITTER, LENGTH_JITTER, len(self._num_samples)))
        shards: list[tuple[int, ...]] = []
        rows: list[int] = []
        longest = 0
        for row in np.argsort(self._num_samples * jitter, kind="stable").tolist():
            longest_with = max(longest, int(self._num_samples[row]))
            if rows and longest_with * (len(rows) + 1) > self._max_samples:
                shards.append(tuple(rows))
                rows, longest_with = [], int(self._num_samples[row])
            rows.append(row)
            longest = longest_with
        shards.append(tuple(rows))
        rng.shuffle(shards)
        return shards
