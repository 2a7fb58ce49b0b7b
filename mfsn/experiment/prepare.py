"""From a request to an experiment, its tasks and its run folder; whatever can be wrong with a
command is found here, before minutes of computing."""

import os
from pathlib import Path
from typing import Any

from mfsn.command_line import FusionRequest
from mfsn.data.corpus import EmotionCorpus, read_emotion_corpus, with_folds
from mfsn.data.streams import levels_of, load_frame_encoder
from mfsn.experiment.description import (
    Place,
    from_anywhere,
    inputs_of,
    note_on_segments,
    notes_of,
    origin,
    said_doubts,
    structure_space,
    trained_parts,
)
from mfsn.experiment.encoder_checks import Described, check_modes
from mfsn.experiment.encoders import describe_encoder
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.given_structures import read_found, read_given
from mfsn.experiment.precision import choose_for_fit, say_precision, with_precision
from mfsn.experiment.run_folder import FusionRunFolder
from mfsn.experiment.tasks import FusionTask, list_tasks
from mfsn.experiment.workers import speaks_for_all
from mfsn.model.build import check_networks
from mfsn.model.variants import ABLATION, DERIVED, EXHAUST, MFSN, Variant, make_variant
from mfsn.roles import CONTINUOUS
from mfsn.search.settings import read_settings
from pretrain.shared.errors import InputError
from pretrain.shared.paths import runs_folder
from probe.contamination.check import contamination, heard_by
from probe.folds.protocols import protocol_name


def variants_of(request: FusionRequest) -> list[Variant]:
    """Returns the variants that a command trains."""
    if request.action == "ablate":
        return [make_variant(name, CONTINUOUS) for name in ABLATION]
    of_action = {"search": MFSN, "exhaust": EXHAUST}
    return [make_variant(of_action.get(request.action) or request.variant or DERIVED)]


def prepare(
    request: FusionRequest, place: Place
) -> tuple[Experiment, list[FusionTask], FusionRunFolder, bool]:
    """Reads everything that a command names and opens its run folder.

    Returns:
        - What all tasks share
        - All tasks
        - The run folder
        - Whether the run is already finished

    Raises:
        ValueError: Something that the user has to correct.
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
    variants = variants_of(request)
    described = {role: describe_encoder(path, role) for role, path in request.encoders.items()}
    check_modes(described)
    warnings = said_doubts(described)
    encoders = {
        role: load_frame_encoder(Path(entry["folder"]), device=place.device)
        for role, entry in described.items()
    }
    dim = max(encoder.dim for encoder in encoders.values())
    choice = choose_for_fit(settings, request.out, request.search, dim, place.device)
    settings = with_precision(settings, choice)
    folder = FusionRunFolder(request.out)
    seeds = folder.joined("seeds", request.seeds)
    corpus = read_emotion_corpus(request.corpus, request.protocol, request.folds or None)
    names = folder.joined("folds", list(corpus.parts), list(corpus.folds["fold"].unique()))
    corpus = with_folds(corpus, names)
    found = {}
    if request.search is not None:
        found = read_found(request.search, described, corpus, request.protocol, seeds, settings)
    sec = next((variant.sec for variant in reversed(variants) if variant.sec), "")
    levels = levels_of(encoders[sec].num_layers) if sec else ()
    genotype = read_given(request.genotype, levels)
    experiment = Experiment(
        corpus=corpus,
        variants={variant.name: variant for variant in variants},
        encoders=encoders,
        settings=settings,
        states_folder=runs_folder() / "states",
        device=place.device,
        optimistic=request.optimistic,
        genotype=genotype,
        found=found,
    )
    check_networks(variants, experiment.sizes, genotype)
    tasks = list_tasks(request.out, list(experiment.variants), seeds, list(corpus.parts))
    inputs = inputs_of(request.action, request.protocol, experiment, described, seeds)
    description = {
        "action": request.action,
        "name": request.out.resolve().name,
        **origin(place),
        "protocol": protocol_name(request.protocol),
        "protocol_spec": from_anywhere(request.protocol),
        "corpus": corpus.described,
        "encoders": described,
        "settings": settings.tree(),
        "faults": list(settings.faults.active()),
        "variants": [variant.described() for variant in variants],
        "seeds": seeds,
        "folds": list(corpus.parts),
        "protocol_folds": list(corpus.folds["fold"].unique()),
        "levels": list(levels),
        **structure_space(settings),
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
    note_contamination(folder, corpus, described, fingerprints=request.fingerprints)
    return experiment, tasks, folder, is_finished


def note_contamination(
    folder: FusionRunFolder,
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
