"""The folder of a study of fusion, as `mfsn/run.py study` wrote it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mfsn.study.study_columns import COLUMNS
from mfsn.study.study_file import FusionStudy
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import changed_files
from probe.study.study_file import registered_of
from reports.read.csv_tables import read_table
from reports.study.read import ua_of
from reports.uncertainty.crossed import influence_values
from reports.uncertainty.speaker_sums import Array

CONTRADICTED, OTHERS = 1, 0
"""Values of the column `contradicted`."""

TYPES = {
    "head": str, "network": str, "speaker": str, "emotion": str, "fold": str, "level": str,
    "operations": str, "place": str, "knows": str, "leading": str,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FusionStudyRun:
    """What a study of fusion has come to so far."""

    folder: Path
    record: dict[str, Any]
    study: FusionStudy
    counts: pd.DataFrame
    """With a column `name`, as in "content mfsn"."""

    trace: pd.DataFrame
    structures: pd.DataFrame
    alpha: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """The networks that were trained, in the order of the study."""
        there = set(self.counts["name"])
        return [name for name in self.study.names if name in there]

    @property
    def seeds(self) -> list[int]:
        """Those that all networks have."""
        return sorted(set.intersection(*(set(of) for _, of in self.counts.groupby("name")["seed"])))

    def ua(self, name: str) -> Array:
        """Returns (S, C) influence values on UA of a network."""
        sums = [self._cube(name, column, by="emotion") for column in ("utterances", "right")]
        return influence_values(np.concatenate(sums, axis=2), ua_of)[1]

    def share(self, name: str, column: str, contradicted: int) -> Array:
        """Returns (S, C) influence values on the share of utterances counted in `column`, of those
        that are contradicted or not."""
        sums = [
            self._cube(name, one, by="contradicted", only=contradicted)
            for one in ("utterances", column)
        ]
        return influence_values(np.concatenate(sums, axis=2), _ratio)[1]

    def _cube(self, name: str, column: str, *, by: str, only: int | None = None) -> Array:
        frame = self.counts[(self.counts["name"] == name) & self.counts["seed"].isin(self.seeds)]
        if only is not None:
            frame = frame[frame["contradicted"] == only]
        table = frame.pivot_table(
            index=["seed", "speaker"], columns=by, values=column, aggfunc="sum", fill_value=0
        )
        return table.to_numpy(float).reshape(len(self.seeds), -1, table.shape[1])


def _ratio(sums: Array) -> Array:
    share: Array = sums[..., 1] / sums[..., 0]
    return share


def read_fusion_study(folder: Path, record: Mapping[str, Any]) -> FusionStudyRun:
    """Reads the folder.

    Raises:
        InputError: A file is missing, was changed, or cannot be read.
    """
    if changed := changed_files(folder, dict(record)):
        raise InputError(f"{', '.join(changed)} changed since the study wrote it")
    tables = {}
    for name, columns in COLUMNS.items():
        tables[name] = read_table(folder / f"{name}.csv", dtype=TYPES)
        if lacking := [column for column in columns if column not in tables[name]]:
            raise InputError(f"{name}.csv lacks the columns {', '.join(lacking)}")
    counts = tables.pop("counts")
    return FusionStudyRun(
        folder=folder,
        record=dict(record),
        study=registered_of(dict(record["study"]), str(folder), FusionStudy),
        counts=counts.assign(name=counts["head"] + " " + counts["network"]),
        **tables,
    )


def shown(names: Sequence[str], run: FusionStudyRun) -> bool:
    """Whether all these networks were trained."""
    return set(names) <= set(run.names)
