"""The layer weights of the superb head, averaged over folds and seeds."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from probe.heads.shown import SUPERB
from reports.collect import collect
from reports.read.scores import grids
from reports.tables.layer_weights import layer_weight_tables
from tests.reports.conftest import make_probe


def test_layer_weights_are_means_over_folds_and_seeds_of_the_superb_head_only(
    tmp_path: Path,
) -> None:
    folder = make_probe(tmp_path / "probe", names=("quantized-g2v2",), seeds=(0, 1))
    key = {"corpus": "synthetic", "protocol": "speaker", "head": "superb", "task": "emotion"}
    lines: list[dict[str, object]] = [
        {**key, "row": "quantized-g2v2", "seed": seed, "fold": fold, "layer": layer,
         "strength": share if layer else 1 - share, "dev_score": 0.5}
        for seed, fold, share in ((0, "a", 0.2), (0, "b", 0.4), (1, "a", 0.7), (1, "b", 0.9))
        for layer in (0, 1)
    ]  # fmt: skip
    log_mel = {"row": "log-mel", "seed": 0, "fold": "a", "layer": 0, "strength": 1.0}
    elsewhere = {**lines[0], "corpus": "emodb", "strength": 100.0}
    pd.DataFrame([*lines, {**key, **log_mel}, elsewhere]).to_csv(
        folder / "selection.csv", index=False
    )
    runs = collect([str(folder)]).probe
    (grid,) = grids(runs)
    assert layer_weight_tables(grid, runs) == []
    (table,) = layer_weight_tables(replace(grid, head="superb", head_shown=SUPERB), runs)
    (line,) = table.lines
    assert {key: cell.text for key, cell in line.cells.items()} == {
        "row": "quantized G=2 V=2",
        "0": "0.450",
        "1": "0.550",
    }
    assert line.part == "emotion"
    (folder / "selection.csv").unlink()
    assert (
        layer_weight_tables(
            replace(grid, head="superb", head_shown=SUPERB), collect([str(folder)]).probe
        )
        == []
    )
