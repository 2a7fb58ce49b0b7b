"""Reads the folders that `probe/code_knowledge.py` wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

FILES = ("codes", "groups", "information", "blocks")
_TEXT = {"row": str, "corpus": str, "label": str, "shuffled_over": str}


@dataclass(frozen=True, kw_only=True)
class CodesRun:
    """One folder of code measurements."""

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
    """All folders together."""

    folders: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    """Entries of `rows` of every run.json."""

    corpora: Mapping[str, Mapping[str, Any]]
    aligners: Sequence[Mapping[str, Any]]
    codes: pd.DataFrame
    groups: pd.DataFrame
    information: pd.DataFrame
    blocks: pd.DataFrame


def read_codes(folder: Path, record: dict[str, Any], notices: list[str]) -> CodesRun | None:
    """Reads one folder, or names in `notices` why it cannot be used."""
    frames = {}
    for name in FILES:
        file = folder / f"{name}.csv"
        try:
            frames[name] = pd.read_csv(file, dtype=_TEXT, keep_default_na=False, na_values=[""])
        except (OSError, ValueError) as error:
            notices.append(f"{folder}: left out, {file.name} cannot be read ({error}).")
            return None
        if any(column not in frames[name] for column in ("row", "seed", "corpus")):
            notices.append(f"{folder}: left out, {file.name} lacks row, seed or corpus.")
            return None
    if frames["codes"].empty:
        notices.append(f"{folder}: left out, codes.csv is empty.")
        return None
    for key in ("rows", "corpora"):
        if not isinstance(record.get(key), list):
            notices.append(f"{folder}: left out, run.json has no list {key!r}.")
            return None
    return CodesRun(folder=folder, record=record, **frames)


def merged(runs: Sequence[CodesRun]) -> Codes | None:
    """Puts all folders together; of two measurements of one thing the last one counts."""
    if not runs:
        return None
    keys = {
        "codes": ["row", "seed", "corpus"],
        "groups": ["row", "seed", "corpus", "group"],
        "information": ["row", "seed", "corpus", "label"],
        "blocks": ["row", "seed", "corpus", "label", "block"],
    }
    frames = {
        name: pd.concat([getattr(run, name) for run in runs], ignore_index=True).drop_duplicates(
            key, keep="last"
        )
        for name, key in keys.items()
    }
    rows = {(str(row["name"]), row.get("seed")): row for run in runs for row in run.record["rows"]}
    aligners = [run.record["aligner"] for run in runs if run.record.get("aligner")]
    return Codes(
        folders=tuple(str(run.folder) for run in runs),
        rows=list(rows.values()),
        corpora={str(c["name"]): c for run in runs for c in run.record["corpora"]},
        aligners=list({str(a.get("folder")): a for a in aligners}.values()),
        **frames,
    )
