"""Tests the saved networks of a finished run on a corpus that they were not trained on."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.command_line import FusionRequest
from mfsn.data.corpus import EmotionCorpus, as_whole, read_emotion_corpus
from mfsn.experiment.compute_task import saved_network
from mfsn.experiment.encoders import describe_encoder, doubts
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.prepare import (
    Place,
    describe,
    load_encoders,
    note_contamination,
    note_on_segments,
)
from mfsn.experiment.results import (
    FINISHED,
    CompleteRecord,
    FusionRunError,
    TaskOutput,
    read_run,
    read_table,
)
from mfsn.experiment.run_folder import FusionRunFolder
from mfsn.experiment.tasks import FusionTask, list_tasks
from mfsn.model.variants import make_variant
from mfsn.search.settings import settings_of
from pretrain.data.tables.utterances import table_hash
from pretrain.shared.json_files import changed_files
from pretrain.shared.normalized_text import canonical
from probe.corpora.read import read_probe_corpus
from probe.folds.divide import divide, folds_hash


def prepare_evaluation(
    request: FusionRequest, place: Place
) -> tuple[Experiment, list[FusionTask], FusionRunFolder, bool]:
    """Reads a finished run and the corpus, and opens the run folder of the evaluation.

    On the run's own corpus, unchanged, every network is tested on the test part of its fold. Any
    other corpus is tested as a whole, by the network of every fold.

    Returns what `mfsn.experiment.prepare.prepare` returns. Raises `ValueError` for what the user
    has to correct, such as a corpus that shares speakers or recordings with the training.
    """
    assert request.run is not None, "evaluate needs --run"
    trained_in = request.run
    run = read_run(trained_in, CompleteRecord)
    if run["action"] in ("exhaust", "evaluate"):
        raise FusionRunError(f"--run {trained_in}: an {run['action']} run keeps no networks.")
    if run["status"] != FINISHED:
        raise FusionRunError(
            f"--run {trained_in}: is {run['status']!r}, not finished. Give its command again."
        )
    if changed := changed_files(trained_in, run):
        raise FusionRunError(
            f"--run {trained_in}: its {changed[0]} is gone or was changed since it finished. Copy "
            "the folder again, or make the run again."
        )
    settings = settings_of(run["settings"], str(trained_in / "run.json"))
    described = {}
    for role, entry in run["encoders"].items():
        described[role] = describe_encoder(
            Path(entry["folder"]), role, given_as=f"--run {trained_in}: its encoder {role}"
        )
        if described[role]["hashes"]["files"] != entry["hashes"]["files"]:
            raise FusionRunError(
                f"--run {trained_in}: its encoder {role}, {entry['folder']}, has changed since. "
                "Restore it, or train again."
            )
    warnings = doubts(described)
    corpus = corpus_to_test(request.corpus, trained_in, run)
    experiment = Experiment(
        corpus=corpus,
        variants={
            entry["name"]: make_variant(entry["name"], entry["sec"], settings.head.pooling)
            for entry in run["variants"]
        },
        encoders=load_encoders(described, place),
        settings=settings,
        device=place.device,
        trained=trained_in,
    )
    tasks = list_tasks(request.out, list(experiment.variants), run["seeds"], run["folds"])
    inputs = {
        "action": request.action,
        "run": run["inputs"],
        "corpus": corpus.described["table_hash"],
    }
    kept = ("protocol", "settings", "faults", "variants", "seeds", "folds", "trained_parts")
    since = ("protocol_folds",)  # which runs of before do not have
    description = {
        **{key: run[key] for key in (*kept, "selection")},
        **{key: run[key] for key in since if key in run},
        **describe(request, place, experiment, described),
        "run": str(trained_in.resolve()),
        "optimistic": False,
        "notes": [
            f"Networks of {trained_in.resolve()}, trained on {run['corpus']['name']}; each "
            "utterance is predicted by the network of every fold that did not train on it.",
            note_on_segments(corpus, settings),
        ],
        "warnings": warnings,
    }
    folder = FusionRunFolder(request.out)
    is_finished = folder.open(inputs, description)
    note_contamination(request, folder, corpus, described)
    return experiment, tasks, folder, is_finished


def evaluate_saved(task: FusionTask, experiment: Experiment) -> TaskOutput:
    """Tests one saved network."""
    assert experiment.trained is not None
    started = time.monotonic()
    source = dataclasses.replace(task, out=experiment.trained)
    network, fold = saved_network(task, experiment, source.folder)
    output = fold.outcome(network)
    output.result["seconds"] = round(time.monotonic() - started, 2)
    return output


def corpus_to_test(spec: str, trained_in: Path, run: dict[str, Any]) -> EmotionCorpus:
    """Returns what each fold's network of the `run` in the folder `trained_in` is to be tested on.
    Raises `ValueError` when it shares speakers or recordings with what was trained on."""
    protocol = run.get("protocol_spec", run["protocol"])
    table = read_probe_corpus(spec)
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
        own = read_emotion_corpus(spec, protocol, run["folds"])
        _check_same_folds(spec, trained_in, run, own)
        return own
    whole = as_whole(table, spec, run["folds"])
    trained_classes = run["corpus"]["classes"]
    if unknown := sorted(set(whole.classes) - set(trained_classes)):
        raise FusionRunError(
            f"--corpus {spec}: has the class {unknown[0]!r}, which the networks of "
            f"{trained_in} do not know; they know {', '.join(trained_classes)}. Rename the "
            "classes, or leave such utterances without emotion."
        )
    _refuse_known(spec, trained_in, run, whole.table, known_as)
    return dataclasses.replace(whole, classes=tuple(trained_classes))


def _check_same_folds(spec: str, trained_in: Path, run: dict[str, Any], own: EmotionCorpus) -> None:
    """Raises `FusionRunError` if the folds are not those that the networks were trained in."""
    then, now = run["corpus"].get("folds_hash"), own.described["folds_hash"]
    if then is None:  # of before runs said so: its tables know the folds that it has
        then = folds_hash(read_table(trained_in / "folds.csv"))
        now = folds_hash(own.folds[own.folds["fold"].isin(run["folds"])])
    if then != now:
        protocol = run.get("protocol_spec", run["protocol"])
        lists = protocol.partition("=")[2]
        remedy = f"Restore the lists in {lists} to what they were" if lists else "Train again"
        raise FusionRunError(
            f"--corpus {spec}: is the corpus of {trained_in}, but protocol {protocol} "
            "divides it into other folds now than its networks were trained in: they could be "
            f"tested on what they have heard. {remedy}, or give another corpus."
        )


def _refuse_known(
    spec: str, trained_in: Path, run: dict[str, Any], table: pd.DataFrame, known_as: str
) -> None:
    """Raises `FusionRunError` if a speaker or a recording was trained on, or chose the epoch.

    `known_as` says in words what would have been allowed.
    """
    known = read_table(trained_in / "utterances.csv")
    recordings = set(known["audio_hash"]) - {""}
    shared = table[table["audio_hash"].isin(recordings)]
    if len(shared):
        raise FusionRunError(
            f"--corpus {spec}: {len(shared)} of its recordings were in the corpus that "
            f"{trained_in} was trained on (the first is {shared['id'].iloc[0]!r}). Give a corpus "
            f"without them, or {known_as}."
        )
    # Names in runs from before may have another Unicode form.
    names = set(map(canonical, known["speaker"])) - {""}
    speakers = sorted(set(table["speaker"]) & names)
    if speakers and str(table["source"].iloc[0]) == run["corpus"]["name"]:
        raise FusionRunError(
            f"--corpus {spec}: its speaker {speakers[0]!r} was in the corpus of the same name that "
            f"{trained_in} was trained on. Give a corpus without these speakers ({len(speakers)} "
            "in all), or another NAME if they are other people."
        )
