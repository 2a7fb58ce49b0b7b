"""The schema of the utterance table, its hash and its file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pretrain.data.tables.describe import describe
from pretrain.data.tables.utterances import (
    COLUMNS,
    TableError,
    load_table,
    save_table,
    table_hash,
    validate_table,
)


def make_table(**columns: object) -> pd.DataFrame:
    """Two valid rows, with `columns` put in the place of their own."""
    table = pd.DataFrame(
        {
            "id": ["a/1", "a/2"],
            "path": ["/x/1.wav", "/x/2.wav"],
            "offset": [0, 5],
            "frames": [16000, 32000],
            "sample_rate": [16000, 16000],
            "speaker": ["03", "NA"],
            "session": ["1", ""],
            "emotion": ["sad", "happy"],
            "valence": [1.5, np.nan],
            "arousal": [0.1 + 0.2, np.nan],
            "dominance": [-1.0, np.nan],
            "text": ['He said "no",\nthen NA', ""],
            "split": ["train", ""],
            "source": ["a", "a"],
            "audio_hash": ["00", "11"],
        }
    )
    return table.assign(**columns)  # type: ignore[arg-type]


def test_a_valid_table_gets_ordered_columns_and_a_new_index() -> None:
    shuffled = make_table()[list(reversed(COLUMNS))]
    shuffled.index = pd.Index([7, 3])
    table = validate_table(shuffled)
    assert list(table.columns) == list(COLUMNS)
    assert list(table.index) == [0, 1]
    assert str(table["frames"].dtype) == "int64"


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("id", ["a/1", "a/1"], "`id` must be unique"),
        ("id", ["a/1", ""], "`id` must not be empty"),
        ("id", ["a/1", "a\n2"], "`id` must have no control"),
        ("path", ["/x/1.wav", "2.wav"], "`path` must be absolute, but is '2.wav'"),
        ("speaker", ["03", 3], "`speaker` must be a text, but is 3"),
        ("emotion", ["sad", np.nan], "`emotion` must be a text, but is nan"),
        ("emotion", ["sad", "sad "], "`emotion` must have no spaces"),
        ("frames", [16000, 0], "`frames` must be at least 1, but is"),
        ("frames", [16000, 1.5], "`frames` must be a whole number"),
        ("offset", [0, -1], "`offset` must be at least 0"),
        ("valence", [1.0, np.inf], "`valence` must be between -100 and 100"),
        ("arousal", [1.0, 300.0], "`arousal` must be between .*300.0"),
        ("dominance", [1.0, "low"], "`dominance` must be a number"),
        ("text", ["", "\udcff"], "`text` must be valid Unicode"),
    ],
)
def test_a_wrong_value_is_told_with_column_row_and_value(
    column: str, values: list[object], said: str
) -> None:
    with pytest.raises(TableError, match=f"{said}.*row 1"):
        validate_table(make_table(**{column: values}))


def test_missing_and_unknown_columns_are_named() -> None:
    table = make_table(gender="f").drop(columns="speaker")
    with pytest.raises(TableError, match="missing: speaker, unknown: gender"):
        validate_table(table)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(TableError, match="at least one row"):
        validate_table(make_table().iloc[:0])


def test_a_saved_table_comes_back_equal(tmp_path: Path) -> None:
    table = validate_table(make_table())
    save_table(table, tmp_path / "deep" / "table.csv")
    pd.testing.assert_frame_equal(load_table(tmp_path / "deep" / "table.csv"), table)
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["table.csv"]


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", '"', "a\u2028b"])
def test_texts_with_ends_of_lines_come_back_and_lines_are_those_of_the_file(
    tmp_path: Path, text: str
) -> None:
    table = validate_table(make_table(text=[text, ""], path=["/x/1\r.wav", "/x/2.wav"]))
    save_table(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(load_table(tmp_path / "table.csv"), table)


def test_a_wrong_number_in_a_saved_table_is_told_with_its_line(tmp_path: Path) -> None:
    save_table(make_table(), tmp_path / "table.csv")  # the first text goes over two lines
    content = (tmp_path / "table.csv").read_text()
    (tmp_path / "table.csv").write_text(content.replace(",32000,", ",many,"))
    with pytest.raises(TableError, match=r"line 4: `frames` must be a number"):
        load_table(tmp_path / "table.csv")


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(TableError, match=r"other\.csv.*missing: id"):
        load_table(file)
    with pytest.raises(TableError, match=r"gone\.csv cannot be read"):
        load_table(tmp_path / "gone.csv")


def test_the_hash_depends_on_labels_and_audio_but_not_on_path_or_order() -> None:
    table = make_table()
    known = table_hash(table)
    assert table_hash(make_table(path=["/y/1.flac", "/y/2.flac"], offset=[1, 2])) == known
    assert table_hash(table.iloc[::-1]) == known
    assert table_hash(make_table(dominance=[-1.0, -np.nan])) == known
    changes: list[dict[str, object]] = [
        {"emotion": ["sad", "angry"]},
        {"emotion": ["sadh", "appy"]},
        {"valence": [1.5, 2.0]},
        {"valence": [1.5000001, np.nan]},
        {"audio_hash": ["00", "12"]},
        {"speaker": ["03", "04"]},
        {"id": ["a/1", "a/3"]},
    ]
    hashes = {table_hash(make_table(**change)) for change in changes}
    assert len(hashes | {known}) == len(changes) + 1


def test_the_description_counts_what_is_known() -> None:
    assert describe(validate_table(make_table())) == (
        "a: 2 utterances, 0.00 hours, 2 speakers, 1 session, 2 emotions (happy 1, sad 1), "
        "rated for valence, arousal, dominance"
    )
    bare = make_table(speaker="", session="", emotion="", valence=np.nan, arousal=np.nan)
    assert describe(bare.assign(dominance=np.nan)).endswith(
        "no speakers, no sessions, no emotion labels"
    )
