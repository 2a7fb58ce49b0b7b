"""Which rows have learned: more of held-out speech is explained than the control explains."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from reports.study.read import StudyRun
from reports.uncertainty.crossed import influence_values, standard_error
from reports.uncertainty.speaker_sums import Array


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What a row explains of frames of speakers that no row was trained on."""

    explained: float
    low: float
    high: float
    """95 % interval over held-out speakers and seeds."""

    r2_logmel: float
    nearest_64: float
    limit: float
    """Upper end of the control's interval."""

    learned: bool


def gates(run: StudyRun) -> dict[str, Gate]:
    """Returns every row that was trained, with what it explains; the control never has learned."""
    control = run.study.gate.control
    found = {name: _explained(run, name) for name in run.names if name in set(run.rows["row"])}
    limit = found[control][2] if control in found else np.nan
    return {
        name: Gate(
            explained=value,
            low=low,
            high=high,
            limit=limit,
            learned=name != control and value > max(limit, 0.0),
            **_read_off(run.held_out[run.held_out["row"] == name]),
        )
        for name, (value, low, high) in found.items()
    }


def _explained(run: StudyRun, name: str) -> tuple[float, float, float]:
    mine = run.held_out[run.held_out["row"] == name].sort_values(["seed", "speaker"])
    seeds = mine["seed"].nunique()
    cube = mine[["masked_frames", "explained"]].to_numpy(float).reshape(seeds, -1, 2)
    metric, values = influence_values(cube, _share)
    error, freedom = standard_error(values)
    width = float(stats.t.ppf(0.975, freedom) * error)
    value = float(metric.mean())
    return value, value - width, value + width


def _share(sums: Array) -> Array:
    share: Array = sums[..., 1] / sums[..., 0]
    return share


def _read_off(mine: pd.DataFrame) -> dict[str, float]:
    total = mine[["masked_frames", "logmel_error", "logmel_power", "nearest_right"]].sum()
    return {
        "r2_logmel": float(1 - total["logmel_error"] / total["logmel_power"]),
        "nearest_64": float(total["nearest_right"] / total["masked_frames"]),
    }
