"""Structures that a command is given: one to train, or what a search found."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mfsn.data.corpus import EmotionCorpus
from mfsn.experiment.description import protocol_inputs
from mfsn.experiment.encoder_checks import Described
from mfsn.experiment.results import CompleteRecord, FusionRunError, read_run
from mfsn.experiment.run_folder import as_read
from mfsn.experiment.tasks import list_tasks
from mfsn.model.genotype import UNKNOWN_LAYER, Genotype, GenotypeError
from mfsn.roles import CONTINUOUS, SEC, TEC
from mfsn.search.settings import MfsnSettings
from pretrain.config.files import flatten


def read_given(path: Path | None, levels: Sequence[int]) -> Genotype | None:
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


def read_found(
    folder: Path,
    described: Described,
    corpus: EmotionCorpus,
    protocol: str,
    seeds: Sequence[int],
    settings: MfsnSettings,
) -> dict[tuple[int, str], Genotype]:
    """Reads what a search found in the same folds.

    Raises:
        FusionRunError: The search was on another corpus, protocol or encoder, under other settings,
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
            raise FusionRunError(
                f"--search {folder}: its {key} ({there}) is not the one given here ({here}), so "
                "what it found cannot be judged by this. Give the run folder of a search with the "
                "same corpus, protocol, encoders and settings."
            )
    found = {}
    for task in list_tasks(folder, ["mfsn"], seeds, list(corpus.parts)):
        path = task.folder / "genotype.json"
        if not task.is_finished or not path.is_file():
            raise FusionRunError(
                f"--search {folder}: has found nothing for seed {task.seed}, fold {task.fold}. "
                "Finish it, or name other seeds and folds."
            )
        found[task.seed, task.fold] = Genotype.load(path)
    return found
