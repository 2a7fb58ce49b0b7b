"""The time left of a table, against numbers computed by hand."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from probe.whole_table.plan import CellJob
from probe.whole_table.progress import TableProgress, seconds_left

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


def test_a_damaged_cell_takes_an_unknown_time(tmp_path: Path) -> None:
    for number, text in enumerate(['{"inputs": ', "[]", '{"seconds": null}']):
        file = tmp_path / f"{number}.json"
        file.write_text(text)
        cell = Mock(path=file, seed_text="", weights=(), run=Mock(), setting=Mock())
        job = CellJob(cell=cell, needs=(), features=tmp_path, board=Mock())
        line = TableProgress(plan=Mock(jobs=[job], rows=[]), num_jobs=1).line([])
        assert line == "[1/1]"
