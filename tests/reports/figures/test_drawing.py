"""Labels beside curves."""

import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from reports.figures.drawing import Drawing, save, spread_labels


@pytest.mark.slow
def test_the_label_of_a_curve_far_outside_stands_at_the_edge_of_the_axes(tmp_path: Path) -> None:
    labels = [(3.0, -40.0, "lowest", "#000000"), (3.0, -9.0, "low", "#000000"),
              (3.0, 0.05, "inside", "#000000"), (3.0, 7.0, "high", "#000000")]  # fmt: skip
    figures = []

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1, 2, 3], [-40.0, -9.0, 0.05, 7.0])
        axes.set_ylim(0.0, 0.1)
        spread_labels(axes, labels)
        figures.append(figure)

    drawing = Drawing(name="x", title="", caption="", runs=(), width=8, height=4.4, draw=draw)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(drawing, tmp_path, dots_per_inch=50)
    places = {text.get_text(): text.get_window_extent() for text in figures[0].axes[0].texts}
    heights = [places[name].y0 for name in ("lowest", "low", "inside", "high")]
    assert heights == sorted(set(heights))
    assert 0 <= heights[0] < heights[-1] <= figures[0].bbox.height
