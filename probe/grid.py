"""The whole probe: every row of the table on every corpus, baselines beside."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from pretrain.data.table import table_hash
from pretrain.engine.provenance import git_state, package_versions
from pretrain.model.weights import load_encoder
from probe.baselines import CONSTANT, LOG_MEL, UNTRAINED, LogMelFeatures
from probe.corpora import read_probe_corpus
from probe.encoders import BASELINE, ROW, EncoderRun
from probe.evaluate import Evaluation, Part, evaluate, evaluate_constant, missing_classes, parts_of
from probe.features import EncoderFeatures, FeatureSource, extract
from probe.metrics import DIMENSIONS
from probe.results import COLUMNS, ProbeResults
from probe.splits import RANDOM, check_folds, drop_duplicates, make_folds, protocol_label
from probe.tasks import Task, find_tasks

HEAD = "linear"
SYNTHETIC = "synthetic"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus that is ready to be probed."""

    name: str
    table: pd.DataFrame
    folds: pd.DataFrame
    tasks: tuple[Task, ...]
    parts: list[Part]
    described: dict[str, Any]
    """The entry of `corpora` in run.json."""


def read_corpus(spec: str, protocol: str) -> Corpus:
    """Reads a corpus, leaves out copies, makes folds and checks them; prints what it found."""
    table, notes = drop_duplicates(read_probe_corpus(spec))
    name = str(table["source"].iloc[0])
    try:
        folds = make_folds(table, protocol)
        overlap = check_folds(table, folds, protocol)
        tasks = find_tasks(table)
    except ValueError as error:
        raise ValueError(f"Corpus {name} ({spec}): {error}") from error
    parts = parts_of(table, folds)
    notes += missing_classes(tasks, parts)
    if protocol == RANDOM:
        notes.append(
            f"protocol {protocol_label(protocol)}: the speakers of the test part are trained on "
            "too. Never compare these scores with those of unheard speakers."
        )
    ratings = any(task.name in DIMENSIONS for task in tasks)
    described = {
        **describe(table, spec),
        "label_source": _source_of_ratings(name) if ratings else "none",
        "classes": list(next((task.classes for task in tasks if task.classes), ())),
        "tasks": [task.name for task in tasks],
        "num_folds": len(parts),
        "overlap": vars(overlap),
        "notes": notes,
    }
    label = protocol_label(protocol)
    print(f"{name}: {len(table)} utterances, protocol {label}, {len(parts)} folds; {overlap}")
    for note in notes:
        print(f"{name}: {note}")
    return Corpus(
        name=name, table=table, folds=folds, tasks=tasks, parts=parts, described=described
    )


def describe(table: pd.DataFrame, spec: str) -> dict[str, Any]:
    """Returns what the corpus of this utterance table is, in plain values."""
    name = str(table["source"].iloc[0])
    return {
        "name": name,
        "spec": spec,
        "num_utterances": len(table),
        "speakers": table["speaker"].nunique(),
        "sessions": table["session"].nunique(),
        "hours": float((table["frames"] / table["sample_rate"]).sum() / 3600),
        "table_hash": table_hash(table),
        "synthetic": name == SYNTHETIC,
    }


def _source_of_ratings(name: str) -> str:
    return "simulated ratings" if name == SYNTHETIC else "ratings"


def check_names(corpora: Sequence[Corpus]) -> None:
    """Raises ValueError if two corpora would be one in the results."""
    names = [corpus.name for corpus in corpora]
    if len(set(names)) < len(names):
        raise ValueError(f"Every --corpus needs a name of its own, but they are {names}.")


def probe(
    runs: Sequence[EncoderRun],
    corpora: Sequence[Corpus],
    protocol: str,
    features_folder: Path,
    *,
    bf16: bool = False,
) -> ProbeResults:
    """Evaluates all rows and baselines on all corpora.

    Args:
        runs: The rows, as `make_table` gave them.
        corpora: With folds of `protocol`.
        protocol: For the columns of the results.
        features_folder: Where features are kept.
        bf16: Whether encoders compute in bfloat16.
    """
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in COLUMNS}
    rows = _with_baselines(runs)
    notes: list[str] = []
    started, done = time.monotonic(), 0
    for corpus in corpora:
        known: dict[str, Evaluation] = {}
        for place, run in enumerate(rows, start=1):
            left = (time.monotonic() - started) / max(done, 1) * (len(rows) * len(corpora) - done)
            remaining = f", about {left:.0f} s left" if done else ""
            print(
                f"{corpus.name}: {place}/{len(rows)} {run.name}, seed {run.seed}{remaining}",
                flush=True,
            )
            done += 1
            evaluation = _evaluate_row(run, corpus, features_folder, bf16, known)
            notes += [f"{corpus.name}, {run.name}: {text}" for text in evaluation.warnings]
            frames["scores"].append(_labelled(evaluation.scores, run, corpus.name, protocol))
            frames["selection"].append(_labelled(evaluation.selection, run, corpus.name, protocol))
            for frame in evaluation.predictions:
                frames["predictions"].append(_labelled(frame, run, corpus.name, protocol))
        frames["folds"].append(corpus.folds.assign(corpus=corpus.name, protocol=protocol))
    run_json = {
        "inputs": inputs_of(runs, corpora, protocol, bf16=bf16),
        "protocol": protocol,
        "corpora": [corpus.described for corpus in corpora],
        "head": HEAD,
        "rows": [run.described() for run in rows],
        "notes": notes,
    }
    tables = {
        name: pd.concat([frame for frame in frames[name] if len(frame)], ignore_index=True)[
            list(columns)
        ]
        for name, columns in COLUMNS.items()
    }
    return ProbeResults(run=run_json, **tables)


def inputs_of(
    runs: Sequence[EncoderRun], corpora: Sequence[Corpus], protocol: str, *, bf16: bool
) -> dict[str, Any]:
    """Returns what the results depend on: weights, tables and protocol, in plain values."""
    return {
        "rows": [[run.name, run.group, run.seed, run.hashes] for run in runs],
        "corpora": [[corpus.name, corpus.described["table_hash"]] for corpus in corpora],
        "protocol": protocol,
        "bf16": bf16,
        "git": git_state(),
        "packages": package_versions(),
    }


def _evaluate_row(
    run: EncoderRun,
    corpus: Corpus,
    features_folder: Path,
    bf16: bool,
    known: dict[str, Evaluation],
) -> Evaluation:
    """Evaluates one row; `known` keeps what is the same for every seed."""
    if run.group == BASELINE and run.name == CONSTANT:
        return evaluate_constant(corpus.table, corpus.tasks, corpus.parts)
    source = _source(run, bf16)
    if source.key not in known:
        features = extract(corpus.table, source, features_folder)
        known[source.key] = evaluate(corpus.table, features, corpus.tasks, corpus.parts)
    return known[source.key]


def _labelled(
    lines: pd.DataFrame | list[dict[str, object]], run: EncoderRun, corpus: str, protocol: str
) -> pd.DataFrame:
    """Returns the lines with the columns that say what they belong to."""
    frame = pd.DataFrame(lines)
    return frame.assign(row=run.name, seed=run.seed, corpus=corpus, protocol=protocol, head=HEAD)


def _with_baselines(runs: Sequence[EncoderRun]) -> list[EncoderRun]:
    """Adds the baselines for every seed; `untrained` starts from the rows' initial weights."""
    controlled = [run for run in runs if run.group == ROW]
    baselines = []
    for seed in sorted({run.seed for run in controlled or runs}):
        for name in (CONSTANT, LOG_MEL):
            baselines.append(EncoderRun(name=name, group=BASELINE, seed=seed))
        first = next((run for run in controlled if run.seed == seed), None)
        if first is not None:
            hashes = {"initial_weights": first.hashes.get("initial_weights", "")}
            baselines.append(
                EncoderRun(
                    name=UNTRAINED, group=BASELINE, seed=seed, folder=first.folder, hashes=hashes
                )
            )
    return [*baselines, *runs]


def _source(run: EncoderRun, bf16: bool) -> FeatureSource:
    if run.name == LOG_MEL and run.group == BASELINE:
        return LogMelFeatures()
    assert run.folder is not None
    initial = run.group == BASELINE
    encoder = load_encoder(run.folder, initial=initial)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return EncoderFeatures(encoder, name=run.name, bf16=bf16, device=device)
