"""The results folder of a probe: what `probe/run.py` writes and reports read. No torch here."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.shared.atomic_files import replaced_folder
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import (
    FILES,
    JsonError,
    Schema,
    changed_files,
    digests_of,
)
from pretrain.shared.run_record import RUN_FILE, read_record

KIND = "probe"
FORMAT = 1

_KEY = ("row", "seed", "corpus", "protocol", "head")

COLUMNS = {
    "scores": (*_KEY, "layer", "metric", "value"),
    "predictions": (*_KEY, "task", "fold", "id", "speaker", "session", "target", "prediction"),
    "folds": ("corpus", "protocol", "fold", "id", "part"),
    "selection": (*_KEY, "task", "fold", "layer", "strength", "dev_score"),
}
"""Columns of the CSV files, by the name of the file."""

NUMBERS = {"seed": "int64", "value": "float64", "strength": "float64", "dev_score": "float64"}
"""Types of the columns that are no text."""


class ResultsError(InputError):
    """A folder is not a complete results folder; the message names it and says why."""


@dataclass(frozen=True, kw_only=True)
class ProbeResults:
    """Everything that one call of the probe found."""

    run: dict[str, Any]
    """run.json: protocol, corpora, head, rows (with hashes), notes, command, packages, git."""

    scores: pd.DataFrame
    """One line per row, seed, corpus, layer ("selected" or a number) and metric. `value` is pooled
    over test folds: a fraction, or the squared unit of the corpus's scale for MSE."""

    predictions: pd.DataFrame
    """One line per row, seed, corpus, task and tested utterance, at the selected layer. `target`
    and `prediction` are text: class names, or numbers in full precision."""

    folds: pd.DataFrame
    """Who was in which part of which fold."""

    selection: pd.DataFrame
    """What the dev part of each fold chose. `dev_score` is UA for emotion and MSE otherwise. The
    linear head has a line per fold, with the chosen layer and penalty; the superb head a line per
    layer, whose `strength` is the learned weight of that layer."""


def write_results(folder: Path, results: ProbeResults) -> None:
    """Writes all files beside `folder`, then puts them in its place in one step.

    Raises:
        ResultsError: `folder` holds something that is not a probe's results.
    """
    check_out_folder(folder)
    tables = {name: getattr(results, name)[list(columns)] for name, columns in COLUMNS.items()}
    replace_folder(folder, tables, {**results.run, "kind": KIND, "format": FORMAT})


def replace_folder(
    folder: Path, tables: Mapping[str, pd.DataFrame], run: Mapping[str, Any]
) -> None:
    """Writes NAME.csv for every table, and run.json with their digests, beside `folder`; then puts
    them in its place in one step.

    Raises:
        WriteError: The disk refuses; `folder` is as it was.
    """
    with replaced_folder(folder) as beside:
        for name, frame in tables.items():
            write_csv(beside / f"{name}.csv", frame)
        run = {**run, FILES: digests_of(beside, [f"{name}.csv" for name in tables])}
        text = json.dumps(run, indent=2, ensure_ascii=False, allow_nan=False)
        (beside / RUN_FILE).write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Writes a table as all readers of results expect it."""
    frame.to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")


def check_out_folder(folder: Path, *, option: str = "--out") -> None:
    """Raises `ResultsError` if writing to `folder`, given by `option`, would replace anything but a
    probe's results."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        _read_run(folder)
    except ResultsError as error:
        raise ResultsError(
            f"{folder} exists and holds something else than results of the probe: choose another "
            f"{option}."
        ) from error


def check_nothing_lost(folder: Path, inputs: Mapping[str, Any], *, option: str = "--out") -> None:
    """Raises `ResultsError` if results of these `inputs` would take the place of others that they
    do not compute again: of another row, baseline, corpus, protocol or head. The same ones are
    computed again when weights or labels have changed."""
    there = inputs_in(folder)
    if not there:
        return
    lost = [
        f"the {key} {_in_words(there[key])}"
        for key in ("protocol", "head")
        if there.get(key, inputs[key]) != inputs[key]
    ]
    for key, what in (("rows", "row"), ("acoustic", "baseline"), ("corpora", "corpus")):
        kept = _names(inputs.get(key))
        lost += [f"the {what} {name}" for name in _names(there.get(key)) if name not in kept]
    if lost:
        raise ResultsError(
            f"{folder} holds results that this command would replace without computing them again: "
            f"{', '.join(lost)}. Give another {option}, or delete the folder."
        )


def _names(listed: Sequence[Sequence[Any]] | None) -> list[str]:
    """Names of rows, with seeds, of baselines or of corpora, as `inputs` list them."""
    seeded = [(one[0], one[2] if len(one) > 3 else None) for one in listed or ()]
    return list(dict.fromkeys(x if seed is None else f"{x} (seed {seed})" for x, seed in seeded))


def _in_words(value: Any) -> str:
    """A protocol by its name; a head by its name and settings."""
    if not isinstance(value, Mapping):
        return str(value)
    settings = ", ".join(f"{k}={v}" for k, v in (value.get("settings") or {}).items())
    return f"{value.get('name')}{f' ({settings})' if settings else ''}"


def can_reuse(folder: Path, inputs: dict[str, Any]) -> bool:
    """Tells whether `folder` holds complete results of exactly these `inputs`, made by whichever
    commit: code counts by the versions of its numbers.

    Never for encoders of unknown origin or for code that differs from its commit.
    """
    if not all(hashes for *_, hashes in inputs["rows"]):
        return False
    try:
        run = _read_run(folder)
    except ResultsError:
        return False
    there = run.get("inputs") or {}
    if inputs["git"]["dirty"] or there.get("git", {}).get("dirty"):
        return False
    texts = [json.dumps({**one, "git": None}, sort_keys=True) for one in (there, inputs)]
    complete = all((folder / f"{name}.csv").is_file() for name in COLUMNS)
    return complete and texts[0] == texts[1] and not changed_files(folder, run)


def inputs_in(folder: Path) -> Any:
    """Returns what the results in `folder` depend on, or None where there are none."""
    try:
        return _read_run(folder).get("inputs")
    except ResultsError:
        return None


def read_results(folder: Path) -> ProbeResults:
    """Reads what `write_results` wrote.

    Raises:
        ResultsError: The folder or a file is missing, of another kind or format, or damaged.
    """
    frames = {}
    run = _read_run(folder)
    for name, columns in COLUMNS.items():
        path = folder / f"{name}.csv"
        try:
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise ResultsError(f"{path} cannot be read ({error}): run the probe again.") from error
        if tuple(frame.columns) != columns:
            raise ResultsError(
                f"{path} must have the columns {', '.join(columns)}, but has "
                f"{', '.join(map(str, frame.columns))} instead: run the probe again."
            )
        try:
            frames[name] = frame.astype({k: v for k, v in NUMBERS.items() if k in columns})
        except ValueError as error:
            raise ResultsError(f"{path} has a damaged number ({error}).") from error
    if changed := changed_files(folder, run):
        raise ResultsError(
            f"{folder / changed[0]} is gone or was changed since the probe wrote it (see `files` "
            "in run.json): run the probe again."
        )
    run.pop(FILES, None)
    return ProbeResults(run=run, **frames)


def _read_run(folder: Path) -> dict[str, Any]:
    try:
        run = read_record(folder, Schema, allow_nan=False)
    except JsonError as error:
        raise ResultsError(f"{folder} is not a results folder of the probe: {error}") from error
    if run.get("kind") != KIND:
        raise ResultsError(f"{folder} is not a results folder of the probe (see its run.json).")
    if run.get("format") != FORMAT:
        raise ResultsError(
            f"{folder / RUN_FILE} has the format {run.get('format')!r}, but this version reads "
            f"{FORMAT}: run the probe again."
        )
    return run
