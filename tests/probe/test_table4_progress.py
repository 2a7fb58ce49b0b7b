"""The time left of a table, against numbers computed by hand."""

import pytest

from probe.table4_progress import in_words, seconds_left

PRETRAINING, CELL = ("pre-training", "quantized"), ("linear, encoder", "emodb")


def test_jobs_that_are_left_take_the_mean_of_their_kind_shared_by_processes() -> None:
    known = {PRETRAINING: [100.0, 200.0], CELL: [10.0]}
    left = [(PRETRAINING, 1.0), (PRETRAINING, 0.5), (CELL, 1.0)]
    assert seconds_left(known, left, 1) == pytest.approx(150 + 75 + 10)
    # Two processes share 235 s, but the longest job alone takes 150 s.
    assert seconds_left(known, left, 2) == pytest.approx(150)


def test_an_unknown_kind_takes_its_time_from_one_that_is_roughly_alike() -> None:
    known = {PRETRAINING: [100.0], CELL: [10.0]}
    assert seconds_left(known, [(("pre-training", "continuous"), 1.0)], 1) == 100
    assert seconds_left(known, [(("superb, encoder", "emodb"), 1.0)], 1) is None
    assert seconds_left(known, [], 2) == 0


def test_durations_are_said_as_people_say_them() -> None:
    assert [in_words(s) for s in (59.6, 600, 9000)] == ["60 s", "10 min", "2.5 h"]
