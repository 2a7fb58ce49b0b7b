"""run.json is read in one way, and result columns are declared once for writers and readers."""

import json
from pathlib import Path

import pytest

from mfsn.experiment.results import COLUMNS, NOT_NEEDED, NUMBERS, WORDS
from pretrain.shared.json_files import JsonError
from pretrain.shared.run_record import RunRecord, find_record, has_record, read_record
from reports.fusion.read.collect import NEEDED


def test_a_folder_without_a_record_has_nothing_to_say_and_cannot_be_read(tmp_path: Path) -> None:
    assert not has_record(tmp_path)
    assert find_record(tmp_path) == {}
    with pytest.raises(JsonError, match=r"run\.json cannot be read"):
        read_record(tmp_path)


def test_what_the_reader_needs_is_named_and_the_rest_is_returned_as_it_is(tmp_path: Path) -> None:
    record = {"kind": "pretrain", "status": "finished", "of a later version": [1, None]}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert find_record(tmp_path) == record
    with pytest.raises(JsonError, match=r"run\.json: `settings` is missing"):
        find_record(tmp_path, RunRecord)


def test_numbers_that_former_versions_wrote_as_nan_are_read_where_that_is_wanted(
    tmp_path: Path,
) -> None:
    (tmp_path / "run.json").write_text('{"train_seconds": NaN}')
    assert str(read_record(tmp_path)["train_seconds"]) == "nan"
    with pytest.raises(JsonError, match="finite"):
        read_record(tmp_path, allow_nan=False)


def test_what_reports_need_of_mfsn_is_what_it_writes() -> None:
    assert set(NEEDED) - {"utterances", "words"} == set(COLUMNS)
    assert tuple(NEEDED["words"]) == WORDS
    for name, optional in NOT_NEEDED.items():
        assert set(optional) < set(COLUMNS[name])
        assert set(NEEDED[name]) == set(COLUMNS[name]) - set(optional)
    assert set(NUMBERS) <= {column for columns in COLUMNS.values() for column in columns}
