"""What a report reads: one pre-training run, one probe run, one probed row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.objectives.known_rows import OTHER, presentation_in
from pretrain.objectives.presentation import Family, Presentation

HASHES = ("comparison", "initial_weights", "sample_order", "masks", "corpus")
"""Hashes that a row needs to stand among the controlled rows of a table."""


NOT_CONTROLLED = ("released", "uncontrolled")
"""Groups of rows of which nothing says that only their target differs."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One encoder (or baseline) with one seed, as a probe run names it."""

    name: str
    group: str
    """"row", "baseline", "released" or "uncontrolled"."""

    mode: str
    setting: Mapping[str, Any]
    """What its objective says of it; empty for a baseline."""

    presentation: Presentation
    """How it is shown: what the objective says of itself, so that no report needs to know it."""

    seed: int | None
    num_parameters: int | None
    """Of the encoder; None for baselines, and where the run does not say it."""

    encoder_run: str
    comparison: Mapping[str, Any]
    """Flat key -> value: all that must be equal between the rows of one table."""

    hashes: Mapping[str, str]
    source: str
    """The run folder that says so."""

    @property
    def family(self) -> Family:
        """The family whose colour it has: one of its own for whatever is not controlled."""
        return OTHER if self.group in NOT_CONTROLLED else self.presentation.family

    @property
    def label(self) -> str:
        """Such as "G=2 V=8" or "K=4"; the name for anything else."""
        return self.presentation.label or self.name

    @property
    def target(self) -> str:
        """The objective, with its family where that is called otherwise; a baseline's name."""
        family = self.presentation.family.label
        named = self.mode if self.mode in ("", family) else f"{self.mode} ({family})"
        return named or self.name

    @property
    def has_seed(self) -> bool:
        """Whether a seed can change it: the baselines without an encoder have none."""
        return self.seed is not None and (self.group != "baseline" or bool(self.encoder_run))


@dataclass(frozen=True, kw_only=True)
class PretrainRun:
    """One folder of pre-training."""

    folder: Path
    record: Mapping[str, Any]
    """run.json."""

    row: Row
    metrics: pd.DataFrame
    """metrics.jsonl, one line per logged update; empty when the file is missing."""

    held_out: pd.DataFrame
    """held_out.csv, one line per utterance that was held out; empty where none was."""

    @property
    def finished(self) -> bool:
        return self.record.get("status") == "finished"


@dataclass(frozen=True, kw_only=True)
class ProbeRun:
    """One folder of probe results."""

    folder: Path
    record: Mapping[str, Any]
    """run.json."""

    rows: tuple[Row, ...]
    corpora: Mapping[str, Mapping[str, Any]]
    """Corpus name -> what run.json says of it."""

    scores: pd.DataFrame
    predictions: pd.DataFrame
    """Empty when predictions.csv is missing."""

    folds: pd.DataFrame
    selection: pd.DataFrame


def row_from(record: Mapping[str, Any], *, source: str, group: str | None = None) -> Row:
    """Reads a row from run.json; a row without its hashes becomes "uncontrolled"."""
    hashes = {key: str(value) for key, value in (record.get("hashes") or {}).items() if value}
    comparison = dict(record.get("comparison") or {})
    found = group or str(record.get("group") or "row")
    if found == "row" and (not comparison or any(key not in hashes for key in HASHES)):
        found = "uncontrolled"
    seed = record.get("seed")
    return Row(
        name=str(record["name"]),
        group=found,
        mode=str(record.get("mode") or ""),
        setting=dict(record.get("row") or {}),
        presentation=presentation_in(record),
        seed=None if seed is None else int(seed),
        num_parameters=record.get("num_parameters")
        or (record.get("parameters") or {}).get("encoder"),
        encoder_run=str(record.get("encoder_run") or ""),
        comparison=comparison,
        hashes=hashes,
        source=source,
    )


def row_words(row: Row) -> str:
    """Returns a row as sentences and narrow tables name it."""
    known_by_name = row.group in NOT_CONTROLLED or row.label == row.name
    return row.label if known_by_name else f"{row.mode} {row.label}"


def families(rows: Iterable[Row]) -> list[Family]:
    """Returns the families of the controlled rows, in the order of Table 4."""
    shown = [row.presentation for row in rows if row.group == "row"]
    return list({one.family.label: one.family for one in sorted(shown, key=_place)}.values())


def row_order(row: Row) -> tuple[int, tuple[int, str, float], str]:
    """Sorts rows as Table 4 does: by family, then as their objective says; baselines follow."""
    part = {"row": 0, "baseline": 1, "released": 2, "uncontrolled": 3}.get(row.group, 4)
    if part == 1:
        order = {"untrained": 0, "log-mel": 1, "constant": 3}
        return part, (order.get(row.name, 2), "", 0.0), row.name
    return part, row.presentation.place, row.name


def _place(shown: Presentation) -> tuple[int, str, float]:
    return shown.place
