"""Tables as people write them: lines, fields, quotation marks, tabs."""

from pathlib import Path

import pandas as pd
import pytest

from pretrain.data.tables.delimited import TableError, header_of, numbers, read_delimited


def write(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_bytes(text.encode())
    return folder / name


def test_every_row_knows_the_line_that_it_begins_on(tmp_path: Path) -> None:
    text = '\n a ,b\r\n1,2\n\n"two\nlines",x\n   \n03,NA\n'
    table = read_delimited(write(tmp_path, text))
    assert list(table.columns) == ["a", "b"]
    assert list(table.index) == [3, 5, 8]
    assert table.to_numpy().tolist() == [["1", "2"], ["two\nlines", "x"], ["03", "NA"]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "p,s,t\na,1,well, yes\nb,2,well, no\n",
            "line 2: has 4 fields, .* names 3 columns.*2 of 2",
        ),
        ("p,s,t\na,1,no\n\nb,2,well, no\n", 'line 4: has 4 fields.*between quotation marks.*"well'),
        ('p,s,t\na,1, "b, c"\n', "line 2: has 4 fields"),
        ("p,s,t\na,1,x,\n", "line 2: has 4 fields.* a comma at the end"),
        ('p,s,t\na,1,"x\ny"\nb,2\n', "line 4: has 2 fields.*a comma for each cell that is empty"),
        ("p,s,t\n" + "a,1\n\n" * 9, "9 of 9 rows.*: lines 2, 4, 6, 8, 10 and others"),
        ('p,s,t\na,1,"x\nb,2,y\n', "line 2: .* a quotation mark that is not closed"),
        ('p,s,t\na,1,"x\nb,2,"y\n', "line 2: .* a quotation mark that is not closed"),
        ("p,s,p\na,1,2\n", "line 1, names the column 'p' twice"),
        ("\n\n", "is empty, and its first line must name the columns"),
    ],
)
def test_rows_that_would_shift_columns_are_refused_with_line_and_number_of_fields(
    tmp_path: Path, rows: str, said: str
) -> None:
    file = write(tmp_path, rows)
    with pytest.raises(TableError, match=said) as caught:
        read_delimited(file)
    assert str(file) in str(caught.value)


def test_row_numbers_and_empty_columns_without_a_name_are_left_out(tmp_path: Path) -> None:
    table = read_delimited(write(tmp_path, '"",a,,b,\n1,x,,y,\n2,z,,u,\n'))
    assert list(table.columns) == ["a", "b"]
    named = read_delimited(write(tmp_path, "a,,b\n1,word,2\n"))
    assert list(named.columns) == ["a", "(column 2, unnamed)", "b"]


@pytest.mark.parametrize(
    ("name", "text", "cells"),
    [
        ("a.tsv", "path\ttext\na\twell, yes\n", ["a", "well, yes"]),
        ("a.csv", 'path\ttext\n\na\t"quoted\tcell"\n', ["a", "quoted\tcell"]),
        # In TSV proper a quotation mark is a character.
        ("a.tsv", 'path\ttext\na\t"Yes", he said\n', ["a", '"Yes", he said']),
        ("a.tsv", 'path\ttext\na\t"well\n', ["a", '"well']),
        ("a.tsv", "path,text\na,b\n", ["a", "b"]),
        ("a.tsv", "path\na, b\n", ["a, b"]),
    ],
)
def test_tabs_separate_where_the_first_line_has_them(
    tmp_path: Path, name: str, text: str, cells: list[str]
) -> None:
    file = write(tmp_path, text, name)
    assert read_delimited(file).iloc[0].tolist() == cells
    assert header_of(file) == list(read_delimited(file).columns)


def test_a_quotation_mark_that_is_not_closed_swallows_no_rows_of_a_tsv(tmp_path: Path) -> None:
    file = write(tmp_path, 'path\ttext\na\t"well\nb\tyes"\n', "a.tsv")
    assert list(read_delimited(file)["text"]) == ['"well', 'yes"']


def test_words_for_nothing_are_no_numbers_and_a_wrong_one_is_told_with_its_line() -> None:
    cells = pd.Series(["3", "", "nan", " NA ", "None", "<NA>", "2.5"], index=range(2, 9))
    values = numbers(cells, column="valence", path=Path("x.csv"))
    assert values.dropna().to_dict() == {2: 3.0, 8: 2.5}
    with pytest.raises(TableError, match=r"x\.csv, line 12: `valence` must be .* is 'high'"):
        numbers(pd.Series(["1", "high"], index=[9, 12]), column="valence", path=Path("x.csv"))
