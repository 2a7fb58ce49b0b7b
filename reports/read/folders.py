"""One run folder: its run.json, and what a pre-training has beside it."""

from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.shared.json_files import JsonError, Schema, changed_files, parse_object
from pretrain.shared.run_record import ReportedRecord, has_record, read_record
from reports.read.csv_tables import read_table
from reports.read.records import PretrainRun, row_from

FORMAT = 1
"""Format of run.json that is read, for all kinds."""


class MetricsLine(Schema):
    """One line of metrics.jsonl: numbers, or null where one was not finite."""

    __pydantic_extra__: dict[str, float | None]
    update: float


def read_pretrain_folder(folder: Path) -> PretrainRun | None:
    """Reads the pre-training in one folder; None where there is none that can be read."""
    if not has_record(folder):
        return None
    ignored: list[str] = []
    record = read_run_record(folder, ignored)
    if record is None or record.get("kind") != "pretrain" or record.get("format") != FORMAT:
        return None
    try:
        return read_pretrain(folder, record, ignored)
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def read_run_record(folder: Path, notices: list[str]) -> dict[str, Any] | None:
    """Reads run.json and compares the digests that it has; None, with the reason among `notices`,
    where the folder cannot be used."""
    if not has_record(folder):
        notices.append(f"{folder}: left out, it has no run.json (not a run, or it never started).")
        return None
    try:
        record = read_record(folder, ReportedRecord)
    except JsonError as error:
        notices.append(f"{folder}: left out, run.json cannot be read ({error})")
        return None
    if changed := changed_files(folder, record):
        tables = [name for name in changed if name.endswith(".csv") and name != "utterances.csv"]
        if tables:
            notices.append(
                f"{folder}: left out, {tables[0]} is gone or was changed since it was written (see "
                "`files` in run.json). Give its command again."
            )
            return None
        notices.append(
            f"{folder}: {changed[0]} is gone or was changed since the run finished (see `files` in "
            "run.json): what is said here of the run is not of what is there now."
        )
    return record


def read_pretrain(folder: Path, record: dict[str, Any], notices: list[str]) -> PretrainRun:
    """Reads what is beside the run.json of a pre-training; what is missing goes to `notices`."""
    metrics: list[dict[str, Any]] = []
    file = folder / "metrics.jsonl"
    if file.is_file():
        for number, line in enumerate(file.read_bytes().splitlines(), start=1):
            try:
                metrics.append(parse_object(line, f"metrics.jsonl line {number}", MetricsLine))
            except JsonError as error:
                reason = str(error).partition(": ")[2]
                notices.append(
                    f"{folder}: metrics.jsonl line {number} is not JSON of one update, and "
                    f"ignored ({reason})"
                )
    if not metrics:
        notices.append(f"{folder}: no metrics.jsonl, its training curves are missing.")
    if record.get("status") != "finished":
        notices.append(
            f"{folder}: the run is not finished (status {record.get('status')!r}, "
            f"{record.get('updates', 0)} updates)."
        )
    frame = pd.DataFrame(metrics)
    if not frame.empty and "update" in frame:
        # A resumed run may have logged an update twice; the later line is the one that counts.
        frame = frame.drop_duplicates("update", keep="last").sort_values("update")
    row = row_from(record, source=str(folder))
    return PretrainRun(
        folder=folder,
        record=record,
        row=row,
        metrics=frame,
        held_out=read_table(folder / "held_out.csv", dtype={"id": str, "speaker": str}),
    )
