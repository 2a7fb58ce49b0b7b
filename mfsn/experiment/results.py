"""The results folder of MFSN: what tasks write, how it becomes the tables of the run. No torch.

A task (one variant, seed and fold) writes its own small tables. When all tasks are finished, they
are joined to the tables of the run, and the scores are computed over all folds together.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.data.tables.delimited import read_csv
from pretrain.shared.atomic_files import replace_text, replaced
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import (
    FILES,
    JsonError,
    Schema,
    changed_files,
    digests_of,
    made_of,
    parse_object,
    read_object,
)
from pretrain.shared.run_record import RUN_FILE, has_record
from probe.metrics import score_task
from probe.results import write_csv

KIND = "mfsn"
FORMAT = 1

DEV = "dev"
OPTIMISTIC = "test-selected (optimistic)"
"""Ways in which the epoch was selected: by the dev part, or by the test part itself."""

RUNNING, STOPPED, FAILED, FINISHED = "running", "stopped", "failed", "finished"
"""What run.json says of the run's state."""

KEY = ("variant", "seed", "fold")
"""Columns that name the task; a task's own tables leave them out."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "scores": ("variant", "seed", "selection", "metric", "value"),
    "predictions": (
        "variant", "seed", "selection", "fold", "id", "speaker", "session", "target", "prediction",
    ),
    "folds": ("fold", "id", "part"),
    "epochs": (
        *KEY, "epoch", "train_loss", "dev_loss", "dev_ua", "dev_wa", "seconds", "entropy",
        "leading", "phase",
    ),
    "alpha": (*KEY, "epoch", "cell", "operation", "weight"),
    "levels": (*KEY, "level", "layer", "dev_ua", "dev_wa"),
    "structures": (
        *KEY, "level", "layer", "operations", "dev_ua", "dev_wa", "epoch", "test_ua", "test_wa",
        "trained_epoch", "trained_dev_ua",
    ),
    "exhaustive": (
        "seed", "fold", "level", "layer", "operations", "dev_ua", "dev_wa", "dev_loss", "test_ua",
        "test_wa", "seconds", "found",
    ),
}  # fmt: skip
"""Columns of the CSV files, by the name of the file. Scores are fractions. `phase` is "search" or
"retrain", empty for a fixed structure. Of a structure, `epoch` and the dev scores are those by
which the search kept it, the trained ones those of the weights that were tested."""

NOT_NEEDED: dict[str, tuple[str, ...]] = {
    "predictions": ("session",),
    "epochs": ("train_loss", "dev_loss", "dev_wa", "seconds", "leading", "phase"),
    "levels": ("layer",),
    "structures": (
        "layer", "dev_ua", "dev_wa", "test_ua", "test_wa", "trained_epoch", "trained_dev_ua",
    ),
    "exhaustive": ("layer", "dev_loss", "test_wa", "seconds"),
}  # fmt: skip
"""Columns that reports can do without: some former versions did not write."""

NUMBERS = (
    "value", "epoch", "train_loss", "dev_loss", "dev_ua", "dev_wa", "test_ua", "test_wa", "seconds",
    "entropy", "weight", "trained_epoch", "trained_dev_ua",
)  # fmt: skip
"""Columns that reports compute with; an empty one is a number that is not known."""

UTTERANCES = ("id", "speaker", "session", "audio_hash")
"""Columns of utterances.csv, whose last one reports do without."""

WORDS = ("id", "word_emotion")
"""Columns of words.csv, which runs on the synthetic corpus have: what the words express."""


def contradicts(word_emotion: "pd.Series[str]", emotion: "pd.Series[str]") -> "pd.Series[bool]":
    """Tells where words express another emotion than the label: not where they are neutral, or
    where what they express is not known ("")."""
    return ~word_emotion.isin(["", "neutral"]) & (word_emotion != emotion)


OF_TASKS = ("predictions", "epochs", "alpha", "levels", "structures", "exhaustive")
"""Tables that are joined from the tasks' own."""

RESULT_FILE = "result.json"
"""Written last: a task is finished when it is there."""


class FusionRunError(InputError):
    """A run folder of MFSN is missing, damaged or of another kind; the message says which."""


@dataclass(kw_only=True)
class TaskOutput:
    """What one task found."""

    result: dict[str, Any]
    """Plain values: seconds, parameters, ..."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Lines of the tables in `OF_TASKS`, without the columns that name the task."""


def write_output(folder: Path, output: TaskOutput) -> None:
    """Writes a task's tables, and then its result file, with their digests, in one step."""
    for name, lines in output.tables.items():
        columns = [column for column in COLUMNS[name] if column not in KEY]
        write_table(folder / f"{name}.csv", pd.DataFrame(lines, columns=columns))
    digests = digests_of(folder, [f"{name}.csv" for name in output.tables])
    write_json(folder / RESULT_FILE, {**output.result, FILES: digests})


def merge(
    folder: Path, tasks: Sequence[tuple[Mapping[str, Any], Path]], folds: pd.DataFrame
) -> list[dict[str, Any]]:
    """Joins the tables of all tasks in the run folder and scores the pooled predictions.

    Of each task `tasks` has the columns that name it, and its folder. Returns their results, with
    these columns.
    """
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in OF_TASKS}
    results = []
    for names, path in tasks:
        result = read_json(path / RESULT_FILE, TaskRecord)
        if changed := changed_files(path, result):
            raise FusionRunError(
                f"{path / changed[0]} is gone or was changed since its task finished: remove "
                f"{path} and give the same command again."
            )
        results.append({**names, **{k: v for k, v in result.items() if k != FILES}})
        for name in OF_TASKS:
            if (path / f"{name}.csv").is_file():
                frames[name].append(read_table(path / f"{name}.csv").assign(**names))
    tables = {
        name: pd.concat(parts, ignore_index=True)[list(COLUMNS[name])]
        for name, parts in frames.items()
        if parts
    }
    tables["folds"] = folds
    if "predictions" in tables:
        tables["scores"] = scores_of(tables["predictions"])
    for name in COLUMNS:
        if name in tables:
            write_table(folder / f"{name}.csv", tables[name][list(COLUMNS[name])])
        else:
            (folder / f"{name}.csv").unlink(missing_ok=True)
    return results


def scores_of(predictions: pd.DataFrame) -> pd.DataFrame:
    """Scores predictions pooled over all folds, per variant, seed and way of selection."""
    lines = []
    key = ["variant", "seed", "selection"]
    for names, frame in predictions.groupby(key, sort=False):
        scores = score_task("emotion", frame["target"].tolist(), frame["prediction"].tolist())
        lines += [(*names, metric, value) for metric, value in scores.items()]
    return pd.DataFrame(lines, columns=list(COLUMNS["scores"]))


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Writes a table beside `path`, then renames: a file is complete or absent."""
    with replaced(path, durably=True) as beside:
        write_csv(beside, frame)


def read_table(path: Path) -> pd.DataFrame:
    """Reads a table as text, so that joining it changes no digit. Raises `FusionRunError` when the
    file is missing or damaged."""
    try:
        return read_csv(path)
    except (OSError, ValueError) as error:
        raise FusionRunError(
            f"{path} cannot be read ({error}): remove its folder and give the same command again."
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes plain values in one step."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    replace_text(path, text + "\n")


class FusionRunRecord(Schema):
    """run.json, while it is being made and after."""

    status: str
    action: str = ""
    name: str = ""
    protocol: str = ""
    protocol_spec: str = ""
    inputs: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    encoders: dict[str, dict[str, Any]] = {}
    corpus: dict[str, Any] = {}
    variants: list[dict[str, Any]] = []
    seeds: list[int] = []
    folds: list[str] = []
    grown_by: list[str] = []


class CompleteRecord(FusionRunRecord):
    """What it takes to test the networks of a run."""

    action: str
    inputs: dict[str, Any]
    settings: dict[str, Any]
    encoders: dict[str, dict[str, Any]]
    corpus: dict[str, Any]
    variants: list[dict[str, Any]]
    seeds: list[int]
    folds: list[str]


class TaskRecord(Schema):
    """result.json of a task."""

    seconds: float


def read_json(path: Path, schema: type[Schema] = Schema) -> dict[str, Any]:
    """Reads a JSON object. Raises `FusionRunError` when the file is missing or damaged."""
    try:
        return read_object(path, schema)
    except JsonError as error:
        raise FusionRunError(
            f"{error} Remove its folder and give the same command again."
        ) from error


def read_run(folder: Path, schema: type[FusionRunRecord] = FusionRunRecord) -> dict[str, Any]:
    """Reads run.json of a run folder of MFSN. Raises `FusionRunError` when it holds no run of MFSN,
    or one of another format."""
    if not has_record(folder):
        raise FusionRunError(f"{folder} is not a run folder of MFSN: it has no run.json.")
    run = read_json(folder / RUN_FILE)
    if run.get("kind") != KIND:
        raise FusionRunError(f"{folder} is not a run folder of MFSN, but of {run.get('kind')!r}.")
    if run.get("format") != FORMAT:
        raise FusionRunError(
            f"{folder / 'run.json'} has the format {run.get('format')!r}, but this version reads "
            f"{FORMAT}: run it again."
        )
    try:
        made_of(schema, run, str(folder / RUN_FILE))
    except JsonError as error:
        raise FusionRunError(f"{error} Run it again, with another --out.") from error
    return run


def append_line(path: Path, content: Mapping[str, Any]) -> None:
    """Adds one object to a file of JSON lines, in place of one that a crash cut off."""
    lines = [*read_lines(path), content]
    replace_text(path, "".join(json.dumps(line, allow_nan=False) + "\n" for line in lines))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Reads the complete lines that `append_line` wrote; one cut off by a crash is left out."""
    if not path.is_file():
        return []
    complete = path.read_bytes().split(b"\n")[:-1]
    try:
        return [parse_object(line, f"{path}, line {n}") for n, line in enumerate(complete, start=1)]
    except JsonError as error:
        raise FusionRunError(
            f"{error} Remove this line, or the file, and give the same command again."
        ) from error
