"""MFSN against every other network of the ablation: differences, intervals, tests, verdicts."""

from collections.abc import Mapping

from reports.fusion.evidence import METRICS, FusionEvidence
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import SEARCHED
from reports.fusion.table5 import COLOURS, bounds, signed
from reports.table_data import Cell, Column, Line, Table
from reports.words import p_words


def difference_table(
    grid: MfsnGrid, found: FusionEvidence, flags: Mapping[str, str]
) -> Table | None:
    """Returns one line per other network, or None where nothing can be compared.

    :param flags: Variant -> words of warning on its encoders and networks.
    """
    if not found.differences and not found.open:
        return None
    columns = [Column(key="network", title="MFSN minus", text=True)]
    for metric in METRICS:
        group = metric.upper()
        columns += [
            Column(key=metric, title="points", group=group),
            Column(key=f"{metric}_interval", title="95 %", group=group),
            Column(key=f"{metric}_effect", title="d", group=group),
            Column(key=f"{metric}_p_holm", title="p, Holm", group=group),
            Column(key=f"{metric}_verdict", title="MFSN is", group=group, text=True),
        ]
    lines = []
    for variant in grid.variants:
        cells = {"network": Cell(text=variant.label, flag=flags.get(variant.name, ""))}
        for metric in METRICS:
            difference = found.differences.get((variant.name, metric))
            if difference is None:
                continue
            effect = difference.effect_size
            cells |= {
                f"{metric}_effect": Cell(text="" if effect != effect else f"{effect:+.2f}"),
                metric: Cell(text=signed(difference.difference)),
                f"{metric}_interval": Cell(text=bounds(difference.low, difference.high, sign=True)),
                f"{metric}_p_holm": Cell(text=p_words(difference.adjusted_p)),
                f"{metric}_verdict": Cell(text=difference.verdict),
            }
        if variant.name in found.open:
            cells["ua_verdict"] = Cell(text=f"not compared: {found.open[variant.name]}")
        if variant.name != SEARCHED and len(cells) > 1:
            lines.append(Line(part="Networks", cells=cells, colour=COLOURS.get(variant.name, "")))
    number = sum(metric == "ua" for _, metric in found.differences)
    return Table(
        name=f"differences-{grid.slug}",
        title=f"MFSN against every other network on {grid.title}",
        columns=columns,
        lines=lines,
        notes=[
            "On the same utterances and seeds. 95 %: interval of the difference. Speakers are the "
            "units, seeds crossed with them; d: difference over its SD between speakers; "
            "the interval stands for itself, the verdict for all: Holm corrects p for the "
            f"{number} comparisons of its column, and "
            '"better" or "worse" needs a corrected p of at most .05. "No significant difference" '
            'is no proof of equality; "cannot be decided" means that so few speakers cannot reach '
            ".05, whatever the outcome."
        ],
    )
