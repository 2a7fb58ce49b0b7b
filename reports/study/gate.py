"""Which rows have learned: more of held-out speech is explained than the control explains."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.study.read import StudyRun
from reports.uncertainty.held_out import explained


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
    tables = {name: run.held_out[run.held_out["row"] == name] for name in run.names}
    found = {name: explained(table) for name, table in tables.items() if len(table)}
    limit = found[control].high if control in found else np.nan
    return {
        name: Gate(
            explained=one.value,
            low=one.low,
            high=one.high,
            limit=limit,
            learned=name != control and one.value > (limit if control in found else 0.0),
            **_read_off(tables[name]),
        )
        for name, one in found.items()
    }


def _read_off(mine: pd.DataFrame) -> dict[str, float]:
    total = mine[["masked_frames", "logmel_error", "logmel_power", "nearest_right"]].sum()
    return {
        "r2_logmel": float(1 - total["logmel_error"] / total["logmel_power"]),
        "nearest_64": float(total["nearest_right"] / total["masked_frames"]),
    }
