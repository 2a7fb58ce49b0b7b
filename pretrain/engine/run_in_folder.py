"""One run from settings to a self-describing folder, whatever is trained in it."""

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from pretrain.config.settings import RunSettings
from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.readers.read import read_corpus
from pretrain.data.readers.registry import SYNTHETIC
from pretrain.data.tables.utterances import save_table, table_hash
from pretrain.engine.arithmetic.precision import Widths
from pretrain.engine.arithmetic.processor_tuning import (
    MATMUL_PRECISION,
    choose_matmul_precision,
    tune_machine,
)
from pretrain.engine.launch import agreed, describe, make_accelerator
from pretrain.engine.provenance import command_line, git_state, hardware, package_versions
from pretrain.engine.read_outs.held_out import HeldOut
from pretrain.engine.run_folder import RunFolder, comparison_of
from pretrain.engine.train import Trainer
from pretrain.model.weights import (
    INITIAL_WEIGHTS_FILE,
    save_encoder,
    tensors_hash,
    weights_hash,
)
from pretrain.objectives.objective import HasFixedTargets, Objective
from pretrain.shared.json_files import FILES, digests_of
from pretrain.shared.kept_tensors import TensorFile

TARGETS_FILE = "targets.safetensors"
"""In the run folder: what targets that are fixed before training were made with."""


class Recipe(Protocol):
    """What one kind of run adds to the engine."""

    kind: str
    """The run folder's `kind`."""

    small_config: str
    """Configuration to name where the one given is too large."""

    def widths(self) -> Widths:
        """Returns the sizes of the largest matrix products."""
        ...

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        """Returns the corpus's utterances to train on, with the column `num_samples` (16 kHz)."""
        ...

    def held_out(self, table: pd.DataFrame) -> HeldOut | None:
        """Returns the part of the corpus that is read out instead of trained on."""
        ...

    def build(self, utterances: pd.DataFrame) -> Objective:
        """Returns the objective with its encoder, as they are before the first update."""
        ...

    def describe(self) -> dict[str, Any]:
        """Returns what run.json says beyond what it says of every run."""
        ...

    def finish(self, objective: Objective, folder: Path) -> dict[str, Any]:
        """Called on the main process after the last update. Writes what else belongs into the
        folder and returns what run.json says of it."""
        ...


def run_in_folder(settings: RunSettings, recipe: Recipe, path: Path, *, resume: bool) -> bool:
    """Trains in the folder `path`, or continues or reuses what is there.

    Returns False when a signal ended the run early; the same command then continues it.
    """
    accelerator = make_accelerator(tracker=settings.run.training.tracker, folder=str(path))
    where = describe(accelerator, settings.run.data.num_shards)
    accelerator.print(f"{settings.name} in {path}: {where}", flush=True)
    folder = RunFolder(path)
    status = folder.open(settings, resume=resume)
    accelerator.wait_for_everyone()
    if status == "finished":
        accelerator.print("Already finished with these settings; nothing to do.", flush=True)
        return True
    with folder.locked() if accelerator.is_main_process else nullcontext():
        finished = _train(settings, recipe, folder, accelerator, is_new=status == "new")
        accelerator.wait_for_everyone()
    return finished


def _train(
    settings: RunSettings,
    recipe: Recipe,
    folder: RunFolder,
    accelerator: Accelerator,
    *,
    is_new: bool,
) -> bool:
    run, say, is_main = settings.run, accelerator.print, accelerator.is_main_process
    # As exact as the other, but not equal to the bit: a run that is continued keeps its own.
    before = ((folder.description() or {}).get("hardware") or {}).get(MATMUL_PRECISION)
    path = agreed(lambda _: before or choose_matmul_precision(recipe.widths()))
    tuning = tune_machine(path=path)
    if run.training.deterministic:
        torch.use_deterministic_algorithms(True)
        # Memory that is not read need not be filled.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if is_main:
        folder.start(settings)
    with accelerator.main_process_first():
        quarantine = folder.path / "quarantine.csv" if is_main else None
        table = read_corpus(
            run.data.corpus, max_bad_share=run.data.max_bad_share, quarantine_file=quarantine
        )
    usable = recipe.select(table)
    corpus_hash = table_hash(usable)

    set_seed(run.seed)
    objective = recipe.build(usable)
    assert isinstance(objective, torch.nn.Module)
    encoder = objective.encoder
    fixed = {
        "corpus": corpus_hash,
        "initial_weights": weights_hash(encoder),
        **_kept_targets(objective, folder, write=is_main),
    }
    if not is_new:
        for what, now in fixed.items():
            folder.check_unchanged(what, now)
    if is_main and (is_new or not (folder.path / INITIAL_WEIGHTS_FILE).is_file()):
        save_encoder(folder.path, encoder, initial=True)
    if is_main and (is_new or not (folder.path / "utterances.csv").is_file()):
        save_table(table, folder.path / "utterances.csv")
    with accelerator.main_process_first():
        held_out = recipe.held_out(table)
    trainer = Trainer(
        settings, objective, usable, folder, accelerator, recipe.small_config, held_out
    )
    trainer.resume()
    hours = usable["num_samples"].sum() / SAMPLE_RATE_HZ / 3600
    say(
        f"{len(usable)} utterances, {hours:.2f} h; {_count(encoder):,} parameters in the encoder; "
        f"starts at update {trainer.state.progress.update}",
        flush=True,
    )
    comparison, comparison_hash = comparison_of(settings, corpus_hash)
    description: dict[str, Any] = {
        "kind": recipe.kind,
        "status": "running",
        "name": settings.name,
        "seed": run.seed,
        **recipe.describe(),
        "collapse_rules": [rule.model_dump(mode="json") for rule in objective.collapse_rules],
        "settings": settings.tree(),
        "comparison": comparison,
        "hashes": {
            "settings": settings.hash,
            "comparison": comparison_hash,
            **fixed,
        },
        "parameters": {"encoder": _count(encoder), "objective": _count(objective)},
        "command": command_line(),
        "packages": package_versions(),
        "git": git_state(),
        "hardware": {**hardware(accelerator.num_processes, accelerator.device), **tuning},
        "corpus": _describe_corpus(usable, run.data.corpus),
    }
    if is_main:
        folder.describe(_with_progress(description, trainer))
    if run.training.tracker != "none":
        accelerator.init_trackers("tensorboard", config={})
    status = "halted"
    try:
        finished = trainer.run()
        if finished and is_main:
            save_encoder(folder.path, encoder)
            description["hashes"]["final_weights"] = weights_hash(encoder)
            if held_out:
                description["held_out"] = held_out.describe(folder.path)
            description |= recipe.finish(objective, folder.path)
            description[FILES] = digests_of(folder.path, folder.kept_files())
        status = "finished" if finished else "stopped"
    except KeyboardInterrupt:
        status = "stopped"
        raise
    finally:
        if is_main:
            # A disk that refuses this too has been told of already; run.json is as it was.
            with suppress(OSError) if status == "halted" else nullcontext():
                folder.describe(_with_progress({**description, "status": status}, trainer))
        for tracker in accelerator.trackers:
            tracker.finish()
    return finished


def _kept_targets(objective: Objective, folder: RunFolder, *, write: bool) -> dict[str, str]:
    """Keeps what the targets were made with, where that is of the corpus; returns its hash."""
    if not isinstance(objective, HasFixedTargets):
        return {}
    tensors = {name: one.contiguous() for name, one in objective.fixed_targets().items()}
    file = TensorFile(path=folder.path / TARGETS_FILE)
    if write and file.read() is None:
        file.write(tensors)
    return {"targets": tensors_hash(tensors)}


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def _describe_corpus(table: pd.DataFrame, corpus: str) -> dict[str, Any]:
    return {
        "name": str(table["source"].iloc[0]),
        "given_as": corpus,
        "synthetic": corpus.partition(":")[0] == SYNTHETIC,
        "num_utterances": len(table),
        "hours": table["num_samples"].sum() / SAMPLE_RATE_HZ / 3600,
        "speakers": int(table["speaker"][table["speaker"] != ""].nunique()),
    }


def _with_progress(description: dict[str, Any], trainer: Trainer) -> dict[str, Any]:
    progress = trainer.state.progress
    order = {"sample_order": progress.sample_order, "masks": progress.masks}
    return {
        **description,
        "hashes": {**description["hashes"], **order},
        "updates": progress.update,
        "skipped_updates": progress.skipped_updates,
        "audio_hours": progress.audio_samples / SAMPLE_RATE_HZ / 3600,
        "train_seconds": progress.train_seconds,
        "health": trainer.state.health.findings,
    }
