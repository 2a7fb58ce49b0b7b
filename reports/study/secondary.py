"""The secondary endpoints of a study: pitch, energy and speakers, without verdicts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reports.study.read import BASELINES, StudyRun
from reports.table_data import Cell, Column, Line, Table
from reports.uncertainty.crossed import influence_values
from reports.uncertainty.planned import Finding, finding
from reports.uncertainty.speaker_sums import Array

TITLES = {"f0": "F0, R2", "energy": "energy, R2", "speaker": "speaker, %"}
PERCENT = "speaker"


def secondary_tables(run: StudyRun) -> list[Table]:
    """Returns the table of the endpoints; none where none were measured."""
    if run.secondary.empty:
        return []
    there = set(run.secondary["row"])
    names = [name for name in run.names if name in there]
    contrasts = [one for one in run.study.contrasts if set(one.rows) <= there]
    lines = [
        Line(
            part="baselines" if name in BASELINES else "rows",
            cells={"row": Cell(text=name), **_cells(run, {name: 1.0})},
        )
        for name in names
    ]
    lines += [
        Line(
            part="planned contrasts",
            cells={
                "row": Cell(text=one.name),
                **_cells(run, {one.first: 1.0, one.second: -1.0}, sign=True),
            },
        )
        for one in contrasts
    ]
    corpus = run.record["secondary"]
    return [
        Table(
            name=f"study-{run.study.name}-secondary",
            title=f"Secondary endpoints: {corpus['name']}, {corpus['speakers']} speakers",
            columns=[
                Column(key="row", title="row", text=True),
                *(Column(key=k, title=words, limits_beside=True) for k, words in TITLES.items()),
            ],
            lines=lines,
            notes=[
                "Exploratory: not among the registered questions, not corrected for their number, "
                "and without verdicts. Intervals: 95 %, over speakers and seeds.",
                "F0 (voiced frames) and energy are read off single frames by ridge regression on "
                "other speakers; speakers are named from utterances pooled by mean and deviation. "
                "Layers are chosen on the training part. No row was trained on these recordings.",
            ],
        )
    ]


def _cells(run: StudyRun, weights: dict[str, float], *, sign: bool = False) -> dict[str, Cell]:
    return {
        endpoint: _cell(_finding(run, endpoint, weights), endpoint, sign) for endpoint in TITLES
    }


def _cell(one: Finding, endpoint: str, sign: bool) -> Cell:
    scale, digits = (100.0, 1) if endpoint == PERCENT else (1.0, 3)
    plus = "+" if sign else ""
    text, low, high = (
        f"{scale * value:{plus}.{digits}f}" for value in (one.value, one.low, one.high)
    )
    return Cell(text=text, low=low, high=high)


def _finding(run: StudyRun, endpoint: str, weights: dict[str, float]) -> Finding:
    frame = run.secondary[run.secondary["endpoint"] == endpoint]
    seeds = run.seeds_of(list(weights))
    values = {name: _values(frame[frame["row"] == name], seeds) for name in weights}
    return finding(endpoint, weights, values)


def _values(mine: pd.DataFrame, seeds: Sequence[int]) -> Array:
    """Returns (S, C) influence values; those of a row without seeds at every seed."""
    own = sorted(set(mine["seed"]) & set(seeds)) or sorted(set(mine["seed"]))
    cube = np.stack(
        [
            mine[mine["seed"] == seed].sort_values("speaker")[["whole", "part"]].to_numpy(float)
            for seed in own
        ]
    )
    values: Array = influence_values(cube, _share)[1]
    return np.broadcast_to(values, (max(len(seeds), 1), values.shape[1]))


def _share(sums: Array) -> Array:
    share: Array = sums[..., 1] / sums[..., 0]
    return share
