"""What run.json says of a run: what its numbers depend on, where it was made, what to know."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mfsn.data.corpus import EmotionCorpus
from mfsn.data.dataset import segments_of_table
from mfsn.experiment.encoder_checks import Described, doubts
from mfsn.experiment.experiment import Experiment
from mfsn.experiment.run_folder import OPERATION_NAMES
from mfsn.model.operations import OPERATIONS
from mfsn.model.variants import DERIVED, EXHAUST, Variant
from mfsn.search.settings import MfsnSettings
from pretrain.config.files import flatten
from pretrain.engine.arithmetic.processor_tuning import MATMUL_PRECISION
from pretrain.engine.provenance import command_line, git_state, hardware, package_versions
from pretrain.shared.numbers_version import raised
from probe.folds.protocols import EMOBOX, parse_protocol, protocol_name


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a command computes."""

    device: torch.device
    """This process's."""

    num_processes: int
    """That a launcher or --jobs has started."""


def inputs_of(
    action: str,
    protocol: str,
    experiment: Experiment,
    described: Described,
    seeds: Sequence[int],
) -> dict[str, Any]:
    """Returns everything that the numbers of a run depend on, with dotted keys."""
    found = {f"{seed}/{fold}": g.to_json() for (seed, fold), g in experiment.found.items()}
    chooses = any(v.search or v.name == EXHAUST for v in experiment.variants.values())
    return {
        "action": action,
        **({OPERATION_NAMES: list(OPERATIONS)} if chooses else {}),
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
        **raised("audio", "encoder", "segments", "fusion", "search", "metrics"),
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


def structure_space(settings: MfsnSettings) -> dict[str, Any]:
    """Returns the operations in the order of alpha, and what each computes of text x and speech
    y."""
    ism = settings.fusion.ism
    formulas = {name: operation.formula("x", "y", ism) for name, operation in OPERATIONS.items()}
    return {OPERATION_NAMES: list(OPERATIONS), "formulas": formulas}


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


def from_anywhere(protocol: str) -> str:
    """Returns the protocol as other folders' commands can give it, with an absolute folder."""
    chosen = parse_protocol(protocol)
    return f"{chosen.name}={chosen.folder.resolve()}" if chosen.folder else protocol


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
