"""What rows explain of speech that none of them was trained on, and which have learned by it.

A row has learned when it explains more than the upper limit of a control whose targets cannot be
learned, where there is one, else more than `MIN_EXPLAINED`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from pretrain.objectives.presentation import NOT_LEARNED
from reports.read.health import MIN_EXPLAINED, Finding
from reports.read.records import PretrainRun
from reports.uncertainty.crossed import influence_values, standard_error
from reports.uncertainty.speaker_sums import Array


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The share of an uninformed predictor's loss that a row saves on held-out speech."""

    value: float
    low: float
    high: float
    """95 % interval over held-out speakers and seeds."""

    limit: float = float("nan")
    """What must be exceeded."""

    control: str = ""
    """The row that sets the limit; empty where none was trained."""

    is_control: bool = False

    @property
    def learned(self) -> bool:
        return not self.is_control and self.value > self.limit

    def below(self, limit: float, control: str) -> "Explained":
        """Returns it beside the limit of a control."""
        return Explained(
            value=self.value,
            low=self.low,
            high=self.high,
            limit=limit if control else MIN_EXPLAINED,
            control=control,
        )


def explained(table: pd.DataFrame) -> Explained:
    """Returns what one row explains.

    Args:
        table: A line for each seed and speaker: `masked_frames`, and `explained` as a sum over
            them.
    """
    table = table.sort_values(["seed", "speaker"])
    seeds = table["seed"].nunique()
    cube = table[["masked_frames", "explained"]].to_numpy(float).reshape(seeds, -1, 2)
    metric, values = influence_values(cube, _share)
    error, freedom = standard_error(values)
    width = float(stats.t.ppf(0.975, freedom) * error)
    value = float(metric.mean())
    return Explained(value=value, low=value - width, high=value + width)


def held_out_rows(runs: Sequence[PretrainRun]) -> dict[str, Explained]:
    """Returns row name -> what it explains, of the finished runs that held speech out.

    Its control is one that was read out on the same utterances after as many updates.
    """
    groups: dict[tuple[object, ...], list[PretrainRun]] = {}
    for run in runs:
        if run.finished and not run.held_out.empty:
            said = run.record.get("held_out") or {}
            key = (said.get("hash"), run.record.get("updates"))
            groups.setdefault(key, []).append(run)
    found: dict[str, Explained] = {}
    for members in groups.values():
        values = {
            name: explained(
                pd.concat([_by_speaker(run) for run in members if run.row.name == name])
            )
            for name in dict.fromkeys(run.row.name for run in members)
        }
        controls = {run.row.name for run in members if run.row.presentation.control}
        control = max(controls, key=lambda name: values[name].high, default="")
        limit = values[control].high if control else np.nan
        found |= {
            name: Explained(**{**vars(value), "is_control": True, "limit": limit})
            if name in controls
            else value.below(limit, control)
            for name, value in values.items()
        }
    return found


def not_learned(runs: Sequence[PretrainRun], found: Mapping[str, Explained]) -> list[Finding]:
    """Returns a finding for each row that has not learned by its held-out speech."""
    folders = {run.row.name: str(run.folder) for run in runs}
    return [
        Finding(
            row=name,
            seed=None,
            folder=folders[name],
            flag=NOT_LEARNED,
            text=f"of held-out speech it explains {one.value:.3f} [{one.low:.3f}, {one.high:.3f}], "
            + (
                f"no more than {one.control}, the control, may explain by chance"
                if one.control
                else "so that it has hardly begun to predict its targets"
            )
            + f" (limit {one.limit:.3f})",
        )
        for name, one in found.items()
        if not one.learned and not one.is_control
    ]


def _by_speaker(run: PretrainRun) -> pd.DataFrame:
    numbers = run.held_out[["masked_frames", "explained"]].astype(float)
    speakers = run.held_out["speaker"].astype(str)
    # A corpus without speakers holds utterances out, each as one of its own.
    names = speakers.where(speakers != "", run.held_out["id"].astype(str))
    numbers["explained"] *= numbers["masked_frames"]
    sums = numbers.groupby(names.rename("speaker")).sum().reset_index()
    return sums.assign(seed=-1 if run.row.seed is None else run.row.seed)


def _share(sums: Array) -> Array:
    share: Array = sums[..., 1] / sums[..., 0]
    return share
