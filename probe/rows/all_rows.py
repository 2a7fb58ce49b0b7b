"""The whole probe: every row of the table on every corpus, baselines beside."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.data.audio.waveforms import check_whole
from pretrain.data.readers.registry import SYNTHETIC
from pretrain.data.scan.quarantine import note_of_unusable
from pretrain.data.tables.utterances import table_hash
from pretrain.engine.provenance import git_state, package_versions
from pretrain.shared.errors import CommandLineError, InputError
from pretrain.shared.numbers_version import versions_of
from probe.attributes.evaluate import find_attributes
from probe.contamination.check import check_rows
from probe.corpora.norms import LABEL_SOURCE, without_norm
from probe.corpora.options import NORMS, split_options
from probe.corpora.read import read_probe_corpus
from probe.corpora.targets import find_tasks
from probe.folds.divide import divide, folds_hash
from probe.folds.protocols import protocol_label, protocol_name
from probe.heads.linear import Evaluation, missing_classes, parts_of
from probe.heads.settings import Head, make_head
from probe.metrics import DIMENSIONS
from probe.results import COLUMNS, ProbeResults
from probe.rows.baselines import keys_of, with_baselines
from probe.rows.comparable import BASELINE, EncoderRun
from probe.rows.evaluate_row import STAGES, Corpus, evaluate_row


def read_corpus(spec: str, protocol: str, *, with_attributes: bool = True) -> Corpus:
    """Reads a corpus, leaves out copies, makes folds and checks them; prints what it found."""
    table = read_probe_corpus(spec)
    name = str(table["source"].iloc[0])
    try:
        divided = divide(table, protocol)
        table, folds, overlap = divided.table, divided.folds, divided.overlap
        tasks = find_tasks(table)
        attributes, remarks = find_attributes(table, spec) if with_attributes else ((), [])
    except ValueError as error:
        raise InputError(f"Corpus {name} ({spec}): {error}") from error
    parts = parts_of(table, folds)
    notes = [*note_of_unusable(name), *divided.notes, *missing_classes(tasks, parts)]
    ratings = any(task.name in DIMENSIONS for task in tasks)
    norms = NORMS in split_options(spec)[1]
    if norms:
        notes.append(f"valence, arousal and dominance are {LABEL_SOURCE}, on 1 to 5.")
        notes += [f"class {name} has no norm: left out of them." for name in without_norm(table)]
    notes += remarks
    described = {
        **describe(table, spec),
        "label_source": _source_of_ratings(name, norms=norms) if ratings else "none",
        "classes": list(next((task.classes for task in tasks if task.classes), ())),
        "tasks": [task.name for task in tasks],
        "attributes": [attribute.described for attribute in attributes],
        "num_folds": len(parts),
        "folds_hash": folds_hash(folds),
        "overlap": vars(overlap),
        "notes": notes,
    }
    label = protocol_label(protocol)
    print(f"{name}: {len(table)} utterances, protocol {label}, {len(parts)} folds; {overlap}")
    for note in notes:
        print(f"{name}: {note}")
    return Corpus(
        name=name,
        table=table,
        folds=folds,
        tasks=tasks,
        parts=parts,
        described=described,
        attributes=attributes,
        attribute_notes=tuple(remarks),
    )


def describe(table: pd.DataFrame, spec: str) -> dict[str, Any]:
    """Returns what the corpus of this utterance table is, in plain values."""
    name = str(table["source"].iloc[0])
    return {
        "name": name,
        "spec": spec,
        "num_utterances": len(table),
        # Nobody without a name is counted, nor is "no name" one.
        "speakers": table["speaker"][table["speaker"] != ""].nunique(),
        "sessions": table["session"][table["session"] != ""].nunique(),
        "hours": float((table["frames"] / table["sample_rate"]).sum() / 3600),
        "table_hash": table_hash(table),
        "synthetic": name == SYNTHETIC,
    }


def _source_of_ratings(name: str, *, norms: bool) -> str:
    if norms:
        return LABEL_SOURCE
    return "simulated ratings" if name == SYNTHETIC else "ratings"


def check_corpora(corpora: Sequence[Corpus]) -> None:
    """Raises ValueError if two corpora would be one in the results, or if an utterance is too long
    for an encoder."""
    for corpus in corpora:
        check_whole(corpus.table)
    names = [corpus.name for corpus in corpora]
    if len(set(names)) < len(names):
        raise CommandLineError(f"Every --corpus needs a name of its own, but they are {names}.")


def probe(
    runs: Sequence[EncoderRun],
    corpora: Sequence[Corpus],
    protocol: str,
    features_folder: Path,
    *,
    head: Head | None = None,
    acoustic: Sequence[str] = (),
    bf16: bool = False,
    fingerprints: bool = True,
    heard: list[dict[str, Any]] | None = None,
    kept: Callable[[EncoderRun, Corpus], Evaluation] | None = None,
) -> ProbeResults:
    """Evaluates all rows and baselines on all corpora.

    Args:
        runs: The rows, as `make_table` gave them.
        corpora: With folds of `protocol`.
        protocol: For the columns of the results.
        features_folder: Where features are kept.
        head: Which head, and its settings; the linear one if None.
        acoustic: Baselines of `probe.features.acoustic.ACOUSTIC`.
        bf16: Whether encoders compute in bfloat16.
        fingerprints: Whether contamination is looked for by sound too, not only by hash.
        heard: What `check_rows` has found of contamination before; None to look for it here.
        kept: Gives what was computed before, of every row and baseline; nothing is computed here.
    """
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in COLUMNS}
    head = head or make_head()
    protocol = protocol_name(protocol)
    rows = with_baselines(runs, head, acoustic)
    if heard is None:
        tables = [(corpus.name, corpus.table) for corpus in corpora]
        heard = check_rows(tables, runs, features_folder, fingerprints=fingerprints)
    notes: list[str] = []
    started, done = time.monotonic(), 0
    for corpus in corpora:
        known: dict[str, Evaluation] = {}
        for place, run in enumerate(rows, start=1):
            left = (time.monotonic() - started) / max(done, 1) * (len(rows) * len(corpora) - done)
            remaining = f", about {left:.0f} s left" if done else ""
            if not kept:
                print(
                    f"{corpus.name}: {place}/{len(rows)} {run.name}{_seed_words(run)}{remaining}",
                    flush=True,
                )
            done += 1
            evaluation = (
                kept(run, corpus)
                if kept
                else evaluate_row(run, corpus, head, features_folder, bf16=bf16, known=known)
            )
            notes += [f"{corpus.name}, {run.name}: {text}" for text in evaluation.warnings]
            key = (run, corpus.name, protocol, head)
            frames["scores"].append(labelled(evaluation.scores, *key))
            frames["selection"].append(labelled(evaluation.selection, *key))
            for frame in evaluation.predictions:
                frames["predictions"].append(labelled(frame, *key))
        frames["folds"].append(corpus.folds.assign(corpus=corpus.name, protocol=protocol))
    run_json = {
        "inputs": inputs_of(
            runs, corpora, protocol, head, acoustic, bf16=bf16, fingerprints=fingerprints
        ),
        "protocol": protocol,
        "corpora": [corpus.described for corpus in corpora],
        "head": head.label,
        "head_shown": head.kind.shown.model_dump(mode="json"),
        "rows": [run.described() for run in rows],
        "contamination": heard,
        "notes": notes,
    }
    # A head need not choose anything: then there is no line of `selection`.
    joined = {
        name: pd.concat(
            [frame for frame in frames[name] if len(frame)] or [pd.DataFrame(columns=columns)],
            ignore_index=True,
        )[list(columns)]
        for name, columns in COLUMNS.items()
    }
    return ProbeResults(run=run_json, **joined)


def _seed_words(run: EncoderRun) -> str:
    """Names the seed of a row that has one: the baselines without an encoder have none."""
    return f", seed {run.seed}" if run.group != BASELINE or run.folder else ""


def inputs_of(
    runs: Sequence[EncoderRun],
    corpora: Sequence[Corpus],
    protocol: str,
    head: Head,
    acoustic: Sequence[str] = (),
    *,
    bf16: bool,
    fingerprints: bool,
) -> dict[str, Any]:
    """Returns what the results depend on: weights, tables, protocol and head, in plain values."""
    return {
        "rows": [[run.name, run.group, run.seed, run.hashes] for run in runs],
        **keys_of(acoustic, head),
        "corpora": [
            [corpus.name, corpus.described["table_hash"], corpus.described["folds_hash"]]
            for corpus in corpora
        ],
        "attributes": [[a.described["hash"] for a in corpus.attributes] for corpus in corpora],
        "protocol": protocol_name(protocol),
        "head": head.described(),
        "bf16": bf16,
        "fingerprints": fingerprints,
        "numbers": versions_of(*STAGES, head.name),
        "git": git_state(),
        "packages": package_versions(),
    }


def labelled(
    lines: pd.DataFrame | list[dict[str, object]],
    run: EncoderRun,
    corpus: str,
    protocol: str,
    head: Head,
) -> pd.DataFrame:
    """Returns the lines with the columns that say what they belong to."""
    frame = pd.DataFrame(lines)
    return frame.assign(
        row=run.name, seed=run.seed, corpus=corpus, protocol=protocol, head=head.label
    )
