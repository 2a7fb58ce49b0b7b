"""The folder of a registered study, as `probe/table4.py --study` wrote it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pretrain.shared.errors import InputError
from pretrain.shared.json_files import changed_files
from probe.study.study_file import Study, study_of
from reports.read.csv_tables import read_table
from reports.uncertainty.crossed import influence_values
from reports.uncertainty.speaker_sums import Array

KIND = "study"
BASELINES = ("untrained", "log-mel", "constant")
TYPES = {"row": str, "speaker": str, "corpus": str, "emotion": str, "fold": str}


@dataclass(frozen=True, kw_only=True)
class StudyRun:
    """What a study has come to so far."""

    folder: Path
    record: dict[str, Any]
    study: Study
    counts: pd.DataFrame
    held_out: pd.DataFrame
    rows: pd.DataFrame
    read_outs: pd.DataFrame
    """By update; empty in folders that were written before it was kept."""

    secondary: pd.DataFrame
    """Further endpoints by speaker; empty where none were asked for."""

    @property
    def names(self) -> list[str]:
        """Rows and baselines in the order of the study."""
        there = set(self.counts["row"])
        wanted = [*self.study.rows.compared, *self.study.rows.controls, *BASELINES]
        return [name for name in wanted if name in there]

    @property
    def trained(self) -> list[str]:
        """Those that were pre-trained."""
        return [name for name in self.names if name in set(self.rows["row"])]

    def seeds_of(self, names: Sequence[str]) -> list[int]:
        """Returns the seeds that all these rows have; rows without seeds have all."""
        found = [
            set(seeds)
            for name in names
            if (seeds := self.counts["seed"][self.counts["row"] == name]).min() >= 0
        ]
        return sorted(set.intersection(*found)) if found else []

    def values(self, names: Sequence[str]) -> dict[str, Array]:
        """Returns (S, C) influence values on UA of these rows, over the seeds that all have.

        The corpora's speakers stand side by side; a corpus' UA is the mean of its speakers' values,
        so that the mean of all weighs corpora by their speakers.
        """
        seeds = self.seeds_of(names)
        return {name: self._values(name, seeds) for name in names}

    def _values(self, name: str, seeds: Sequence[int]) -> Array:
        mine = self.counts[self.counts["row"] == name]
        wanted = seeds if mine["seed"].min() >= 0 else [int(mine["seed"].iloc[0])]
        parts = []
        for corpus in self.study.probing.corpora:
            frame = mine[(mine["corpus"] == corpus) & mine["seed"].isin(wanted)]
            cube = [
                frame.pivot_table(
                    index=["seed", "speaker"], columns="emotion", values=column, fill_value=0
                )
                for column in ("utterances", "right")
            ]
            shape = (len(wanted), -1, cube[0].shape[1])
            sums = np.concatenate([one.to_numpy(float).reshape(shape) for one in cube], axis=2)
            parts.append(influence_values(sums, ua_of)[1])
        values = np.concatenate(parts, axis=1)
        return np.broadcast_to(values, (max(len(seeds), 1), values.shape[1]))

    def kept_variance(self, name: str) -> float:
        """Returns the share of the frames' variance that a row's target keeps, mean over seeds."""
        return float(self.rows["kept_variance"][self.rows["row"] == name].mean())


def ua_of(sums: Array) -> Array:
    """(..., 2 C) utterances and right answers of C classes -> (...) UA over the classes there."""
    number, right = np.split(sums, 2, axis=-1)
    present = number > 0
    recall: Array = (right / np.where(present, number, 1.0)).sum(-1) / present.sum(-1)
    return recall


def read_study_run(folder: Path, record: Mapping[str, Any]) -> StudyRun:
    """Reads the folder of a study.

    Raises:
        InputError: A file is missing, was changed, or cannot be read.
    """
    if changed := changed_files(folder, dict(record)):
        raise InputError(f"{', '.join(changed)} changed since the study wrote it")
    tables = {"read_outs": pd.DataFrame(), "secondary": pd.DataFrame()}
    for name in ("counts", "held_out", "rows", "read_outs", "secondary"):
        file = folder / f"{name}.csv"
        if name not in tables and not file.is_file():
            raise InputError(f"{file.name} is missing")
        tables[name] = read_table(file, dtype=TYPES)
    rows = tables["rows"]
    rows["kept_variance"] = pd.to_numeric(rows["kept_variance"], errors="coerce")
    return StudyRun(
        folder=folder,
        record=dict(record),
        study=study_of(dict(record["study"]), str(folder)),
        **tables,
    )
