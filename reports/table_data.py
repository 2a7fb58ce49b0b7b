"""One table as data; `reports/tables/formats.py` and the page write the same object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column."""

    key: str
    """Unique in its table: the header in CSV."""

    title: str
    group: str = ""
    """Heading over neighbouring columns; empty for none."""

    text: bool = False
    """Whether the column holds words, set flush left."""

    limits_beside: bool = False
    """Whether the page sets limits beside the number, rather than below it."""

    in_files_only: bool = False
    """Whether the page leaves it out: paths stand at its end."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one cell shows, and how it is marked."""

    text: str
    best: bool = False
    worse_than_constant: bool = False
    flag: str = ""
    """A word of warning beside the text, such as "collapsed"."""

    low: str = ""
    high: str = ""
    """Limits of the number's interval: small text on the page, columns in the files."""


EMPTY = Cell(text="")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a table."""

    part: str
    """Heading of the part of the table that it stands in."""

    cells: Mapping[str, Cell]
    """Column key -> cell; a missing one is empty."""

    colour: str = ""
    """Colour of the row in every figure, "#rrggbb"; empty for none."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Everything that the formats need."""

    name: str
    """File name without ending, ASCII and safe."""

    title: str
    columns: Sequence[Column]
    lines: Sequence[Line]
    notes: Sequence[str] = field(default_factory=tuple)

    def on_page(self) -> "Table":
        """Returns the table as the page shows it."""
        return replace(self, columns=[c for c in self.columns if not c.in_files_only])

    def groups(self) -> list[tuple[str, int]]:
        """Returns the headings over the columns with their widths, left to right."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = (column.group, found[-1][1] + 1)
            else:
                found.append((column.group, 1))
        return found

    def parts(self) -> list[tuple[str, list[Line]]]:
        """Returns the parts of the table in order, each with its lines."""
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            found.setdefault(line.part, []).append(line)
        return list(found.items())


def with_limits(table: Table) -> Table:
    """Returns the table with the limits of its cells as columns `KEY_low` and `KEY_high`."""
    cells = [line.cells for line in table.lines]
    wide = {c.key for c in table.columns if any(x.get(c.key, EMPTY).low for x in cells)}
    columns: list[Column] = []
    for column in table.columns:
        columns.append(column)
        if column.key in wide:
            columns += [
                replace(column, key=f"{column.key}_{end}", title=f"{column.title}, {end}")
                for end in ("low", "high")
            ]
    lines = []
    for line in table.lines:
        limits: dict[str, Cell] = {}
        for key in wide:
            cell = line.cells.get(key, EMPTY)
            limits |= {f"{key}_low": Cell(text=cell.low), f"{key}_high": Cell(text=cell.high)}
        lines.append(replace(line, cells={**line.cells, **limits}))
    return replace(table, columns=columns, lines=lines)


WORSE = "\u2020"
"""Marks a mean squared error that is no better than the constant predictor's."""


def plain(cell: Cell) -> str:
    """Returns a cell's text with its marks, as Markdown, LaTeX and the page show it."""
    return (
        cell.text
        + (WORSE if cell.worse_than_constant else "")
        + (f" [{cell.flag}]" if cell.flag else "")
    )
