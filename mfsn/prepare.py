"""From a command line to an experiment, its tasks and its run folder; whatever can be wrong with a
command is found here, before minutes of computing."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mfsn.build import check_networks
from mfsn.corpus import EmotionCorpus, read_emotion_corpus, with_folds
from mfsn.dataset import segments_of_table
from mfsn.encoder_checks import Described, check_modes, doubts
from mfsn.encoders import describe_encoder
from mfsn.experiment import Experiment, Place
from mfsn.genotype import UNKNOWN_LAYER, Genotype, GenotypeError
from mfsn.operations import OPERATIONS
from mfsn.precision import choose_for_fit, say_precision, with_precision
from mfsn.results import CompleteRecord, ResultsError, read_run
from mfsn.run_folder import RunFolder, as_read
from mfsn.settings import MfsnSettings, read_settings
from mfsn.streams import levels_of, load_frame_encoder
from mfsn.tasks import Task, list_tasks
from mfsn.variants import (
    CONTINUOUS,
    QUANTIZED,
    SEC,
    TEC,
    Variant,
    ablation,
    derived,
    exhausted,
    of_train,
    searched,
)
from mfsn.workers import speaks_for_all
from pretrain.config_files import flatten
from pretrain.data.places import runs_folder
from pretrain.engine.machine import MATMUL_PRECISION
from pretrain.engine.provenance import command_line, git_state, hardware, package_versions
from probe.contamination import contamination, heard_by
from probe.splits import EMOBOX, parse_protocol, protocol_name


def variants_of(parsed: argparse.Namespace) -> list[Variant]:
    """Returns the variants that a command trains."""
    if parsed.action == "ablate":
        return ablation()
    if parsed.action == "search":
        return [searched()]
    if parsed.action == "exhaust":
        return [exhausted()]
    return [derived()] if parsed.genotype else [of_train(parsed.variant)]


def encoder_folders(parsed: argparse.Namespace) -> dict[str, Path]:
    """Returns the folders of the encoders by role."""
    names = {role: role.replace("-", "_") for role in (TEC, SEC, QUANTIZED, CONTINUOUS)}
    return {
        role: folder
        for role, name in names.items()
        if (folder := getattr(parsed, name, None)) is not None
    }


def prepare(
    parsed: argparse.Namespace, place: Place
) -> tuple[Experiment, list[Task], RunFolder, bool]:
    """Reads everything that a command names and opens its run folder.

    Returns:
        - What all tasks share
        - All tasks
        - The run folder
        - Whether the run is already finished

    Raises:
        ValueError: Something that the user has to correct.
    """
    settings = read_settings(parsed.config, parsed.set)
    if settings.faults.test_selection and parsed.optimistic:
        raise ValueError(
            "--optimistic adds what `faults.test_selection` does anyway: leave one of them out."
        )
    if settings.faults.test_selection and parsed.action == "exhaust":
        raise ValueError(
            "`faults.test_selection` must be false for exhaust, which judges by the dev part what "
            "a search could have found, but is true instead."
        )
    variants = variants_of(parsed)
    described = {
        role: describe_encoder(path, role) for role, path in encoder_folders(parsed).items()
    }
    check_modes(described)
    warnings = said_doubts(described)
    encoders = {
        role: load_frame_encoder(Path(entry["folder"]), device=place.device)
        for role, entry in described.items()
    }
    search = getattr(parsed, "search", None)
    dim = max(encoder.dim for encoder in encoders.values())
    choice = choose_for_fit(settings, parsed.out, search, dim, place.device)
    settings = with_precision(settings, choice)
    folder = RunFolder(parsed.out)
    seeds = folder.joined("seeds", parsed.seed or [0])
    corpus = read_emotion_corpus(parsed.corpus, parsed.protocol, parsed.fold)
    names = folder.joined("folds", list(corpus.parts), list(corpus.folds["fold"].unique()))
    corpus = with_folds(corpus, names)
    found = {}
    if search is not None:
        found = _found(search, described, corpus, parsed.protocol, seeds, settings)
    sec = next((variant.sec for variant in reversed(variants) if variant.sec), "")
    levels = levels_of(encoders[sec].num_layers) if sec else ()
    genotype = _genotype(getattr(parsed, "genotype", None), levels)
    experiment = Experiment(
        corpus=corpus,
        variants={variant.name: variant for variant in variants},
        encoders=encoders,
        settings=settings,
        states_folder=runs_folder() / "states",
        device=place.device,
        optimistic=parsed.optimistic,
        genotype=genotype,
        found=found,
    )
    check_networks(experiment)
    tasks = list_tasks(parsed.out, list(experiment.variants), seeds, list(corpus.parts))
    inputs = inputs_of(parsed.action, parsed.protocol, experiment, described, seeds)
    description = {
        "action": parsed.action,
        "name": parsed.out.resolve().name,
        **origin(place),
        "protocol": protocol_name(parsed.protocol),
        "protocol_spec": _from_anywhere(parsed.protocol),
        "corpus": corpus.described,
        "encoders": described,
        "settings": settings.tree(),
        "faults": list(settings.faults.active()),
        "variants": [variant.described() for variant in variants],
        "seeds": seeds,
        "folds": list(corpus.parts),
        "protocol_folds": list(corpus.folds["fold"].unique()),
        "levels": list(levels),
        "operations": list(OPERATIONS),
        "trained_parts": trained_parts(variants, settings),
        "selection": "test part" if settings.faults.test_selection else "dev part",
        "optimistic": parsed.optimistic,
        "genotype": vars(genotype) if genotype else None,
        "notes": [*notes_of(corpus, variants), note_on_segments(corpus, settings)],
        "warnings": warnings,
    }
    is_finished = folder.open(inputs, description)
    if not is_finished and speaks_for_all(os.environ):
        say_precision(choice, settings, dim, place.device)
    note_contamination(folder, corpus, described, fingerprints=parsed.fingerprints)
    return experiment, tasks, folder, is_finished


def note_contamination(
    folder: RunFolder,
    corpus: EmotionCorpus,
    described: Described,
    *,
    fingerprints: bool,
) -> None:
    """Says in run.json whether the encoders were trained on recordings of the corpus.

    It takes a while: only the process that speaks for all does it, and only where it is not known.
    """

    def heard() -> list[dict[str, Any]]:
        trained = heard_by((role, None, Path(entry["folder"])) for role, entry in described.items())
        name, features = str(corpus.described["name"]), runs_folder() / "features"
        return contamination(name, corpus.table, trained, features, fingerprints=fingerprints)

    if speaks_for_all(os.environ):
        folder.complete("contamination", heard)


def _from_anywhere(protocol: str) -> str:
    """Returns the protocol as other folders' commands can give it, with an absolute folder."""
    chosen = parse_protocol(protocol)
    return f"{chosen.name}={chosen.folder.resolve()}" if chosen.folder else protocol


def inputs_of(
    action: str,
    protocol: str,
    experiment: Experiment,
    described: Described,
    seeds: Sequence[int],
) -> dict[str, Any]:
    """Returns everything that the numbers of a run depend on, with dotted keys."""
    found = {f"{seed}/{fold}": g.to_json() for (seed, fold), g in experiment.found.items()}
    return {
        "action": action,
        **protocol_inputs(protocol, experiment.corpus),
        "corpus": experiment.corpus.described["table_hash"],
        **{f"encoders.{role}": entry["hashes"]["files"] for role, entry in described.items()},
        "variants": list(experiment.variants),
        "seeds": list(seeds),
        "folds": list(experiment.corpus.parts),
        "optimistic": experiment.optimistic,
        "genotype": experiment.genotype.to_json() if experiment.genotype else "",
        "found": found,
        **{f"settings.{k}": v for k, v in flatten(experiment.settings.tree()).items()},
    }


def protocol_inputs(protocol: str, corpus: EmotionCorpus) -> dict[str, Any]:
    """Returns what the folds depend on beside the utterances: lists of others, under `emobox`."""
    name = protocol_name(protocol)
    lists = {"folds_hash": corpus.described["folds_hash"]} if name == EMOBOX else {}
    return {"protocol": name, **lists}


def origin(place: Place) -> dict[str, Any]:
    """Returns where the numbers of this process come from."""
    return {
        "command": command_line(),
        "git": git_state(),
        "packages": package_versions(),
        "hardware": {
            **hardware(place.num_processes, place.device),
            MATMUL_PRECISION: torch.get_float32_matmul_precision(),
        },
    }


def trained_parts(variants: Sequence[Variant], settings: MfsnSettings) -> list[str]:
    """Returns what is trained, as the report names it."""
    parts = ["head"]
    if any(variant.search or variant.name in ("derived", "exhaust") for variant in variants):
        parts.append("fusion")
    if settings.train_sec_encoder and any(variant.sec for variant in variants):
        parts.append("sec encoder")
    return parts


def notes_of(corpus: EmotionCorpus, variants: Sequence[Variant]) -> list[str]:
    """Returns what a reader of the numbers has to know."""
    notes = [f"{corpus.described['name']}: {note}" for note in corpus.described["notes"]]
    shared = corpus.described["overlap"]
    if shared.get("speakers"):
        notes.append("Speaker-dependent: speakers of the test part are in the training part too.")
    elif shared.get("sessions"):
        notes.append(
            "Sessions of the test part are in the training part too: a speaker's partner in "
            "dialogue may be trained on."
        )
    if any(variant.name == "exhaust" for variant in variants):
        notes.append("Every structure was trained from scratch, from the same initial weights.")
    return notes


def said_doubts(described: Described) -> list[str]:
    """Returns, and prints, what there is to know about the encoders."""
    found = doubts(described)
    for sentence in found:
        print(f"warning: {sentence}", flush=True)
    return found


def note_on_segments(corpus: EmotionCorpus, settings: MfsnSettings) -> str:
    """Returns, and prints, how the corpus is cut and what is left out of it."""
    segments = segments_of_table(corpus.table, settings.inputs, settings.faults)
    note = f"{corpus.described['name']}: {segments.summary()}."
    print(note, flush=True)
    return note


def _genotype(path: Path | None, levels: Sequence[int]) -> Genotype | None:
    """Reads the structure to train; its layer is that of its level in the given SEC encoder.

    Raises:
        GenotypeError: The file is none, or of an encoder whose level is another layer.
    """
    if path is None:
        return None
    if path.is_dir():
        path = path / "genotype.json"
    genotype = Genotype.load(path)
    layer = levels[genotype.level]
    if genotype.layer not in (UNKNOWN_LAYER, layer):
        raise GenotypeError(
            f"{path}: `layer` must be {layer}, which level {genotype.level} of the given SEC "
            f"encoder is, but is {genotype.layer} instead. Give the encoder that it was found "
            f"with, or write {UNKNOWN_LAYER} for the layer to mean the level only."
        )
    return replace(genotype, layer=layer)


def _found(
    folder: Path,
    described: Described,
    corpus: EmotionCorpus,
    protocol: str,
    seeds: Sequence[int],
    settings: MfsnSettings,
) -> dict[tuple[int, str], Genotype]:
    """Reads what a search found in the same folds.

    Raises:
        ResultsError: The search was on another corpus, protocol or encoder, under other settings,
            or lacks a fold.
    """
    run = read_run(folder, CompleteRecord)
    theirs = run["inputs"]
    sec = CONTINUOUS if run["action"] == "ablate" else SEC
    pairs = {
        "corpus": (theirs.get("corpus"), corpus.described["table_hash"]),
        **{
            key: (theirs.get(key), value)
            for key, value in protocol_inputs(protocol, corpus).items()
        },
        TEC: (theirs.get(f"encoders.{TEC}"), described[TEC]["hashes"]["files"]),
        SEC: (theirs.get(f"encoders.{sec}"), described[SEC]["hashes"]["files"]),
    }
    ours = as_read({f"settings.{k}": v for k, v in flatten(settings.tree()).items()})
    for key in sorted({*ours, *(key for key in theirs if key.startswith("settings."))}):
        if not key.startswith("settings.search."):  # of which the truth knows nothing
            pairs[key] = (theirs.get(key, "absent"), ours.get(key, "absent"))
    for key, (there, here) in pairs.items():
        if there != here:
            raise ResultsError(
                f"--search {folder}: its {key} ({there}) is not the one given here ({here}), so "
                "what it found cannot be judged by this. Give the run folder of a search with the "
                "same corpus, protocol, encoders and settings."
            )
    found = {}
    for task in list_tasks(folder, ["mfsn"], seeds, list(corpus.parts)):
        path = task.folder / "genotype.json"
        if not task.is_finished or not path.is_file():
            raise ResultsError(
                f"--search {folder}: has found nothing for seed {task.seed}, fold {task.fold}. "
                "Finish it, or name other seeds and folds."
            )
        found[task.seed, task.fold] = Genotype.load(path)
    return found
