"""The jackknife interval of the excess covers what it should, on simulated speakers."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.sparse import csr_array

from pretrain.shared.random_streams import generator
from probe.codes import information
from probe.codes.information import utterance_information
from reports.codes.knowledge import half_width

NUM_CENTRES, NUM_EMOTIONS, NUM_UTTERANCES, NUM_FRAMES = 32, 4, 16, 60
NUM_TABLES = 60

Values = npt.NDArray[np.float64]


def intervals(effect: float, num_speakers: int = 8) -> tuple[Values, Values]:
    """Returns the excess and half width of tables of speakers with 16 utterances each.

    Logits of centres differ by speaker, by utterance, and (by `effect`) by emotion, which every
    speaker shows in a way of their own too.
    """
    rng = generator("jackknife", str(effect))
    shown = effect * rng.normal(0, 1, (NUM_EMOTIONS, NUM_CENTRES))
    common = rng.normal(0, 0.5, NUM_CENTRES)
    labels = np.tile(np.arange(NUM_EMOTIONS), num_speakers * NUM_UTTERANCES // NUM_EMOTIONS)
    speakers = np.repeat(np.arange(num_speakers), NUM_UTTERANCES)
    found = []
    for _ in range(NUM_TABLES):
        voices = rng.normal(0, 0.5, (num_speakers, NUM_CENTRES))
        own = 0.6 * effect * rng.normal(0, 1, (num_speakers, NUM_EMOTIONS, NUM_CENTRES))
        logits = common + shown[labels] + voices[speakers] + own[speakers, labels]
        shares = np.exp(logits + rng.normal(0, 0.5, logits.shape))
        counts = rng.multinomial(NUM_FRAMES, shares / shares.sum(axis=1, keepdims=True))
        table = csr_array(counts)
        one = utterance_information(table, labels, speakers, speakers)
        found.append((one.excess, half_width(pd.Series(one.blocks))))
    excess, half = np.array(found).T
    return excess, half


@pytest.mark.slow
def test_intervals_cover_the_mean_excess_and_are_conservative_without_information(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(information, "NUM_SHUFFLES", 20)
    monkeypatch.setattr(information, "NUM_BLOCK_SHUFFLES", 10)
    excess, half = intervals(effect=0.35)
    # The mean of all tables is nearly the truth.
    covered = np.mean(np.abs(excess - excess.mean()) <= half)
    assert 0.88 <= covered <= 1.0
    assert np.mean(half) < excess.mean()
    # It is no interval that covers anything: a quarter as wide it would not.
    assert np.mean(np.abs(excess - excess.mean()) <= half / 4) < 0.75
    excess, half = intervals(effect=0.0)
    assert np.mean(np.abs(excess) <= half) >= 0.95
