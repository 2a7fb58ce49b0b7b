"""Reads run folders of MFSN."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.experiment.results import COLUMNS, DEV, NOT_NEEDED, NUMBERS, OPTIMISTIC, UTTERANCES, WORDS
from reports.fusion.read.runs import LEVELS, MfsnRun, Variant
from reports.read.csv_tables import read_table

NEEDED = {
    **{
        name: tuple(column for column in columns if column not in NOT_NEEDED.get(name, ()))
        for name, columns in COLUMNS.items()
    },
    "utterances": UTTERANCES[:-1],
    "words": WORDS,
}
"""Columns of every file that it is of no use without."""


def read_mfsn(folder: Path, record: Mapping[str, Any], notices: list[str]) -> MfsnRun | None:
    """Reads one folder; what is missing is named in `notices`.

    :returns: None when there is nothing to show.
    """
    tables = {
        name: _read_numbers(folder, name, columns, notices) for name, columns in NEEDED.items()
    }
    if tables["scores"].empty and tables["exhaustive"].empty:
        notices.append(
            f"{folder}: left out, it has neither scores.csv nor exhaustive.csv "
            f"(status {record.get('status')!r}): give its command again to go on."
        )
        return None
    if record.get("status") != "finished":
        notices.append(f"{folder}: the run is not finished (status {record.get('status')!r}).")
    told = [*(record.get("notes") or []), *(record.get("warnings") or [])]
    notices += [f"{folder}: {note}" for note in told]
    if "test_selection" in (record.get("faults") or ()):
        # Whatever the file says: with this fault on, the test part has chosen the epoch.
        for name in ("scores", "predictions"):
            if not tables[name].empty:
                tables[name]["selection"] = tables[name]["selection"].replace(DEV, OPTIMISTIC)
    variants = tuple(_variant(entry) for entry in record.get("variants") or ())
    scored = set() if tables["scores"].empty else set(tables["scores"]["variant"])
    if unknown := sorted(scored - {variant.name for variant in variants}):
        raise KeyError(f"variants: {', '.join(unknown)}")
    kept = tuple(variant for variant in variants if variant.name in scored)
    return MfsnRun(folder=folder, record=record, variants=kept, tables=tables)


def _variant(entry: Mapping[str, Any]) -> Variant:
    return Variant(
        name=str(entry["name"]),
        label=str(entry.get("label") or entry["name"]),
        streams=tuple(str(stream) for stream in entry.get("streams") or ()),
        sec=str(entry.get("sec") or ""),
        search=bool(entry.get("search")),
        parameters=entry.get("parameters"),
    )


def _read_numbers(
    folder: Path, name: str, columns: Sequence[str], notices: list[str]
) -> pd.DataFrame:
    file = folder / f"{name}.csv"
    frame = read_table(file, dtype=str)
    if frame.columns.empty:
        return frame
    if lacking := [column for column in columns if column not in frame]:
        notices.append(f"{file} is left out, it lacks the columns {', '.join(lacking)}.")
        return pd.DataFrame()
    for column in NUMBERS:
        if column in frame:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    if "level" in frame:
        numbers = {str(number): level for number, level in enumerate(LEVELS)}
        frame["level"] = frame["level"].replace(numbers)
    return frame
