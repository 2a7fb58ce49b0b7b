"""The probe of windows, on made-up states: an order of frames tells the class, no frame does."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from mfsn.data.fold_data import IntArray
from mfsn.experiment.experiment import VariantOnFold
from mfsn.study.window_probe import window_ua

FRAMES, DIM = 12, 6
TRAIN, DEV, NUM = 800, 900, 1100
"""Where the training part ends, the dev part, and all."""


class MadeUp:
    """Utterances of one segment: two frames of a pair, one way round for class 0, the other for
    class 1, somewhere among noise."""

    def __init__(self) -> None:
        draws = np.random.default_rng(0)
        self.answers = draws.integers(0, 2, NUM)
        self.states = draws.normal(0, 0.3, (NUM, FRAMES, DIM)).astype(np.float32)
        for row, answer in enumerate(self.answers):
            place = draws.integers(0, 7)
            self.states[row, place, 0 if answer else 1] += 4.0
            self.states[row, place + 1, 1 if answer else 0] += 4.0

    def segments_of(self, rows: IntArray) -> IntArray:
        return rows

    def batch(self, segments: IntArray) -> Any:
        valid = torch.ones(len(segments), FRAMES, dtype=torch.bool)
        valid[:, 10:] = False
        states = torch.from_numpy(self.states[segments]).masked_fill(~valid[:, :, None], 1e4)
        batch = SimpleNamespace(tec=states, valid=valid, utterance=torch.from_numpy(segments))
        batch.to = lambda _: batch
        return batch


def fold_of(data: MadeUp) -> VariantOnFold:
    rows = np.arange(NUM)
    fold = SimpleNamespace(
        data=data, train=rows[:TRAIN], dev=rows[TRAIN:DEV], test=rows[DEV:], device="cpu",
        streams=lambda batch: batch,
    )  # fmt: skip
    return cast(VariantOnFold, fold)


def test_it_tells_an_order_and_says_the_same_again() -> None:
    data = MadeUp()
    told = window_ua(fold_of(data), lambda batch: batch.tec, data.answers)
    assert told > 0.9
    assert window_ua(fold_of(data), lambda batch: batch.tec, data.answers) == told


def test_it_tells_nothing_that_is_not_there() -> None:
    data = MadeUp()
    other = np.random.default_rng(1).integers(0, 2, NUM)
    assert abs(window_ua(fold_of(data), lambda batch: batch.tec, other) - 0.5) < 0.15


def test_what_is_beyond_an_utterance_is_not_heard() -> None:
    data, louder = MadeUp(), MadeUp()
    louder.states[:, 10:] = -7.0
    told = [window_ua(fold_of(one), lambda batch: batch.tec, one.answers) for one in (data, louder)]
    assert told[0] == told[1]


def test_test_answers_choose_nothing() -> None:
    data = MadeUp()
    swapped = data.answers.copy()
    swapped[DEV:] = 1 - swapped[DEV:]
    told = [window_ua(fold_of(data), lambda batch: batch.tec, x) for x in (data.answers, swapped)]
    assert sum(told) == pytest.approx(1.0)
