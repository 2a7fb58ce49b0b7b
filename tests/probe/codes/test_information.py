"""Excess information: found where it is, absent where utterances only look alike."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse import csr_array

from pretrain.shared.random_streams import generator
from probe.codes.information import blocks_of, frame_information, utterance_information

NUM_UTTERANCES, NUM_FRAMES, NUM_CENTRES = 120, 100, 64
SPEAKERS = [f"s{number % 6}" for number in range(NUM_UTTERANCES)]

IntArray = npt.NDArray[np.int64]


def counts_of(centres: IntArray) -> csr_array:
    """(N, T) centres -> (N, M) counts."""
    return csr_array(np.array([np.bincount(row, minlength=NUM_CENTRES) for row in centres]))


def speakers() -> IntArray:
    return np.arange(NUM_UTTERANCES, dtype=np.int64) % 6


def labels() -> IntArray:
    return (np.arange(NUM_UTTERANCES, dtype=np.int64) // 6) % 4


def test_a_known_amount_of_information_is_the_excess() -> None:
    """With probability one half a frame's centre is one of its label's own 16: 1.0 bit of 2 less
    what the other half hides."""
    rng = generator("known")
    noise = rng.integers(0, 64, (NUM_UTTERANCES, NUM_FRAMES))
    own = 16 * labels()[:, None] + rng.integers(0, 16, noise.shape)
    centres = np.where(rng.random(noise.shape) < 0.5, own, noise)
    found = utterance_information(counts_of(centres), labels(), speakers(), blocks_of(SPEAKERS))
    shares = np.array([0.5 + 0.125, 0.125, 0.125, 0.125])
    known = 2.0 + float((shares * np.log2(shares)).sum())
    assert found.label_bits == pytest.approx(2.0, abs=0.001)
    assert found.excess == pytest.approx(known, abs=0.03)
    assert found.p_value == pytest.approx(1 / 201)
    assert len(found.blocks) == 6
    assert found.blocks == pytest.approx([known] * 6, abs=0.05)


@pytest.mark.slow
def test_utterances_that_differ_for_no_reason_give_information_but_no_excess() -> None:
    """Every utterance dwells on a few centres of its own: frames are anything but independent."""
    found = []
    for trial in range(10):
        rng = generator("dwell", trial)
        favourites = rng.integers(0, 64, (NUM_UTTERANCES, 3))
        centres = np.take_along_axis(
            favourites, rng.integers(0, 3, (NUM_UTTERANCES, NUM_FRAMES)), axis=1
        )
        none = np.full(NUM_UTTERANCES, -1, dtype=np.int64)
        found.append(utterance_information(counts_of(centres), labels(), 0 * none, none))
    assert min(item.bits for item in found) > 0.2
    assert abs(np.mean([item.excess for item in found])) < 0.04
    assert 0.2 < np.mean([item.p_value for item in found]) < 0.8
    assert sum(item.p_value < 0.05 for item in found) <= 2


def test_what_the_stratum_tells_is_no_excess() -> None:
    """Codes know the speaker, and each speaker has one label: nothing is known of the label."""
    centres = np.repeat(10 * speakers()[:, None], NUM_FRAMES, axis=1)
    found = utterance_information(
        counts_of(centres), speakers() // 2, speakers(), blocks_of(SPEAKERS)
    )
    assert found.bits > 1.0
    assert found.excess == pytest.approx(0.0, abs=1e-9)
    assert found.p_value == 1.0


def test_frames_that_follow_their_characters_are_told_from_utterances_that_share_them() -> None:
    rng = generator("characters")
    said = rng.integers(0, 4, (40, 60))
    utterances = np.repeat(np.arange(40), 60)
    blocks = blocks_of([f"s{number % 5}" for number in range(40)])
    locked = frame_information(
        4 * rng.integers(0, 8, said.size) + said.ravel(), said.ravel(), utterances, blocks
    )
    assert locked.excess == pytest.approx(2.0, abs=0.05)
    assert locked.p_value == pytest.approx(1 / 201)
    # Each utterance has characters and centres of its own, in no common order.
    kind = rng.integers(0, 2, 40)[:, None]
    apart = frame_information(
        (16 * kind + rng.integers(0, 16, said.shape)).ravel(),
        (4 * kind + said).ravel(),
        utterances,
        blocks,
    )
    assert apart.bits > 0.9
    assert abs(apart.excess) < 0.02
    assert apart.p_value > 0.01


def test_many_speakers_are_left_out_in_groups_and_unknown_ones_not_at_all() -> None:
    assert set(blocks_of([f"s{number}" for number in range(100)])) == set(range(25))
    assert set(blocks_of(["a", "b", ""])) == {-1}
    assert set(blocks_of(["a", "b", "a"])) == {-1}


def test_only_speakers_with_labelled_frames_are_left_out() -> None:
    """The first 8 of 80 utterances are transcribed: those of 2 of 20 speakers, then of 4."""
    rng = generator("few")
    centres, said = rng.integers(0, 8, 240), rng.integers(1, 5, 240)
    utterances = np.repeat(np.arange(8), 30)
    by_four, by_two = np.arange(80) // 4, np.arange(80) // 2
    assert frame_information(centres, said, utterances, by_four).blocks == ()
    assert len(frame_information(centres, said, utterances, by_two).blocks) == 4
    # One speaker only: leaving them out would leave nothing.
    counts = csr_array(rng.integers(0, 5, (4, 8)))
    alone = np.zeros(4, dtype=np.int64)
    found = utterance_information(counts, np.array([0, 1, 0, 1]), alone, alone)
    assert found.blocks == ()
