"""Tables as CSV, Markdown and LaTeX, each with its own escaping."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from reports.figures.drawing import write_bytes
from reports.table_data import EMPTY, WORSE, Cell, Column, Line, Table, plain, with_limits

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\n": " ",
    "\r": " ",
    WORSE: r"\textsuperscript{\dag}",
}
_MARKDOWN = "\\`*_{}[]<>()#+!|&~$"


def latex_text(text: str) -> str:
    """Escapes words for LaTeX."""
    return "".join(_LATEX.get(letter, letter) for letter in text)


def markdown_text(text: str) -> str:
    """Escapes words for Markdown; HTML in them stays text."""
    words = "".join("\\" + letter if letter in _MARKDOWN else letter for letter in text)
    return (
        words.replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
        .replace("\n", " ")
    )


def to_csv(table: Table) -> str:
    """Returns plain values; a last column `marks` names the marked cells."""
    table = with_limits(table)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["part", *(column.key for column in table.columns), "marks"])
    for line in table.lines:
        marks = []
        for column in table.columns:
            cell = line.cells.get(column.key, EMPTY)
            marks += [f"{column.key}: worse than constant"] if cell.worse_than_constant else []
            marks += [f"{column.key}: first by its number"] if cell.best else []
            marks += [cell.flag] if cell.flag else []
        cells = [_not_a_formula(line.cells.get(column.key, EMPTY).text) for column in table.columns]
        writer.writerow([line.part, *cells, "; ".join(marks)])
    return buffer.getvalue()


def to_markdown(table: Table) -> str:
    """Returns a pipe table with title and notes."""
    table = with_limits(table)
    heads = [
        markdown_text(f"{column.group}: {column.title}" if column.group else column.title)
        for column in table.columns
    ]
    lines = [f"## {markdown_text(table.title)}", "", _pipes(heads)]
    lines.append(_pipes([":--" if column.text else "--:" for column in table.columns]))
    for part, members in table.parts():
        if len(table.parts()) > 1:
            lines.append(_pipes([f"*{markdown_text(part)}*"] + [""] * (len(heads) - 1)))
        lines += [_pipes(_cells(line, table.columns, _markdown_cell)) for line in members]
    lines += [""] + [f"- {markdown_text(note)}" for note in table.notes]
    return "\n".join(lines).rstrip() + "\n"


def to_latex(table: Table) -> str:
    """Returns a booktabs table; the notes stand below it."""
    table = with_limits(table)
    layout = "".join("l" if column.text else "r" for column in table.columns)
    lines = [
        r"% Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}.",
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{latex_text(table.title)}}}",
        rf"\begin{{tabular}}{{{layout}}}",
        r"\toprule",
    ]
    if any(group for group, _ in table.groups()):
        heads, rules, start = [], [], 1
        for group, width in table.groups():
            heads.append(rf"\multicolumn{{{width}}}{{c}}{{{latex_text(group)}}}")
            rules += [rf"\cmidrule(lr){{{start}-{start + width - 1}}}"] if group else []
            start += width
        lines += [_row(heads), " ".join(rules)]
    lines += [_row([latex_text(column.title) for column in table.columns]), r"\midrule"]
    for index, (part, members) in enumerate(table.parts()):
        lines += [r"\midrule"] if index else []
        if len(table.parts()) > 1:
            width = len(table.columns)
            lines.append(_row([rf"\multicolumn{{{width}}}{{l}}{{\emph{{{latex_text(part)}}}}}"]))
        lines += [_row(_cells(line, table.columns, _latex_cell)) for line in members]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += [r"\par\smallskip\footnotesize " + " ".join(latex_text(n) for n in table.notes)]
    return "\n".join([*lines, r"\end{table}", ""])


WRITERS: dict[str, Callable[[Table], str]] = {
    "csv": to_csv,
    "md": to_markdown,
    "tex": to_latex,
}
"""File ending -> writer."""


def save_table(table: Table, folder: Path) -> list[Path]:
    """Writes one table in every format and returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for ending, writer in WRITERS.items():
        path = folder / f"{table.name}.{ending}"
        write_bytes(path, writer(table).encode("utf-8"))
        paths.append(path)
    return paths


def _cells(line: Line, columns: Sequence[Column], write: Callable[[Cell], str]) -> list[str]:
    return [write(line.cells.get(column.key, EMPTY)) for column in columns]


def _markdown_cell(cell: Cell) -> str:
    text = markdown_text(plain(cell))
    return f"**{text}**" if cell.best else text


def _latex_cell(cell: Cell) -> str:
    text = latex_text(plain(cell))
    return rf"\textbf{{{text}}}" if cell.best else text


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def _not_a_formula(text: str) -> str:
    """Spreadsheets run a cell that begins like a formula; names may come from anywhere."""
    try:
        float(text)
    except ValueError:
        return "'" + text if text[:1] in ("=", "+", "-", "@", "\t") else text
    return text
