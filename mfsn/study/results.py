"""The folder of a study of fusion: what its page is made from, small enough to be kept with the
project. Written after every seed."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mfsn.command_line import FusionRequest
from mfsn.experiment.compute_task import saved_network
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.prepare import Place, prepare
from mfsn.experiment.results import DEV, CompleteRecord, contradicts, read_run, read_table
from mfsn.experiment.tasks import FusionTask
from mfsn.study.study_columns import COLUMNS, FORMAT, KIND
from mfsn.study.study_file import FusionStudy
from mfsn.study.trace import EMOTION, WORDS, Told, trace
from pretrain.data.synthetic.sentences import word_emotion
from probe.study.study_folder import keep_study


def write_study(folder: Path, study: FusionStudy, runs: Mapping[str, FusionRequest]) -> None:
    """Writes what the finished seeds have come to.

    Args:
        folder: Holds the registered file.
        study: What it says.
        runs: The finished ablation of every head.
    """
    records = {head: read_run(request.out, CompleteRecord) for head, request in runs.items()}
    told: Told = {}
    frames = {
        "counts": pd.concat([_counts(head, request.out) for head, request in runs.items()]),
        "structures": _joined(runs, "structures"),
        "alpha": _joined(runs, "epochs"),
        "trace": pd.DataFrame(
            [line for head, request in runs.items() for line in _trace(folder, head, request, told)]
        ),
    }
    first = next(iter(records.values()))
    said = {
        "kind": KIND,
        "format": FORMAT,
        "name": study.name,
        "seeds": first["seeds"],
        "oracle": first.get("oracle") or {},
        "corpus": {
            key: first["corpus"][key]
            for key in ("name", "num_utterances", "speakers", "hours", "synthetic", "table_hash")
        },
        "encoders": {
            role: {key: entry.get(key) for key in KEPT_OF_ENCODERS}
            for role, entry in first["encoders"].items()
        },
        "warnings": first.get("warnings") or [],
        "seconds": {head: one["seconds"] for head, one in records.items()},
        "settings": first["settings"],
    }
    kept = {name: frame[list(COLUMNS[name])] for name, frame in frames.items()}
    keep_study(folder, study, kept, said)


KEPT_OF_ENCODERS = ("name", "mode", "finetuned", "cer", "constant_cer", "hashes", "health")


def _counts(head: str, run: Path) -> pd.DataFrame:
    """Returns right answers, and those that follow the words, by speaker and class."""
    tested = read_table(run / "predictions.csv")
    tested = tested[tested["selection"] == DEV]
    words = run / "words.csv"
    said = read_table(words).set_index("id")["word_emotion"] if words.is_file() else pd.Series()
    word = tested["id"].map(said).fillna("").astype(str)
    counted = (
        tested.assign(
            right=(tested["target"] == tested["prediction"]).astype(int),
            follows_words=((word == tested["prediction"]) & (word != "")).astype(int),
            contradicted=contradicts(word, tested["target"]).astype(int),
        )
        .groupby(["variant", "seed", "speaker", "target", "contradicted"])
        .agg(
            utterances=("right", "size"),
            right=("right", "sum"),
            follows_words=("follows_words", "sum"),
        )
        .reset_index()
        .rename(columns={"variant": "network", "target": "emotion"})
    )
    return counted.assign(head=head)


def _joined(runs: Mapping[str, FusionRequest], name: str) -> pd.DataFrame:
    """Returns a table of what searched, of all heads together."""
    frames = [
        read_table(request.out / f"{name}.csv").assign(head=head) for head, request in runs.items()
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame["phase"] == "search"] if "phase" in frame else frame


def _trace(folder: Path, head: str, request: FusionRequest, told: Told) -> list[dict[str, object]]:
    """Returns what was traced before, or traces the saved networks of the first seed."""
    kept = folder / "trace.csv"
    if kept.is_file():
        before = read_table(kept)
        if len(own := before[before["head"] == head]):
            return [{str(k): v for k, v in line.items()} for line in own.to_dict("records")]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        place = Place(device=torch.device("cpu"), num_processes=1)
        experiment, tasks, _, _ = prepare(request, place)  # whose run has said all this
    lines = []
    for task in tasks:
        if task.seed == request.seeds[0]:
            print(f"  tracing {task}", flush=True)
            found = {"head": head, "network": task.variant, "seed": task.seed, "fold": task.fold}
            lines += [{**found, **line} for line in traced(task, experiment, told)]
    return lines


def traced(task: FusionTask, experiment: Experiment, told: Told) -> list[dict[str, object]]:
    """Traces one saved network; see `trace`."""
    network, fold = saved_network(task, experiment, task.folder)
    table, classes = experiment.corpus.table, list(experiment.corpus.classes)
    labels = {EMOTION: np.array([classes.index(name) for name in table["emotion"]])}
    if experiment.corpus.described["synthetic"]:
        labels[WORDS] = np.array([classes.index(word_emotion(text)) for text in table["text"]])
    return trace(fold, network, labels, told)
