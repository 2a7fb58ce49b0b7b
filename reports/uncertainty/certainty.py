"""Tables of how sure the scores are: intervals, paired differences, the variance split."""

from collections.abc import Mapping
from math import sqrt

from reports.palette import colours
from reports.read.records import row_words
from reports.read.scores import CCC, MSE, Grid
from reports.table_data import Cell, Column, Line, Table
from reports.uncertainty.evidence import TESTED, Difference, Evidence
from reports.uncertainty.intervals import Interval, VarianceSplit
from reports.words import PARTS, PERCENT, TITLES, number, p_words

METRIC_WORDS = {
    "ua": "UA",
    **{metric: f"MSE of {metric.removeprefix('mse_')}" for metric in MSE},
}

_UNITS = "Speakers are the units, seeds crossed with them"


def signed(metric: str, value: float) -> str:
    """Returns a difference with its sign: points, or the metric's own unit."""
    if value != value:
        return ""
    return f"{100 * value:+.1f}" if metric in PERCENT else f"{value:+.3f}"


def interval_table(grid: Grid, found: Evidence) -> Table | None:
    """Returns our part of Table 4 with the limits of every cell, or None without any."""
    metrics = [m for m in MSE + CCC + PERCENT if any(key[1] == m for key in found.intervals)]
    if not metrics:
        return None
    columns = [Column(key="row", title="row", text=True)]
    for metric in metrics:
        kind = "MSE" if metric in MSE else "CCC" if metric in CCC else "classes, %"
        columns.append(Column(key=metric, title=TITLES[metric], group=kind))
    columns.append(Column(key="seeds", title="seeds"))
    palette = colours(grid.rows)
    lines = []
    for name in grid.names:
        cells = {"row": Cell(text=row_words(grid.row(name)))}
        sure = {m: found.intervals[name, m] for m in metrics if (name, m) in found.intervals}
        for metric, interval in sure.items():
            cells[metric] = Cell(
                text=number(metric, interval.value),
                low=number(metric, interval.low),
                high=number(metric, interval.high),
            )
        if sure:
            seeds = next(iter(sure.values())).num_seeds
            cells["seeds"] = Cell(text=str(seeds) if seeds else "none")
        lines.append(Line(part=PARTS[grid.row(name).group], cells=cells, colour=palette[name]))
    return Table(
        name=f"intervals-{grid.slug}",
        title=f"{grid.table_words} with 95 % intervals on {grid.title}",
        columns=columns,
        lines=lines,
        notes=[
            f"{_UNITS}: t intervals on speaker-level influence values, {found.num_speakers} "
            "speakers. Rows share the speakers, so overlap decides nothing: see the paired "
            "differences. A row without an encoder has no seeds.",
            *reach(grid, found),
            *found.faults,
        ],
    )


def reach(grid: Grid, found: Evidence) -> list[str]:
    """Says for what else the intervals speak, and for what not."""
    said = []
    if found.num_seeds == 1:
        said.append(
            "One pre-training seed: every interval and test speaks for other speakers only, not "
            "for other pre-training seeds."
        )
    elif found.num_seeds > 1:
        said.append(
            f"Intervals and tests speak for other speakers ({found.num_speakers} here) and other "
            f"pre-training seeds ({found.num_seeds} here)."
            + (" Two seeds are few: such intervals can be too narrow." * (found.num_seeds == 2))
        )
    if grid.speaker_dependent:
        said.append(
            "Speaker-dependent protocol: the speakers are units here too, but all or some of "
            "them were also trained on, so nothing is said of speakers whom the probe has never "
            "heard."
        )
    return said


def difference_tables(grid: Grid, found: Evidence, flags: Mapping[str, str]) -> list[Table]:
    """Returns one table per tested metric; Holm corrects over all lines of a table.

    :param flags: Row name -> word of warning, for rows that collapsed.
    """
    return [_differences(grid, found, m, flags) for m in TESTED if found.of(m)]


def _differences(grid: Grid, found: Evidence, metric: str, flags: Mapping[str, str]) -> Table:
    words = METRIC_WORDS[metric]
    titles = {
        "row": "row",
        "against": "against",
        "difference": "points" if metric in PERCENT else "difference",
        "effect": "d",
        "p": "p",
        "p_holm": "p, Holm",
        "verdict": "the row is",
    }
    lines = [_difference_line(grid, entry, flags) for entry in found.of(metric)]
    notes = [
        "Row minus the one it is held against, on the same utterances and seeds, with its 95 % "
        f"interval. {_UNITS}. d: difference over its SD between speakers. p: the larger one of a "
        "permutation test over speakers and the t interval's.",
        f"The questions were fixed beforehand. Holm corrects p for all {len(lines)} of this table, "
        'and "better" or "worse" needs a corrected p of at most .05; the interval stands for '
        'itself. "No significant difference" is no proof of equality; "cannot be decided" means '
        "that so few speakers could not have reached .05 here, whatever the outcome."
        + (" In MSE lower is better: a negative difference favours the row." * (metric in MSE)),
        *reach(grid, found),
    ]
    return Table(
        name=f"differences-{metric.replace('_', '-')}-{grid.slug}",
        title=f"Differences in {words} on {grid.title}",
        columns=[
            Column(
                key=key,
                title=title,
                text=key in ("row", "against", "verdict"),
                limits_beside=key == "difference",
            )
            for key, title in titles.items()
        ],
        lines=lines,
        notes=notes,
    )


def _difference_line(grid: Grid, entry: Difference, flags: Mapping[str, str]) -> Line:
    comparison, metric = entry.comparison, entry.metric
    first, second = (grid.row(name) for name in (entry.question.first, entry.question.second))
    effect = comparison.effect_size
    cells = {
        "row": Cell(text=row_words(first), flag=flags.get(first.name, "")),
        "against": Cell(text=row_words(second), flag=flags.get(second.name, "")),
        "difference": Cell(
            text=signed(metric, comparison.difference),
            low=signed(metric, comparison.low),
            high=signed(metric, comparison.high),
        ),
        "effect": Cell(text="" if effect != effect else f"{effect:+.2f}"),
        "p": Cell(text=p_words(comparison.p_value)),
        "p_holm": Cell(text=p_words(comparison.adjusted_p)),
        "verdict": Cell(text=comparison.verdict),
    }
    return Line(part=entry.question.words, cells=cells, colour=colours(grid.rows)[first.name])


def variance_table(grid: Grid, found: Evidence) -> Table | None:
    """Returns why the numbers of each row vary, or None where no row has two seeds."""
    metrics = [m for m in TESTED if any(key[1] == m for key in found.splits)]
    if not metrics:
        return None
    titles = {
        "row": "row",
        "speakers": "speakers",
        "seeds": "seeds",
        "residual": "both",
        "share": "by seeds, %",
    }
    palette = colours(grid.rows)
    lines = []
    for metric in metrics:
        part = f"SD of {METRIC_WORDS[metric]}{', points' if metric in PERCENT else ''}"
        for name in grid.names:
            if (name, metric) not in found.splits:
                continue
            split, sure = found.splits[name, metric], found.intervals[name, metric]
            cells = {
                "row": Cell(text=row_words(grid.row(name))),
                "speakers": Cell(text=number(metric, sqrt(split.speakers))),
                "seeds": Cell(text=number(metric, sqrt(split.seeds))),
                "residual": Cell(text=number(metric, sqrt(split.residual))),
                "share": Cell(text=_share_of_seeds(split, sure)),
            }
            lines.append(Line(part=part, cells=cells, colour=palette[name]))
    return Table(
        name=f"variance-{grid.slug}",
        title=f"Seeds or speakers? Why the scores vary on {grid.title}",
        columns=[Column(key=key, title=title, text=key == "row") for key, title in titles.items()],
        lines=lines,
        notes=[
            "Standard deviations of one speaker's score with one seed: between speakers (the same "
            "for all seeds), between seeds (the same for all speakers), and of one seed on one "
            'speaker ("both"). 0 where the estimate is not positive; with few seeds it is rough.',
            '"By seeds": the seeds\' share in the variance of the mean, seeds / S of speakers / C '
            "+ seeds / S + both / (C S). Where it is large, more seeds would help more than "
            "more speakers.",
        ],
    )


def _share_of_seeds(split: VarianceSplit, sure: Interval) -> str:
    parts = (
        split.seeds / sure.num_seeds,
        split.speakers / sure.num_speakers,
        split.residual / (sure.num_seeds * sure.num_speakers),
    )
    return f"{100 * parts[0] / sum(parts):.0f}" if sum(parts) > 0 else ""
