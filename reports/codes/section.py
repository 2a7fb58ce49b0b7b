"""The report's section on codes: one part per corpus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.codes.information_figure import information_figure
from reports.codes.knowledge import knowledge
from reports.codes.runs import Codes
from reports.codes.tables import group_table, information_table, usage_table
from reports.figures.drawing import Drawing, SavedFigure
from reports.read.records import Row, row_from, row_order
from reports.read.scores import corpus_words, slug
from reports.table_data import Table


@dataclass(frozen=True, kw_only=True)
class CodesPart:
    """One corpus."""

    title: str
    slug: str
    sentences: Sequence[str]
    usage: Table
    groups: Table
    information: Table | None
    figure: SavedFigure | None


@dataclass(frozen=True, kw_only=True)
class CodesSection:
    """All corpora."""

    parts: Sequence[CodesPart]

    @property
    def tables(self) -> list[Table]:
        found = [t for part in self.parts for t in (part.usage, part.groups, part.information)]
        return [table for table in found if table is not None]


def codes_section(codes: Codes | None, draw: Callable[[Drawing], SavedFigure]) -> CodesSection:
    """Returns the tables and figures of every corpus; no part without code runs."""
    if codes is None:
        return CodesSection(parts=())
    rows = _rows(codes)
    parts = []
    for corpus, described in codes.corpora.items():
        title = corpus_words(corpus, bool(described.get("synthetic")))
        order = list(rows)
        found = sorted(knowledge(codes, corpus), key=lambda item: order.index(item.row))
        drawing = information_figure(found, rows, slug(corpus), title, codes.folders)
        parts.append(
            CodesPart(
                title=title,
                slug=slug(corpus),
                sentences=_sentences(codes, corpus),
                usage=usage_table(codes, corpus, rows, title),
                groups=group_table(codes, corpus, rows, title),
                information=information_table(found, corpus, rows, title) if found else None,
                figure=draw(drawing) if drawing else None,
            )
        )
    return CodesSection(parts=parts)


def _rows(codes: Codes) -> dict[str, Row]:
    """Returns one row per name, in the order of Table 4."""
    read = [row_from(row, source=folder) for folder, row in codes.rows]
    return {row.name: row for row in sorted(read, key=row_order)}


def _sentences(codes: Codes, corpus: str) -> list[str]:
    """Says how the characters were found, and what was left out."""
    described = codes.corpora[corpus]
    sentences = [str(note) for note in described.get("notes") or []]
    if described.get("aligned"):
        for aligner in codes.aligners:
            rate = aligner.get("dev_cer")
            errs = f", whose own character error rate is {100 * rate:.0f} %" if rate else ""
            sentences.append(
                f"Characters were laid over frames by {aligner.get('name')} (trained on "
                f"{aligner.get('corpus')}{errs}): where it errs, the codes seem to know less."
            )
    return sentences
