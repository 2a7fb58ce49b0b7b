"""One pre-training run from settings to a self-describing folder."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch
from accelerate.utils import set_seed

from pretrain.data.loader import usable_utterances
from pretrain.data.readers import read_corpus
from pretrain.data.table import save_table, table_hash
from pretrain.engine.launch import describe, make_accelerator
from pretrain.engine.machine import tune_machine
from pretrain.engine.provenance import command_line, git_state, hardware, package_versions
from pretrain.engine.run_folder import RunFolder, comparison_of
from pretrain.engine.train import Trainer
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import SAMPLE_RATE_HZ
from pretrain.model.weights import save_encoder, weights_hash
from pretrain.objectives import OBJECTIVES
from pretrain.settings import ResolvedSettings, hash_of


def pretrain(settings: ResolvedSettings, path: Path, *, resume: bool) -> bool:
    """Trains the run of `settings` in the folder `path`, or continues or reuses what is there.

    Returns False when a signal ended it early; the same command then continues it.
    """
    run = settings.run
    accelerator = make_accelerator(
        precision=run.training.precision, tracker=run.training.tracker, folder=str(path)
    )
    say = accelerator.print
    say(f"{settings.name} in {path}: {describe(accelerator, run.data.num_shards)}")
    folder = RunFolder(path)
    status = folder.open(settings, resume=resume)
    accelerator.wait_for_everyone()
    if status == "finished":
        say("Already finished with these settings; nothing to do.")
        return True
    tuning = tune_machine()
    if run.training.deterministic:
        torch.use_deterministic_algorithms(True)
        # Memory that is not read need not be filled.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if accelerator.is_main_process:
        folder.start(settings)
    accelerator.wait_for_everyone()
    with accelerator.main_process_first():
        table = _read_table(run.data.corpus, path, run.data.max_bad_share)
    usable = usable_utterances(table, run.data)
    say(f"{len(usable)} utterances, {usable['num_samples'].sum() / SAMPLE_RATE_HZ / 3600:.2f} h")

    set_seed(run.seed)
    encoder = build_encoder(run.encoder, run.seed)
    objective = OBJECTIVES[run.mode].build(encoder, settings.objective, run.seed)
    assert isinstance(objective, torch.nn.Module)
    initial_hash = weights_hash(encoder)
    trainer = Trainer(settings, objective, usable, folder, accelerator)
    say(f"{_count(encoder):,} parameters in the encoder")
    if status == "continue":
        trainer.resume()
        say(f"Continues at update {trainer.state.progress.update}.")
    comparison, comparison_hash = comparison_of(settings, table_hash(usable))
    description: dict[str, Any] = {
        "status": "running",
        "name": settings.name,
        "mode": run.mode,
        "seed": run.seed,
        "row": settings.objective.row(),
        "settings": settings.tree(),
        "comparison": comparison,
        "hashes": {
            "settings": hash_of(settings.tree()),
            "comparison": comparison_hash,
            "initial_weights": initial_hash,
            "corpus": table_hash(usable),
        },
        "parameters": {"encoder": _count(encoder), "objective": _count(objective)},
        "command": command_line(),
        "packages": package_versions(),
        "git": git_state(),
        "hardware": {**hardware(accelerator.num_processes, accelerator.device), **tuning},
        "corpus": _describe_corpus(usable, run.data.corpus),
    }
    if accelerator.is_main_process:
        if status == "new":
            save_encoder(path, encoder, initial=True)
            save_table(table, path / "utterances.csv")
        folder.describe(_with_progress(description, trainer))
    accelerator.wait_for_everyone()
    if run.training.tracker != "none":
        accelerator.init_trackers("tensorboard", config={})
    finished = trainer.run()
    if accelerator.is_main_process:
        if finished:
            save_encoder(path, encoder)
            description["hashes"]["final_weights"] = weights_hash(encoder)
        description["status"] = "finished" if finished else "stopped"
        folder.describe(_with_progress(description, trainer))
    accelerator.end_training()
    return finished


def _read_table(corpus: str, path: Path, max_bad_share: float) -> pd.DataFrame:
    return read_corpus(corpus, max_bad_share=max_bad_share, quarantine_file=path / "quarantine.csv")


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def _describe_corpus(table: pd.DataFrame, corpus: str) -> dict[str, Any]:
    return {
        "name": str(table["source"].iloc[0]),
        "given_as": corpus,
        "synthetic": corpus.partition(":")[0] == "synthetic",
        "num_utterances": len(table),
        "hours": table["num_samples"].sum() / SAMPLE_RATE_HZ / 3600,
        "speakers": int(table["speaker"].nunique()),
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
