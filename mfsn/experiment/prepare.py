"""From a request to an experiment, its tasks and its run folder, with what run.json says of it;
whatever can be wrong with a command is found here, before minutes of computing.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mfsn.command_line import FusionRequest
from mfsn.data.corpus import EmotionCorpus, read_emotion_corpus, with_folds
from mfsn.data.dataset import segments_of_table
from mfsn.data.streams import load_frame_encoder
from mfsn.experiment.encoders import Described, check_modes, describe_encoder, doubts
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.given_structures import read_found, read_given
from mfsn.experiment.known_answer import oracle_of
from mfsn.experiment.precision import choose_for_fit, say_precision, with_precision
from mfsn.experiment.run_folder import OPERATION_NAMES, FusionRunFolder
from mfsn.experiment.tasks import FusionTask, list_tasks, speaks_for_all
from mfsn.model.operations import OPERATIONS
from mfsn.model.variants import (
    ABLATION,
    DERIVED,
    EXHAUST,
    MFSN,
    Variant,
    make_variant,
)
from mfsn.roles import CONTINUOUS, SEC
from mfsn.search.settings import MfsnSettings, read_settings
from pretrain.config.files import flatten
from pretrain.engine.arithmetic.processor_tuning import MATMUL_PRECISION
from pretrain.engine.provenance import command_line, git_state, hardware, package_versions
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.errors import InputError
from pretrain.shared.numbers_version import raised
from pretrain.shared.paths import runs_folder
from probe.contamination.check import contamination, heard_by
from probe.folds.protocols import EMOBOX, parse_protocol, protocol_name


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command computes."""

    device: torch.device
    """This process's."""

    num_processes: int
    """That a launcher or --jobs has started."""


def inputs_of(
    action: str, protocol: str, experiment: Experiment, described: Described, seeds: Sequence[int]
) -> dict[str, Any]:
    """Returns everything that the numbers of a run depend on, with dotted keys."""
    corpus, name = experiment.corpus, protocol_name(protocol)
    # What the folds depend on beside the utterances: lists of others.
    lists = {"folds_hash": corpus.described["folds_hash"]} if name == EMOBOX else {}
    chooses = any(v.search or v.name == EXHAUST for v in experiment.variants.values())
    return {
        "action": action,
        **({OPERATION_NAMES: list(OPERATIONS)} if chooses else {}),
        "protocol": name,
        **lists,
        "corpus": corpus.described["table_hash"],
        **{f"encoders.{role}": entry["hashes"]["files"] for role, entry in described.items()},
        "variants": list(experiment.variants),
        "seeds": list(seeds),
        "folds": list(corpus.parts),
        "optimistic": experiment.optimistic,
        "genotype": experiment.genotype.to_json() if experiment.genotype else "",
        "found": {},
        **{f"settings.{k}": v for k, v in flatten(experiment.settings.tree()).items()},
        **raised("audio", "encoder", "segments", "fusion", "search", "metrics"),
    }


def describe(
    request: FusionRequest, place: Place, experiment: Experiment, described: Described
) -> dict[str, Any]:
    """Returns what run.json says of every run: where its numbers come from, and of which operations
    (in the order of alpha), which compute `formulas` of text x and speech y."""
    ism = experiment.settings.fusion.ism
    return {
        "action": request.action,
        "name": request.out.resolve().name,
        "command": command_line(),
        "git": git_state(),
        "packages": package_versions(),
        "hardware": {
            **hardware(place.num_processes, place.device),
            MATMUL_PRECISION: torch.get_float32_matmul_precision(),
        },
        "corpus": experiment.corpus.described,
        "oracle": oracle_of(experiment.corpus),
        "encoders": described,
        "levels": list(experiment.levels),
        OPERATION_NAMES: list(OPERATIONS),
        "formulas": {name: one.formula("x", "y", ism) for name, one in OPERATIONS.items()},
    }


def trained_parts(variants: Sequence[Variant], settings: MfsnSettings) -> list[str]:
    """Returns what is trained, as the report names it."""
    parts = ["head"]
    if any(variant.search or variant.name in (DERIVED, EXHAUST) for variant in variants):
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
    if any(variant.name == EXHAUST for variant in variants):
        notes.append("Every structure was trained from scratch, from the same initial weights.")
    return notes


def load_encoders(described: Described, place: Place) -> dict[str, FrozenEncoder]:
    """Loads the encoders, by role, onto the device."""
    return {
        role: load_frame_encoder(Path(entry["folder"]), device=place.device)
        for role, entry in described.items()
    }


def from_anywhere(protocol: str) -> str:
    """Returns the protocol as other folders' commands can give it, with an absolute folder."""
    chosen = parse_protocol(protocol)
    return f"{chosen.name}={chosen.folder.resolve()}" if chosen.folder else protocol


def note_on_segments(corpus: EmotionCorpus, settings: MfsnSettings) -> str:
    """Returns, and prints, how the corpus is cut and what is left out of it."""
    segments = segments_of_table(corpus.table, settings.inputs, settings.faults)
    note = f"{corpus.described['name']}: {segments.summary()}."
    print(note, flush=True)
    return note


def prepare(
    request: FusionRequest, place: Place
) -> tuple[Experiment, list[FusionTask], FusionRunFolder, bool]:
    """Reads everything that a command names and opens its run folder.

    Returns what all tasks share, all tasks, the run folder, and whether the run is already
    finished. Raises `ValueError` for what the user has to correct.
    """
    settings = read_settings(request.config, request.overrides)
    if settings.faults.test_selection and request.optimistic:
        raise InputError(
            "--optimistic adds what `faults.test_selection` does anyway: leave one of them out."
        )
    if settings.faults.test_selection and request.action == "exhaust":
        raise InputError(
            "`faults.test_selection` must be false for exhaust, which judges by the dev part what "
            "a search could have found, but is true instead."
        )
    names: tuple[str, ...] = (request.variant or DERIVED,)
    sec = SEC
    if request.action == "ablate":
        names, sec = ABLATION, CONTINUOUS
    elif request.action != "train":
        names = ({"search": MFSN, "exhaust": EXHAUST}[request.action],)
    variants = [make_variant(name, sec, settings.head.pooling) for name in names]
    described = {role: describe_encoder(path, role) for role, path in request.encoders.items()}
    check_modes(described)
    warnings = doubts(described)
    encoders = load_encoders(described, place)
    dim = max(encoder.dim for encoder in encoders.values())
    choice = choose_for_fit(settings, request.out, request.search, dim, place.device)
    settings = with_precision(settings, choice)
    folder = FusionRunFolder(request.out)
    seeds = folder.joined("seeds", request.seeds)
    corpus = read_emotion_corpus(request.corpus, request.protocol, request.folds or None)
    protocol_folds = list(corpus.folds["fold"].unique())
    corpus = with_folds(corpus, folder.joined("folds", list(corpus.parts), protocol_folds))
    experiment = Experiment(
        corpus=corpus,
        variants={variant.name: variant for variant in variants},
        encoders=encoders,
        settings=settings,
        device=place.device,
        optimistic=request.optimistic,
    )
    genotype = experiment.genotype = read_given(request.genotype, experiment.levels)
    inputs = inputs_of(request.action, request.protocol, experiment, described, seeds)
    if request.search is not None:
        experiment.found = read_found(request.search, inputs)
        inputs["found"] = {
            f"{seed}/{fold}": g.to_json() for (seed, fold), g in experiment.found.items()
        }
    experiment.networks.check(variants, genotype)
    tasks = list_tasks(request.out, list(experiment.variants), seeds, list(corpus.parts))
    description = {
        **describe(request, place, experiment, described),
        "protocol": protocol_name(request.protocol),
        "protocol_spec": from_anywhere(request.protocol),
        "settings": settings.tree(),
        "faults": list(settings.faults.active()),
        "variants": [variant.described() for variant in variants],
        "seeds": seeds,
        "folds": list(corpus.parts),
        "protocol_folds": protocol_folds,
        "trained_parts": trained_parts(variants, settings),
        "selection": "test part" if settings.faults.test_selection else "dev part",
        "optimistic": request.optimistic,
        "genotype": vars(genotype) if genotype else None,
        "notes": [*notes_of(corpus, variants), note_on_segments(corpus, settings)],
        "warnings": warnings,
    }
    is_finished = folder.open(inputs, description)
    if not is_finished and speaks_for_all(os.environ):
        say_precision(choice, settings, dim, place.device)
    note_contamination(request, folder, corpus, described)
    return experiment, tasks, folder, is_finished


def note_contamination(
    request: FusionRequest, folder: FusionRunFolder, corpus: EmotionCorpus, described: Described
) -> None:
    """Says in run.json whether the encoders were trained on recordings of the corpus.

    It takes a while: only the process that speaks for all does it, and only where it is not known.
    """

    def heard() -> list[dict[str, Any]]:
        trained = heard_by((role, None, Path(entry["folder"])) for role, entry in described.items())
        return contamination(
            str(corpus.described["name"]),
            corpus.table,
            trained,
            runs_folder() / "features",
            fingerprints=request.fingerprints,
        )

    if speaks_for_all(os.environ):
        folder.complete("contamination", heard)
