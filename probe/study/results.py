"""The folder of a study: what its page is made from, small enough to be kept with the project.

Counts of right answers by speaker and class, the layers that dev speakers chose, and read-outs of
held-out speech by speaker: everything that intervals and tests need. Written after every
seed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pretrain.data.tables.delimited import read_csv
from pretrain.engine.read_outs.held_out import FILE, NUMBERS
from pretrain.engine.run_in_folder import TARGETS_FILE
from pretrain.shared.json_files import Schema
from pretrain.shared.kept_tensors import TensorFile
from pretrain.shared.run_record import read_record
from probe.study.secondary import Secondary
from probe.study.study_file import UNTRAINED, Study
from probe.study.study_folder import keep_study

if TYPE_CHECKING:
    from probe.whole_table.plan import CellJob, TablePlan
    from probe.whole_table.rows import PretrainedRow

KIND = "study"
FORMAT = 1

TASK = "emotion"

ANY_SEED = -1
"""Of a row that has no seeds: constant and log-mel."""

COLUMNS = {
    "counts": ("row", "seed", "corpus", "speaker", "emotion", "utterances", "right"),
    "layers": ("row", "seed", "corpus", "fold", "layer"),
    "held_out": (
        "row", "seed", "speaker", "masked_frames", "explained", "logmel_error", "logmel_power",
        "nearest_right",
    ),
    "rows": (
        "row", "seed", "kept_variance", "label", "updates", "audio_hours", "explained",
        "r2_logmel", "nearest_64", "final_weights",
    ),
    "read_outs": ("row", "seed", "update", "explained", "r2_logmel", "nearest_64"),
    "secondary": ("row", "seed", "endpoint", "speaker", "whole", "part"),
}  # fmt: skip
"""Columns of the CSV files, by the name of the file. `explained` of `held_out` is a sum over the
masked frames of a speaker, that of `rows` a mean."""


def write_study(
    folder: Path,
    study: Study,
    plans: Sequence["TablePlan"],
    secondary: Secondary | None = None,
) -> None:
    """Writes what the finished seeds have come to.

    Args:
        folder: Holds the registered file.
        study: What it says.
        plans: One for each seed, finished.
        secondary: Where further endpoints are read off, if they are.

    Raises:
        EncoderError: Rows of a seed differ in more than their target.
        CellError: A cell cannot be read.
    """
    from probe.rows.comparable import make_table, read_encoder_run

    cells = [job for plan in plans for job in plan.cells]
    rows = [row for plan in plans for row in plan.rows]
    for plan in plans:
        make_table([read_encoder_run(row.folder) for row in plan.rows], allow_uncontrolled=False)
    evaluations = [(job, job.cell.read()) for job in cells]
    frames = {
        "counts": pd.concat(
            [_counts(job, kept.evaluation.predictions) for job, kept in evaluations]
        ),
        "layers": pd.DataFrame(
            [line for job, kept in evaluations for line in _layers(job, kept.evaluation.selection)]
        ),
        "held_out": pd.concat([_held_out(row) for row in rows]),
        "rows": pd.DataFrame([_row(row) for row in rows]),
        "read_outs": pd.DataFrame([one for row in rows for one in _read_outs(row)]),
    }
    if secondary:
        frames["secondary"] = _secondary(plans, secondary)
    first = rows[0].settings
    said = {
        "kind": KIND,
        "format": FORMAT,
        "name": study.name,
        "seeds": sorted({row.seed for row in rows}),
        "corpora": _corpora(plans[0]),
        "pretrained_on": _pretrained_on(rows[0]),
        "secondary": secondary.describe() if secondary else None,
        "settings": {**first.compared()},
    }
    # Baselines without seeds are in every plan.
    kept = {name: frame[list(COLUMNS[name])].drop_duplicates() for name, frame in frames.items()}
    keep_study(folder, study, kept, said)


def _seed_of(job: "CellJob") -> int:
    return job.cell.run.seed if job.cell.weights else ANY_SEED


def _counts(job: "CellJob", predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Returns right answers by speaker and class, at the layers that dev speakers chose."""
    tested = pd.concat(predictions)
    tested = tested[tested["task"] == TASK]
    right = tested["target"] == tested["prediction"]
    counted = (
        tested.assign(right=right.astype(int))
        .groupby(["speaker", "target"])["right"]
        .agg(utterances="size", right="sum")
        .reset_index()
        .rename(columns={"target": "emotion"})
    )
    cell = job.cell
    return counted.assign(row=cell.run.name, seed=_seed_of(job), corpus=cell.setting.corpus.name)


def _layers(job: "CellJob", selection: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    cell = job.cell
    key = {"row": cell.run.name, "seed": _seed_of(job), "corpus": cell.setting.corpus.name}
    return [
        {**key, "fold": line["fold"], "layer": line["layer"]}
        for line in selection
        if line["task"] == TASK
    ]


def _held_out(row: "PretrainedRow") -> pd.DataFrame:
    table = read_csv(row.folder / FILE)
    table[NUMBERS] = table[NUMBERS].astype(float)
    table["explained"] *= table["masked_frames"]
    sums = table.groupby("speaker")[NUMBERS].sum().drop(columns="loss").reset_index()
    counts = ["masked_frames", "nearest_right"]
    sums[counts] = sums[counts].astype(int)
    return sums.assign(row=row.row, seed=row.seed)


def _row(row: "PretrainedRow") -> dict[str, object]:
    record = read_record(row.folder, StudiedRecord)
    targets = TensorFile(path=row.folder / TARGETS_FILE).read() or {}
    kept = targets.get("kept_variance")
    last = record["held_out"]["read_outs"][-1]
    return {
        "row": row.row,
        "seed": row.seed,
        "kept_variance": "" if kept is None else float(kept),
        "label": row.settings.objective.presentation().label,
        "updates": record["updates"],
        "audio_hours": record["audio_hours"],
        "final_weights": record["hashes"]["final_weights"],
        **{name: last[name] for name in ("explained", "r2_logmel", "nearest_64")},
    }


def _read_outs(row: "PretrainedRow") -> list[dict[str, object]]:
    record = read_record(row.folder, StudiedRecord)
    return [
        {"row": row.row, "seed": row.seed, **values} for values in record["held_out"]["read_outs"]
    ]


def _secondary(plans: Sequence["TablePlan"], secondary: Secondary) -> pd.DataFrame:
    found = [secondary.of_log_mel().assign(row="log-mel", seed=ANY_SEED)]
    for plan in plans:
        first = plan.rows[0]
        untrained = secondary.of_encoder(first.folder, UNTRAINED, initial=True)
        found.append(untrained.assign(row=UNTRAINED, seed=first.seed))
        for row in plan.rows:
            name = f"{row.row}, seed {row.seed}"
            found.append(secondary.of_encoder(row.folder, name).assign(row=row.row, seed=row.seed))
    return pd.concat(found).round({"whole": 3, "part": 3})


class StudiedRecord(Schema):
    """What the run.json of a row must say."""

    hashes: dict[str, str | None]
    held_out: dict[str, Any]
    corpus: dict[str, Any]
    updates: int
    audio_hours: float


def _pretrained_on(row: "PretrainedRow") -> dict[str, Any]:
    record = read_record(row.folder, StudiedRecord)
    corpus = {key: record["corpus"][key] for key in ("name", "num_utterances", "hours", "speakers")}
    held_out = {key: record["held_out"][key] for key in ("hash", "utterances", "speakers")}
    return {**corpus, "hash": record["hashes"]["corpus"], "held_out": held_out}


def _corpora(plan: "TablePlan") -> dict[str, Any]:
    corpora = {setting.corpus.name: setting.corpus for setting in plan.settings}
    return {
        name: {
            "table_hash": corpus.described["table_hash"],
            "folds_hash": corpus.described["folds_hash"],
            "utterances": len(corpus.table),
            "speakers": int(corpus.table["speaker"].nunique()),
        }
        for name, corpus in corpora.items()
    }
