"""Use of codebooks and bits per frame against sequences whose rate is known."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from pretrain.shared.random_streams import generator
from probe.codes.frames import FrameCodes
from probe.codes.usage import rates, tilted, usage

NUM_UTTERANCES, NUM_FRAMES = 20, 400
BLOCKS = np.arange(NUM_UTTERANCES, dtype=np.int64) % 5


def codes_of(codes: npt.NDArray[np.int64], num_entries: int) -> FrameCodes:
    """(N, T, G) -> FrameCodes."""
    return FrameCodes(
        codes=codes.reshape(-1, codes.shape[2]).astype(np.int32),
        lengths=np.full(codes.shape[0], codes.shape[1], dtype=np.int64),
        num_entries=num_entries,
        drawn_bits=np.zeros(codes.shape[2]),
    )


def test_usage_counts_every_entry_of_every_codebook() -> None:
    codes = codes_of(np.array([[[0, 2], [0, 1]], [[0, 2], [1, 2]]]), 3)
    assert usage(codes).tolist() == [[3, 1, 0], [0, 1, 3]]
    assert codes.centres.tolist() == [6, 3, 6, 7]
    assert codes.utterances.tolist() == [0, 0, 1, 1]


def test_independent_frames_cost_their_entropy_with_and_without_the_past() -> None:
    drawn = generator("independent").integers(0, 4, (NUM_UTTERANCES, NUM_FRAMES, 2))
    found = rates(codes_of(drawn, 4), BLOCKS)
    assert found.centres_used == 16
    assert found.seen_once == 0.0
    assert found.bits == pytest.approx(4.0, abs=0.01)
    assert found.held_out_bits == pytest.approx(4.0, abs=0.01)
    assert found.rate_bits == pytest.approx(4.0, abs=0.02)


def test_codebooks_that_stay_for_a_while_have_a_low_rate() -> None:
    """Each codebook stays with probability .9, else draws anew: the rate is known."""
    rng = generator("stays")
    codes = rng.integers(0, 4, (NUM_UTTERANCES, NUM_FRAMES, 2))
    stays = rng.random(codes.shape) < 0.9
    for frame in range(1, NUM_FRAMES):
        codes[:, frame] = np.where(stays[:, frame], codes[:, frame - 1], codes[:, frame])
    shares = np.array([0.925, 0.025, 0.025, 0.025])
    known = -2 * float((shares * np.log2(shares)).sum())
    found = rates(codes_of(codes, 4), BLOCKS)
    assert found.bits == pytest.approx(4.0, abs=0.05)
    assert known <= found.rate_bits < known + 0.1


def test_without_parts_to_hold_out_there_is_no_rate() -> None:
    found = rates(codes_of(np.zeros((2, 50, 1), dtype=np.int64), 2), np.array([-1, -1]))
    assert found.bits == pytest.approx(0.0, abs=0.01)
    assert np.isnan(found.rate_bits)


def test_tilted_frequencies_sum_to_one_over_all_centres() -> None:
    """Whatever the past: else what they reach would be no code length."""
    rng = generator("tilted")
    seen = rng.integers(0, 3, (60, 3))
    for past in ((0, 0, 0), (2, 1, 0)):
        total = 0.0
        for now in itertools.product(range(3), repeat=3):
            frames = np.concatenate([seen, [past], [now]])[None].astype(np.int64)
            codes = codes_of(frames, 3)
            train = np.arange(62) < 60
            follows = np.arange(62) > 0
            total += tilted(codes, codes.centres, train, follows)[-1]
        assert total == pytest.approx(1.0, abs=1e-9)
