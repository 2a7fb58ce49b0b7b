"""What others published on a corpus, beside what was measured here: a table of its own."""

from collections.abc import Sequence

from reports.read.published import Published, Scores
from reports.read.scores import Grid
from reports.table_data import Cell, Column, Line, Table
from reports.words import TITLES

METRICS = tuple(Scores.model_fields)


def published_table(grid: Grid, published: Sequence[Published]) -> Table | None:
    """Returns the published numbers on a grid's corpus, or None where there are none."""
    found = [one for one in published if one.scores.get(grid.corpus)]
    if not found:
        return None
    return Table(
        name=f"published-{grid.slug}",
        title=f"Published on {grid.corpus}",
        columns=[
            Column(key="model", title="model", text=True),
            *(Column(key=name, title=TITLES[name], group="classes, %") for name in METRICS),
            Column(key="source", title="source", text=True),
            Column(key="url", title="URL", text=True, in_files_only=True),
        ],
        lines=[
            Line(part=_part(one), cells=_cells(one, model, scores))
            for one in found
            for model, scores in one.scores[grid.corpus].items()
        ],
        notes=[
            "None of it was measured here: other training, folds and heads. Compare the order of "
            "models, not their level with ours.",
            *(f"{one.title}, {one.table}, {one.url}: {one.how}." for one in found),
        ],
    )


def _part(one: Published) -> str:
    return one.title + ("" if one.looked_up else " (as read second-hand)")


def _cells(one: Published, model: str, scores: Scores) -> dict[str, Cell]:
    values = {name: getattr(scores, name) for name in METRICS}
    return {
        "model": Cell(text=model),
        **{name: Cell(text=f"{value:.2f}") for name, value in values.items() if value is not None},
        "source": Cell(text=one.table),
        "url": Cell(text=one.url),
    }
