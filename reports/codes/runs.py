"""Reads the folders that `probe/code_knowledge.py` wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.shared.errors import InputError
from probe.codes.results import COLUMNS, TYPES
from reports.read.csv_tables import read_table

_KEY = ("row", "seed", "corpus")
TABLES = ("codes", "groups", "information", "blocks")
"""Those that are shown; all their columns are needed."""


@dataclass(frozen=True, kw_only=True)
class CodesRun:
    """One folder of code measurements.

    Every line of its tables also has the `final_weights` of its row ("" if not known) and the
    `folder`.
    """

    folder: Path
    record: Mapping[str, Any]
    """run.json."""

    codes: pd.DataFrame
    groups: pd.DataFrame
    information: pd.DataFrame
    """Empty where a corpus has no labels."""

    blocks: pd.DataFrame
    """Excess information with each speaker left out."""


@dataclass(frozen=True, kw_only=True)
class Codes:
    """All folders together: one measurement, of one set of weights, per row, seed and corpus."""

    folders: tuple[str, ...]
    rows: Sequence[tuple[str, Mapping[str, Any]]]
    """Folder and entry of `rows` of every run.json."""

    corpora: Mapping[str, Mapping[str, Any]]
    aligners: Sequence[Mapping[str, Any]]
    codes: pd.DataFrame
    groups: pd.DataFrame
    information: pd.DataFrame
    blocks: pd.DataFrame


def read_codes(folder: Path, record: dict[str, Any], notices: list[str]) -> CodesRun | None:
    """Reads one folder, or names in `notices` why it cannot be used."""
    fault = _fault_of_record(record)
    frames: dict[str, pd.DataFrame] = {}
    for name in TABLES:
        file = folder / f"{name}.csv"
        try:
            if not file.is_file():
                raise InputError("there is none")
            frame = read_table(file, dtype=TYPES, na_values=["", "nan"])
            lacking = [column for column in COLUMNS[name] if column not in frame]
            fault = fault or (f"{file.name} lacks {', '.join(lacking)}" if lacking else "")
            texts = [c for c in COLUMNS[name] if TYPES[c] is str and c in frame]
            frames[name] = frame.assign(**{column: frame[column].fillna("") for column in texts})
        except (OSError, ValueError) as error:
            fault = fault or f"{file.name} cannot be read ({error})"
    if not fault and frames["codes"].empty:
        fault = "codes.csv is empty"
    if not fault:
        known = {(row["name"], row["seed"]) for row in record["rows"]}
        found = {tuple(key) for f in frames.values() for key in f[["row", "seed"]].to_numpy()}
        unknown = sorted(f"{name} (seed {seed})" for name, seed in found - known)
        fault = f"run.json does not name the rows {', '.join(unknown)}" if unknown else ""
    if fault:
        notices.append(f"{folder}: left out, {fault}.")
        return None
    weights = {(row["name"], row["seed"]): _weights(row) for row in record["rows"]}
    marked = {}
    for name, frame in frames.items():
        keys = zip(frame["row"], frame["seed"], strict=True)
        marked[name] = frame.assign(
            final_weights=pd.Series([weights[key] for key in keys], dtype=str), folder=str(folder)
        )
    return CodesRun(folder=folder, record=record, **marked)


def _fault_of_record(record: Mapping[str, Any]) -> str:
    """Says what of run.json cannot be used; "" if nothing."""
    for key in ("rows", "corpora"):
        entries = record.get(key)
        if not isinstance(entries, list):
            return f"run.json has no list {key!r}"
        if not all(isinstance(entry, dict) and "name" in entry for entry in entries):
            return f"run.json has nameless entries in {key!r}"
    if not all(type(row.get("seed")) is int for row in record["rows"]):
        return "run.json has rows whose seed is no whole number"
    if not isinstance(record.get("aligner"), dict | None):
        return "run.json has an aligner that is no object"
    return ""


def _weights(row: Mapping[str, Any]) -> str:
    return str((row.get("hashes") or {}).get("final_weights") or "")


def merged(runs: Sequence[CodesRun]) -> Codes | None:
    """Puts all folders together; of two measurements of one thing the last one counts.

    What was measured of other weights than the last codes of that row, seed and corpus is left
    out; and numbers that belong together stay those of one folder.
    """
    if not runs:
        return None
    key = list(_KEY)
    frames = {
        name: pd.concat([getattr(run, name) for run in runs], ignore_index=True) for name in TABLES
    }
    codes = frames["codes"].drop_duplicates(key, keep="last")
    same = frames["information"].merge(codes[[*key, "final_weights"]])
    information = same.drop_duplicates([*key, "label"], keep="last")
    rows = {
        (row["name"], row["seed"]): (str(run.folder), row)
        for run in runs
        for row in run.record["rows"]
    }
    aligners = [run.record["aligner"] for run in runs if run.record.get("aligner")]
    return Codes(
        folders=tuple(str(run.folder) for run in runs),
        rows=list(rows.values()),
        corpora={str(c["name"]): c for run in runs for c in run.record["corpora"]},
        aligners=list({str(a.get("folder")): a for a in aligners}.values()),
        codes=codes,
        groups=frames["groups"].merge(codes[[*key, "folder"]]),
        information=information,
        blocks=frames["blocks"].merge(information[[*key, "label", "folder"]]),
    )
