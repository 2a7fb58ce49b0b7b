"""What codes tell of each label, beside shuffled labels: one panel per label."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from reports.codes.knowledge import LABELS, Knowledge, units_words
from reports.figures.drawing import INK, Drawing
from reports.palette import colours
from reports.read.records import Row, row_words

SHUFFLED = "#b9bec4"


def information_figure(
    found: Sequence[Knowledge],
    rows: Mapping[str, Row],
    slug: str,
    title: str,
    folders: tuple[str, ...],
) -> Drawing | None:
    """Returns bars of mutual information, or None when nothing was measured."""
    if not found:
        return None
    names = [name for name in rows if any(item.row == name for item in found)]
    labels = [label for label in LABELS if any(item.label == label for item in found)]
    return Drawing(
        name=f"information-{slug}",
        title=f"What a frame's code tells: {title}",
        caption="Mutual information of a frame's joint code and its label, mean over seeds. "
        "Grey: the same with labels shuffled over whole utterances (characters: shifted along "
        "them), which is no knowledge. Thin lines with ends: 95 % interval of the coloured part "
        f"over {units_words(found)}. The scales of the panels differ.",
        runs=folders,
        width=3.0 + 3.2 * len(labels),
        height=1.5 + 0.42 * len(names),
        draw=partial(_draw, found=found, rows=rows, names=names, labels=labels),
    )


def _draw(
    figure: Figure,
    *,
    found: Sequence[Knowledge],
    rows: Mapping[str, Row],
    names: Sequence[str],
    labels: Sequence[str],
) -> None:
    all_axes: Any = figure.subplots(1, len(labels), sharey=True, squeeze=False)[0]
    palette = colours(rows.values())
    for axes, label in zip(all_axes, labels, strict=True):
        entropy = 0.0
        for item in (item for item in found if item.label == label):
            place = names.index(item.row)
            axes.barh(place, item.shuffled_bits, height=0.6, color=SHUFFLED)
            axes.barh(
                place,
                max(item.excess, 0.0),
                left=item.shuffled_bits,
                height=0.6,
                color=palette[item.row],
            )
            if item.low == item.low:
                axes.errorbar(
                    item.bits,
                    place,
                    xerr=[[item.excess - item.low], [item.high - item.excess]],
                    ecolor=INK,
                    elinewidth=1.0,
                    capsize=4.0,
                    fmt="none",
                )
            entropy = max(entropy, item.label_bits)
        axes.set_title(f"{label} ({entropy:.2f} bits)")
        axes.set_xlabel("bits per frame")
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.xaxis.get_major_locator().set_params(nbins=5)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
    first = all_axes[0]
    first.set_yticks(range(len(names)), [row_words(rows[name]) for name in names])
    first.set_ylim(len(names) - 0.5, -0.5)
