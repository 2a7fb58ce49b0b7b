"""What a report reads: one pre-training run, one probe run, one probed row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from reports.codes.runs import CodesRun
from reports.fusion.runs import FinetuneRun, MfsnRun

HASHES = ("comparison", "initial_weights", "sample_order", "masks", "corpus")
"""Hashes that a row needs to stand among the controlled rows of a table."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One encoder (or baseline) with one seed, as a probe run names it."""

    name: str
    group: str
    """"row", "baseline" or "uncontrolled"."""

    mode: str
    setting: Mapping[str, Any]
    """codebooks, entries and centres, or top_k; empty for a baseline."""

    seed: int | None
    encoder_run: str
    comparison: Mapping[str, Any]
    """Flat key -> value: all that must be equal between the rows of one table."""

    hashes: Mapping[str, str]
    source: str
    """The run folder that says so."""

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


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Everything that was found under the given paths."""

    pretrain: tuple[PretrainRun, ...]
    probe: tuple[ProbeRun, ...]
    notices: tuple[str, ...]
    """What is missing or partial, each with the name of its folder."""

    mfsn: tuple[MfsnRun, ...] = ()
    finetune: tuple[FinetuneRun, ...] = ()
    codes: tuple[CodesRun, ...] = ()


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
        seed=None if seed is None else int(seed),
        encoder_run=str(record.get("encoder_run") or ""),
        comparison=comparison,
        hashes=hashes,
        source=source,
    )


def setting_label(mode: str, setting: Mapping[str, Any], name: str) -> str:
    """Returns "G=2 V=8" or "K=4", or the name for anything else."""
    if mode == "quantized" and {"codebooks", "entries"} <= set(setting):
        return f"G={setting['codebooks']} V={setting['entries']}"
    if mode == "continuous" and "top_k" in setting:
        return f"K={setting['top_k']}"
    return name


def row_words(row: Row) -> str:
    """Returns a row as sentences and narrow tables name it."""
    label = setting_label(row.mode, row.setting, row.name)
    return row.name if label == row.name else f"{row.mode} {label}"


def num_centres(setting: Mapping[str, Any]) -> int | None:
    """Returns V^G of a quantized row, None for the others."""
    if {"codebooks", "entries"} <= set(setting):
        centres: int = int(setting["entries"]) ** int(setting["codebooks"])
        return centres
    return None


def row_order(row: Row) -> tuple[int, int, float, str]:
    """Sorts rows as Table 4 does: quantized by centres, continuous by K, then the rest."""
    part = {"row": 0, "baseline": 1, "uncontrolled": 2}.get(row.group, 3)
    if part == 1:
        order = {"untrained": 0, "log-mel": 1, "constant": 2}
        return part, 0, float(order.get(row.name, 9)), row.name
    mode = {"quantized": 0, "continuous": 1}.get(row.mode, 2)
    size = num_centres(row.setting) or row.setting.get("top_k") or 0
    return part, mode, float(size), row.name
