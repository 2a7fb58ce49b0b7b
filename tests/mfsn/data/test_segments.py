"""Segments cover each utterance exactly, and short remainders follow the rule."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.data.segments import cut, make_segments

INPUTS = InputSettings()
NONE = FaultSettings()
TINY = FaultSettings(tiny_tails=True)


@given(st.integers(400, 400_000))
def test_segments_follow_each_other_and_leave_out_nothing_but_a_short_tail(length: int) -> None:
    bounds = cut(length, INPUTS, NONE)
    assert bounds[0][0] == 0
    for (_, stop), (start, _) in pairwise(bounds):
        assert stop == start
    assert all(0 < stop - start <= 48_000 for start, stop in bounds)
    assert all(stop - start == 48_000 for start, stop in bounds[:-1])
    left_out = length - bounds[-1][1]
    assert left_out < 8_000
    assert left_out == (length % 48_000 if 0 < length % 48_000 < 8_000 < 48_000 < length else 0)


@given(st.integers(400, 400_000))
def test_the_fault_tiny_tails_keeps_every_sample(length: int) -> None:
    bounds = cut(length, INPUTS, TINY)
    assert bounds[-1][1] == length
    assert len(bounds) == -(-length // 48_000)


def test_tails_by_hand() -> None:
    assert cut(48_000, INPUTS, NONE) == [(0, 48_000)]
    assert cut(55_999, INPUTS, NONE) == [(0, 48_000)]
    assert cut(56_000, INPUTS, NONE) == [(0, 48_000), (48_000, 56_000)]
    assert cut(500, INPUTS, NONE) == [(0, 500)], "an utterance keeps its first segment"
    assert cut(48_001, INPUTS, TINY) == [(0, 48_000), (48_000, 48_001)]


def test_valid_frames_are_counted_by_hand() -> None:
    segments = make_segments([48_000, 56_000, 97_000], ["a", "b", "c"], INPUTS, NONE)
    assert segments.utterance.tolist() == [0, 1, 1, 2, 2]
    assert segments.first.tolist() == [0, 1, 3, 5]
    assert segments.num_samples.tolist() == [48_000, 48_000, 8_000, 48_000, 48_000]
    # Frames on samples 0, 160, ... 8,000 are 51; the 301st of a full segment is the next one's.
    assert segments.num_spectral_frames.tolist() == [300, 300, 51, 300, 300]
    assert (segments.num_left_out, segments.seconds_left_out) == (1, 1_000 / 16_000)


def test_faults_change_what_counts_as_valid() -> None:
    tiny = make_segments([48_100], ["a"], INPUTS, TINY)
    assert tiny.num_samples.tolist() == [48_000, 400], "one frame of the encoders at least"
    assert tiny.num_spectral_frames.tolist() == [300, 1]
    loud = make_segments([8_000], ["a"], INPUTS, FaultSettings(loud_padding=True))
    assert (loud.num_samples[0], loud.num_spectral_frames[0]) == (8_000, 300)
    front = make_segments([8_000], ["a"], INPUTS, FaultSettings(front_padded_waveform=True))
    assert (front.num_samples[0], front.num_spectral_frames[0]) == (48_000, 51)


def test_an_utterance_without_a_single_frame_is_named() -> None:
    with pytest.raises(ValueError, match="'b' has 399 samples"):
        make_segments([400, 399], ["a", "b"], INPUTS, NONE)


def test_all_faults_are_off_by_default_and_named_when_on() -> None:
    assert FaultSettings().active() == ()
    on = FaultSettings(tiny_tails=True, test_selection=True)
    assert on.active() == ("test_selection", "tiny_tails")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment_seconds", 1.005),
        ("min_tail_seconds", 0.02),
        ("pre_emphasis", 1.0),
        ("floor_db", 0.0),
        ("window_samples", 801),
        ("num_bins", 402),
        ("num_mfcc", 129),
    ],
)
def test_settings_that_cannot_be_used_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"`{name}`"):
        InputSettings(**{name: value})  # type: ignore[arg-type]


def test_sizes_of_the_paper() -> None:
    sizes = INPUTS.segment_samples, INPUTS.num_frames, INPUTS.num_spectral_frames
    assert np.array_equal(sizes, (48_000, 150, 300))
