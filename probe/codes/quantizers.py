"""The quantizer of a finished pre-training run, from its newest checkpoint."""

from dataclasses import dataclass

import torch

from pretrain.engine.checkpoint import (
    CheckpointError,
    list_checkpoints,
    load_file_of_checkpoint,
)
from pretrain.model.encoder import Encoder
from pretrain.model.quantizer import GumbelQuantizer
from pretrain.model.weights import load_encoder
from pretrain.objectives.quantized import QuantizedSettings
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, made_of
from pretrain.shared.run_record import RUN_FILE, RunRecord, read_record
from probe.rows.comparable import EncoderRun

OBJECTIVE_FILE = "objective.safetensors"


class CodesError(InputError):
    """The codes of a row cannot be computed; the message names the folder and the remedy."""


@dataclass(frozen=True)
class RowQuantizer:
    """Encoder and quantizer of one row, in eval mode on the CPU."""

    encoder: Encoder
    quantizer: GumbelQuantizer


def load_quantizer(run: EncoderRun) -> RowQuantizer:
    """Loads the quantizer that a quantized row was trained with.

    Raises:
        CodesError: The row is not quantized, its checkpoint is gone or damaged, or it is of other
            weights than the encoder.
    """
    assert run.folder is not None
    if run.mode != "quantized":
        raise CodesError(f"{run.folder}: its mode is {run.mode!r}; only quantized rows have codes.")
    settings = _settings(run)
    tensors = _newest_objective(run)
    encoder = load_encoder(run.folder)
    quantizer = GumbelQuantizer(
        encoder.settings.conv_dim, settings.num_codebooks, settings.num_entries, settings.code_dim
    )
    try:
        quantizer.load_state_dict(_below("quantizer.", tensors))
    except RuntimeError as error:
        raise CodesError(
            f"{run.folder}: the quantizer of its checkpoint does not fit its settings ({error}). "
            "Pre-train this row again."
        ) from error
    checkpointed = _below("encoder.", tensors)
    for name, tensor in encoder.state_dict().items():
        if name not in checkpointed or not torch.equal(checkpointed[name], tensor):
            raise CodesError(
                f"{run.folder}: its newest checkpoint is of other weights than its encoder "
                f"({name} differs). Finish the run with its own command, or pre-train it again."
            )
    return RowQuantizer(encoder, quantizer.eval().requires_grad_(False))


def _settings(run: EncoderRun) -> QuantizedSettings:
    assert run.folder is not None
    file = run.folder / RUN_FILE
    try:
        settings = read_record(run.folder, RunRecord)["settings"].get("quantized")
        if not isinstance(settings, dict):
            raise JsonError(f"{file}: `settings.quantized` must be an object.")
        return made_of(QuantizedSettings, settings, str(file), "settings.quantized")
    except JsonError as error:
        raise CodesError(f"{error} Copy the folder again, or leave this row out.") from error


def _newest_objective(run: EncoderRun) -> dict[str, torch.Tensor]:
    assert run.folder is not None
    checkpoints = list_checkpoints(run.folder / "checkpoints")
    if not checkpoints:
        raise CodesError(
            f"{run.folder} has no checkpoint left, and the quantizer is kept in it only. "
            "Pre-train this row again with its own command and another --out, or leave it out."
        )
    try:
        return load_file_of_checkpoint(checkpoints[-1], OBJECTIVE_FILE)
    except CheckpointError as error:
        raise CodesError(f"{error} Or copy it again.") from error


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
