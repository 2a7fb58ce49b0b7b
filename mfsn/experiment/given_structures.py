"""Structures that a command is given: one to train, or what a search found."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mfsn.experiment.results import CompleteRecord, FusionRunError, read_run
from mfsn.experiment.run_folder import as_read
from mfsn.experiment.tasks import list_tasks
from mfsn.model.genotype import UNKNOWN_LAYER, Genotype, GenotypeError
from mfsn.roles import CONTINUOUS, SEC, TEC


def read_given(path: Path | None, levels: Sequence[int]) -> Genotype | None:
    """Reads the structure to train; its layer is that of its level in the given SEC encoder. Raises
    `GenotypeError`: the file is none, or of an encoder whose level is another layer."""
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


def read_found(folder: Path, inputs: Mapping[str, Any]) -> dict[tuple[int, str], Genotype]:
    """Reads what a search found, by seed and fold, for a command with these `inputs`. Raises
    `FusionRunError`: the search was on another corpus, protocol or encoder, under other settings,
    or lacks a fold."""
    run = read_run(folder, CompleteRecord)
    ours, theirs = as_read(inputs), dict(run["inputs"])
    if run["action"] == "ablate":
        theirs[f"encoders.{SEC}"] = theirs.get(f"encoders.{CONTINUOUS}")
    settings = {key for key in (*ours, *theirs) if key.startswith("settings.")}
    # Of how a structure is searched the truth knows nothing.
    settings = {key for key in settings if not key.startswith("settings.search.")}
    encoders = (f"encoders.{TEC}", f"encoders.{SEC}")
    for key in ("corpus", "protocol", "folds_hash", *encoders, *sorted(settings)):
        there, here = theirs.get(key, "absent"), ours.get(key, "absent")
        if there != here:
            raise FusionRunError(
                f"--search {folder}: its {key.removeprefix('encoders.')} ({there}) is not the one "
                "given here "
                f"({here}), so what it found cannot be judged by this. Give the run folder of a "
                "search with the same corpus, protocol, encoders and settings."
            )
    found = {}
    for task in list_tasks(folder, ["mfsn"], ours["seeds"], ours["folds"]):
        path = task.folder / "genotype.json"
        if not task.is_finished or not path.is_file():
            raise FusionRunError(
                f"--search {folder}: has found nothing for seed {task.seed}, fold {task.fold}. "
                "Finish it, or name other seeds and folds."
            )
        found[task.seed, task.fold] = Genotype.load(path)
    return found
