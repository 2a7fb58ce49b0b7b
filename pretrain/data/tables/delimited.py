"""Tables in files, CSV or TSV: every cell as text, every row of others with its line in the file.

A row with a field too many is what an unquoted comma leaves behind, one with too few a forgotten
cell: both are refused, since they would put values into the wrong columns.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from pretrain.shared.atomic_files import replaced
from pretrain.shared.errors import InputError

# Names of files may have bytes that are no Unicode. pandas hands texts to pyarrow where that is
# installed, and pyarrow refuses them.
pd.set_option("mode.string_storage", "python")

NUM_SHOWN = 5

MISSING = frozenset(
    (
        "nan", "NaN", "NAN", "-nan", "-NaN", "<NA>", "<na>", "NA", "N/A", "n/a", "#N/A", "#NA",
        "#N/A N/A", "None", "none", "NONE", "null", "NULL", "Null", "NaT",
    )
)  # fmt: skip
"""What programs write where nothing is known, such as Python's str(float("nan")). Words that are
also names of people (Nan, Na) are not among them."""

Row = tuple[int, list[str]]
"""The line on which a row begins, counted as editors do, and its cells."""


class TableError(InputError):
    """An utterance table, or what it would be made from, breaks the schema."""


def read_delimited(path: Path, *, encoding_errors: str = "strict") -> pd.DataFrame:
    """Returns the table as texts; its index is the line of the file on which each row begins.

    Cells are separated by commas, or by tabs where the file is called .tsv or its first line has
    tabs and no comma. Blank lines are skipped, names of columns are stripped, and columns without
    a name are left out where they are row numbers or empty.

    Raises:
        TableError: The file is not UTF-8, empty, names a column twice, or has a row with another
            number of fields than there are columns; with the line.
        OSError: The file cannot be read.
    """
    rows = _read(path, encoding_errors)
    if not rows:
        raise TableError(
            f"{path} cannot be read: it is empty, and its first line must name the columns."
        )
    (header_line, header), body = rows[0], rows[1:]
    header = [name.strip() for name in header]
    named = [name for name in header if name]
    if twice := [name for place, name in enumerate(named) if name in named[:place]]:
        raise TableError(f"{path}, line {header_line}, names the column {twice[0]!r} twice.")
    _check_lengths(path, header_line, header, body)
    lines = pd.Index([line for line, _ in body], name="line", dtype="int64")
    columns = {}
    for place, name in enumerate(header):
        cells = [row[place] for _, row in body]
        # Without a name: row numbers, as R and pandas write them, or what a comma at the end makes.
        if name or (place and any(cell.strip() for cell in cells)):
            columns[name or f"(column {place + 1}, unnamed)"] = cells
    return pd.DataFrame(columns, index=lines, dtype="str")


def header_of(path: Path) -> list[str]:
    """Returns the names of the columns; none where the file cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            for line in file:
                if line.strip():
                    cells = next(csv.reader([line], delimiter=_delimiter(path, line)))
                    return [cell.strip() for cell in cells]
    except (OSError, csv.Error):
        pass
    return []


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Writes `frame` as UTF-8 CSV to the side and renames it: readers see all or nothing."""
    # A carriage return ends a line for every reader, but is not quoted where "\n" ends the rows.
    has_return = any(
        "\r" in cell
        for column in frame.columns
        if not pd.api.types.is_numeric_dtype(frame[column])
        for cell in frame[column]
        if isinstance(cell, str)
    )
    with replaced(path) as beside:
        frame.to_csv(
            beside,
            index=False,
            # File names that are not UTF-8 reach Python as surrogates; this keeps their bytes.
            errors="surrogateescape",
            lineterminator="\n",
            quoting=csv.QUOTE_ALL if has_return else csv.QUOTE_MINIMAL,
        )


def read_csv(path: Path, *, encoding_errors: str = "strict") -> pd.DataFrame:
    """Reads a UTF-8 CSV file of our own making, every cell as text: speaker 03 and the word NA
    survive. What people write is read by `read_delimited`."""
    return pd.read_csv(
        path,
        dtype=str,
        keep_default_na=False,
        encoding="utf-8-sig",
        encoding_errors=encoding_errors,
    )


def numbers(column_values: pd.Series, *, column: str, path: Path) -> pd.Series:
    """Returns a text column as float64, NaN where empty or a word for it, such as `NA`.

    The index must be the lines of the file, as `read_delimited` gives them: `TableError` names one.
    """
    text = column_values.map(str.strip)
    values = pd.to_numeric(text.where(text != ""), errors="coerce").astype("float64")
    wrong = values.isna() & (text != "") & (text.map(str.lower) != "nan") & ~text.isin(MISSING)
    refuse_first(wrong, path, f"`{column}` must be a number or empty, but is {{!r}} instead.", text)
    return values


def refuse_first(wrong: pd.Series, path: Path, rule: str, *shown: pd.Series) -> None:
    """Raises `TableError` with the line of the first row that is wrong, and the rule it breaks: a
    format of its values in the columns `shown`. The index must be as `read_delimited` gives it."""
    if wrong.any():
        row = int(wrong.to_numpy(dtype=bool).argmax())
        said = rule.format(*(column.iloc[row] for column in shown)) if shown else rule
        raise TableError(f"{path}, line {wrong.index[row]}: {said}")


def _read(path: Path, encoding_errors: str) -> list[Row]:
    try:
        with path.open(encoding="utf-8-sig", errors=encoding_errors, newline="") as file:
            lines = list(file)
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} must be UTF-8, but is not: {error}. Save it as CSV in UTF-8."
        ) from error
    header = next((line for line in lines if line.strip()), "")
    delimiter = _delimiter(path, header)
    if delimiter == ",":
        return list(_rows(path, lines, delimiter))
    try:
        rows = list(_rows(path, lines, delimiter, strict=True))
    except TableError:
        rows = []
    if rows and not any(_has_break(cells) for _, cells in rows):
        return rows
    # In TSV proper a quotation mark is a character like others, and a cell has no line breaks.
    return list(_rows(path, lines, delimiter, quoted=False))


def _delimiter(path: Path, header: str) -> str:
    """Returns a tab or a comma."""
    if path.suffix.lower() == ".tsv":
        return "," if "," in header and "\t" not in header else "\t"
    return "\t" if "\t" in header and "," not in header else ","


def _rows(
    path: Path, lines: Sequence[str], delimiter: str, *, quoted: bool = True, strict: bool = False
) -> Iterator[Row]:
    """Yields the rows that are not blank."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=strict)
    begin = 1
    try:
        for cells in reader:
            if _has_break(cells):  # only a cell that is closed may go over several lines
                own = lines[begin - 1 : reader.line_num]
                list(csv.reader(own, delimiter=delimiter, quoting=quoting, strict=True))
            if len(cells) > 1 or any(cell.strip() for cell in cells):
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{path}, line {begin}: the row that begins here has a quotation mark that is not "
            f'closed or stands inside of a cell ({error}). Write "" for each one inside of a '
            "quoted cell."
        ) from error


def _has_break(cells: Sequence[str]) -> bool:
    return any("\n" in cell or "\r" in cell for cell in cells)


def _check_lengths(path: Path, header_line: int, header: list[str], rows: Sequence[Row]) -> None:
    wrong = [(line, cells) for line, cells in rows if len(cells) != len(header)]
    if not wrong:
        return
    line, cells = wrong[0]
    if len(cells) < len(header):
        remedy = "Write a comma for each cell that is empty."
    elif not any(cell.strip() for cell in cells[len(header) :]):
        remedy = "Remove what stands behind the last cell: a comma at the end begins another one."
    else:
        remedy = 'Put every cell with a comma between quotation marks, as in "well, yes".'
    others = [str(number) for number, _ in wrong[:NUM_SHOWN]]
    more = " and others" if len(wrong) > len(others) else ""
    raise TableError(
        f"{path}, line {line}: has {_counted(len(cells), 'field')}, but line {header_line} names "
        f"{_counted(len(header), 'column')}. {remedy} {len(wrong)} of {len(rows)} rows have too "
        f"many fields or too few: lines {', '.join(others)}{more}."
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
