"""Tests the saved networks of a finished run on a corpus that they were not trained on."""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.build import make_network
from mfsn.corpus import EmotionCorpus, as_whole, read_emotion_corpus
from mfsn.encoders import describe_encoder
from mfsn.experiment import Experiment, Place
from mfsn.fold import Fold
from mfsn.genotype import Genotype
from mfsn.operations import OPERATIONS
from mfsn.prepare import note_contamination, note_on_segments, origin, said_doubts
from mfsn.results import FINISHED, CompleteRecord, ResultsError, TaskOutput, read_run, read_table
from mfsn.run_folder import RunFolder
from mfsn.saved import load_network
from mfsn.settings import settings_of
from mfsn.streams import levels_of, load_frame_encoder
from mfsn.tasks import Task, list_tasks
from mfsn.variants import Variant
from pretrain.data.identities import canonical
from pretrain.data.places import runs_folder
from pretrain.data.table import table_hash
from pretrain.json_files import changed_files
from probe.corpora import read_probe_corpus
from probe.divided import divide, folds_hash
from probe.evaluate import Part


def prepare_evaluation(
    parsed: argparse.Namespace, place: Place
) -> tuple[Experiment, list[Task], RunFolder, bool]:
    """Reads a finished run and the corpus, and opens the run folder of the evaluation.

    On the run's own corpus, unchanged, every network is tested on the test part of its fold. Any
    other corpus is tested as a whole, by the network of every fold.

    Returns:
        What `mfsn.prepare.prepare` returns

    Raises:
        ValueError: Something that the user has to correct, such as a corpus that shares speakers
            or recordings with what was trained on.
    """
    run = read_run(parsed.run, CompleteRecord)
    if run["action"] == "exhaust" or run["action"] == "evaluate":
        raise ResultsError(f"--run {parsed.run}: an {run['action']} run keeps no networks.")
    if run["status"] != FINISHED:
        raise ResultsError(
            f"--run {parsed.run}: is {run['status']!r}, not finished. Give its command again."
        )
    if changed := changed_files(parsed.run, run):
        raise ResultsError(
            f"--run {parsed.run}: its {changed[0]} is gone or was changed since it finished. Copy "
            "the folder again, or make the run again."
        )
    settings = settings_of(run["settings"], str(parsed.run / "run.json"))
    described = {}
    for role, entry in run["encoders"].items():
        described[role] = describe_encoder(
            Path(entry["folder"]), role, given_as=f"--run {parsed.run}: its encoder {role}"
        )
        if described[role]["hashes"]["files"] != entry["hashes"]["files"]:
            raise ResultsError(
                f"--run {parsed.run}: its encoder {role}, {entry['folder']}, has changed since. "
                "Restore it, or train again."
            )
    warnings = said_doubts(described)
    corpus = _corpus(parsed, run)
    experiment = Experiment(
        corpus=corpus,
        variants={entry["name"]: _variant(entry) for entry in run["variants"]},
        encoders={
            role: load_frame_encoder(Path(entry["folder"]), device=place.device)
            for role, entry in described.items()
        },
        settings=settings,
        states_folder=runs_folder() / "states",
        device=place.device,
        trained=parsed.run,
    )
    tasks = list_tasks(parsed.out, list(experiment.variants), run["seeds"], run["folds"])
    inputs = {
        "action": parsed.action,
        "run": run["inputs"],
        "corpus": corpus.described["table_hash"],
    }
    sec = next((v.sec for v in reversed(list(experiment.variants.values())) if v.sec), "")
    kept = ("protocol", "settings", "faults", "variants", "seeds", "folds", "trained_parts")
    since = ("protocol_folds",)  # which runs of before do not have
    description = {
        **{key: run[key] for key in (*kept, "selection")},
        **{key: run[key] for key in since if key in run},
        "action": parsed.action,
        "name": parsed.out.resolve().name,
        **origin(place),
        "run": str(parsed.run.resolve()),
        "corpus": corpus.described,
        "encoders": described,
        "levels": list(levels_of(experiment.encoders[sec].num_layers)) if sec else [],
        "operations": list(OPERATIONS),
        "optimistic": False,
        "notes": [
            f"Networks of {parsed.run.resolve()}, trained on {run['corpus']['name']}; each "
            "utterance is predicted by the network of every fold that did not train on it.",
            note_on_segments(corpus, settings),
        ],
        "warnings": warnings,
    }
    folder = RunFolder(parsed.out)
    is_finished = folder.open(inputs, description)
    note_contamination(folder, corpus, described, fingerprints=parsed.fingerprints)
    return experiment, tasks, folder, is_finished


def evaluate_saved(task: Task, experiment: Experiment) -> TaskOutput:
    """Tests one saved network."""
    assert experiment.trained is not None
    started = time.monotonic()
    source = dataclasses.replace(task, out=experiment.trained)
    variant = experiment.variants[task.variant]
    genotype_file = source.folder / "genotype.json"
    genotype = Genotype.load(genotype_file) if genotype_file.is_file() else None
    network = make_network(variant, experiment, task.seed, genotype)
    streams = experiment.streams_of(variant)
    bins = load_network(source.folder, network, streams)
    fold = Fold(task, experiment, streams=streams, bins=bins)
    scores = fold.tested(network.to(experiment.device))
    tested = fold.score(scores)
    return TaskOutput(
        result={
            "test_ua": tested.ua,
            "test_wa": tested.wa,
            "constant_answer": fold.constant_answer(tested),
            "seconds": round(time.monotonic() - started, 2),
        },
        tables={"predictions": fold.predictions(fold.selection, scores.argmax(axis=1))},
    )


def _variant(entry: dict[str, Any]) -> Variant:
    tec = "tec" if "tec" in entry["streams"] else ""
    return Variant(
        name=entry["name"],
        label=entry["label"],
        tec=tec,
        sec=entry["sec"],
        search=entry["search"],
    )


def _corpus(parsed: argparse.Namespace, run: dict[str, Any]) -> EmotionCorpus:
    """Returns what each fold's network is to be tested on."""
    protocol = run.get("protocol_spec", run["protocol"])
    table = read_probe_corpus(parsed.corpus)
    lists = protocol.partition("=")[2]
    known_as = "exactly the corpus of that run"
    known_as += f", with the lists in {lists} as they were" if lists else ""
    try:
        # Which copies of a recording stay, and what is left out, is the protocol's matter.
        divided = table_hash(divide(table, protocol).table)
    except ValueError as error:
        divided = ""
        known_as += f" (protocol {protocol} cannot divide it now: {error})"
    if divided == run["corpus"]["table_hash"]:
        own = read_emotion_corpus(parsed.corpus, protocol, run["folds"])
        _check_same_folds(parsed, run, own)
        return own
    whole = as_whole(table, parsed.corpus)
    trained_classes = run["corpus"]["classes"]
    if unknown := sorted(set(whole.classes) - set(trained_classes)):
        raise ResultsError(
            f"--corpus {parsed.corpus}: has the class {unknown[0]!r}, which the networks of "
            f"{parsed.run} do not know; they know {', '.join(trained_classes)}. Rename the "
            "classes, or leave such utterances without emotion."
        )
    _refuse_known(parsed, run, whole.table, known_as)
    rows = whole.parts["all"].test
    none = rows[:0]
    return dataclasses.replace(
        whole,
        classes=tuple(trained_classes),
        parts={name: Part(fold=name, train=none, dev=none, test=rows) for name in run["folds"]},
        folds=pd.concat(
            [whole.folds.assign(fold=name) for name in run["folds"]], ignore_index=True
        ),
    )


def _check_same_folds(parsed: argparse.Namespace, run: dict[str, Any], own: EmotionCorpus) -> None:
    """Raises `ResultsError` if the folds are not those that the networks were trained in."""
    then, now = run["corpus"].get("folds_hash"), own.described["folds_hash"]
    if then is None:  # of before runs said so: its tables know the folds that it has
        then = folds_hash(read_table(parsed.run / "folds.csv"))
        now = folds_hash(own.folds[own.folds["fold"].isin(run["folds"])])
    if then != now:
        protocol = run.get("protocol_spec", run["protocol"])
        lists = protocol.partition("=")[2]
        remedy = f"Restore the lists in {lists} to what they were" if lists else "Train again"
        raise ResultsError(
            f"--corpus {parsed.corpus}: is the corpus of {parsed.run}, but protocol {protocol} "
            "divides it into other folds now than its networks were trained in: they could be "
            f"tested on what they have heard. {remedy}, or give another corpus."
        )


def _refuse_known(
    parsed: argparse.Namespace, run: dict[str, Any], table: pd.DataFrame, known_as: str
) -> None:
    """Raises `ResultsError` if a speaker or a recording was trained on, or chose the epoch.

    `known_as` says in words what would have been allowed.
    """
    known = read_table(parsed.run / "utterances.csv")
    recordings = set(known["audio_hash"]) - {""}
    shared = table[table["audio_hash"].isin(recordings)]
    if len(shared):
        raise ResultsError(
            f"--corpus {parsed.corpus}: {len(shared)} of its recordings were in the corpus that "
            f"{parsed.run} was trained on (the first is {shared['id'].iloc[0]!r}). Give a corpus "
            f"without them, or {known_as}."
        )
    if str(table["source"].iloc[0]) == run["corpus"]["name"]:
        # Those of runs from before may have another Unicode form.
        names = set(map(canonical, known["speaker"]))
        speakers = sorted(set(table["speaker"]) & names - {""})
        if speakers:
            raise ResultsError(
                f"--corpus {parsed.corpus}: its speaker {speakers[0]!r} was in the corpus of the "
                f"same name that {parsed.run} was trained on. Give a corpus without these "
                f"speakers ({len(speakers)} in all), or another NAME if they are other people."
            )
