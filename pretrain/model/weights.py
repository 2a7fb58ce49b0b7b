"""Saving and loading an encoder: `encoder.json` with its sizes, safetensors with its weights.

Loading believes neither: sizes are compared with the header of the weights before memory is asked
for, and both with what the run in the folder, if there is one, says that it ended (or began) with.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.encoder_settings import UNSAID_EPSILON, EncoderSettings
from pretrain.model.saved_shapes import Shapes, fault_of_shapes, shapes_in
from pretrain.shared.atomic_files import replace_text, replaced
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema, changed_files, made_of, read_object
from pretrain.shared.run_record import RUN_FILE, find_record

FORMAT = 1
SETTINGS_FILE = "encoder.json"
WEIGHTS_FILE = "encoder.safetensors"
INITIAL_WEIGHTS_FILE = "initial.safetensors"


class _SizesFile(Schema):
    """encoder.json."""

    format: int
    settings: dict[str, Any]


class WeightsError(InputError):
    """An encoder's files are missing, damaged or do not fit together."""


def save_encoder(folder: Path, encoder: Encoder, *, initial: bool = False) -> None:
    """Writes `encoder` into `folder`; with `initial` as the untrained weights beside it."""
    description = {"format": FORMAT, "settings": asdict(encoder.settings)}
    tensors = {name: t.detach().cpu().contiguous() for name, t in encoder.state_dict().items()}
    # Durably: run.json, written later, must not outlast what it tells of.
    name = INITIAL_WEIGHTS_FILE if initial else WEIGHTS_FILE
    with replaced(folder / name, durably=True) as beside:
        save_file(tensors, beside, metadata={"format": str(FORMAT)})
    replace_text(folder / SETTINGS_FILE, json.dumps(description, indent=2) + "\n")


def load_encoder(folder: Path | str, *, initial: bool = False) -> Encoder:
    """Loads the encoder of a run folder in eval mode, on the CPU; `encode` takes sound as it is.

    With `initial` the weights that it had before training. Raises `WeightsError` when a file is
    missing, damaged, of another format, does not fit the other, or is not what run.json says.
    """
    settings, tensors = read_weights(Path(folder).expanduser(), initial=initial)
    encoder = build_encoder(settings, seed=0)
    encoder.load_state_dict(tensors)
    return encoder.eval()


def read_weights(
    folder: Path, *, initial: bool = False
) -> tuple[EncoderSettings, dict[str, Tensor]]:
    """Returns the sizes and the weights of the encoder in `folder`, of which all is checked that
    can be; raises `WeightsError` as `load_encoder` does."""
    settings = check_sizes(folder, initial=initial)
    weights_file = folder / (INITIAL_WEIGHTS_FILE if initial else WEIGHTS_FILE)
    try:
        tensors = load_file(weights_file)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"`{weights_file}` is damaged: {error}. Copy it again.") from error
    said = (_record(folder).get("hashes") or {}).get(
        "initial_weights" if initial else "final_weights"
    )
    if said and tensors_hash(tensors) != said:
        raise WeightsError(
            f"`{weights_file}` is not what its run {'began' if initial else 'ended'} with (see "
            f"`hashes` in {folder / RUN_FILE}). Copy it again; or remove it, and give the command "
            "of the run again, which makes it from its checkpoint."
        )
    return settings, tensors


def check_sizes(folder: Path, *, initial: bool = False) -> EncoderSettings:
    """Returns the sizes of the encoder in `folder`, if its weights have them, too; reads no tensor.

    Raises `WeightsError` as `load_encoder` does.
    """
    file = folder / SETTINGS_FILE
    settings = _read_settings(file)
    weights_file = folder / (INITIAL_WEIGHTS_FILE if initial else WEIGHTS_FILE)
    if not weights_file.is_file():
        raise WeightsError(
            f"`{weights_file}` does not exist. Name the folder of a pre-training run that has "
            "finished."
        )
    try:
        shapes = shapes_in(weights_file)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"`{weights_file}` is damaged: {error}. Copy it again.") from error
    if fault := _fault_of_sizes(settings, shapes):
        raise WeightsError(f"`{weights_file}` does not fit the sizes in `{file}`: {fault}.")
    _check_told(settings, folder)
    return settings


def _fault_of_sizes(settings: EncoderSettings, shapes: Shapes) -> str:
    if settings.num_layers > len(shapes):  # building so many would take for ever
        return f"`num_layers` is {settings.num_layers}, but it has only {len(shapes)} tensors"
    return fault_of_shapes(lambda: Encoder(settings), shapes)


def _check_told(settings: EncoderSettings, folder: Path) -> None:
    """Raises `WeightsError` when the sizes are not those that run.json tells of the run. Some, such
    as the number of heads, change no shape."""
    check_unchanged(folder, SETTINGS_FILE)
    record = _record(folder)
    told = (record.get("settings") or {}).get("encoder")
    if record.get("kind") != "pretrain" or not isinstance(told, dict):
        return
    ours = asdict(settings)
    for key in sorted(told.keys() & ours.keys()):
        if told[key] != ours[key]:
            raise WeightsError(
                f"`{folder / SETTINGS_FILE}` says `{key}` = {ours[key]}, but {folder / RUN_FILE} "
                f"says {told[key]}. Copy the folder again."
            )


def _record(folder: Path) -> dict[str, Any]:
    """Returns run.json; nothing for an encoder that was copied without it."""
    try:
        return find_record(folder)
    except JsonError as error:
        raise WeightsError(f"{error} Copy the folder again.") from error


def check_unchanged(folder: Path, *names: str) -> None:
    """Raises `WeightsError` when files are not as the finished run in `folder` left them."""
    if changed := changed_files(folder, _record(folder), only=names):
        raise WeightsError(
            f"`{folder / changed[0]}` is gone or was changed since its run finished (see `files` "
            f"in {folder / RUN_FILE}). Copy the folder again, or make the run again."
        )


def encoder_settings_in(folder: Path) -> EncoderSettings:
    """Returns the sizes of the encoder of a run folder; raises `WeightsError` without any."""
    return _read_settings(folder / SETTINGS_FILE)


def weights_hash(module: nn.Module) -> str:
    """Returns a hash of all parameters and buffers of `module`: names, types, shapes, bytes."""
    return tensors_hash(module.state_dict())


def tensors_hash(tensors: Mapping[str, Tensor]) -> str:
    """Returns what `weights_hash` does of a module with these tensors."""
    digest = blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_settings(file: Path) -> EncoderSettings:
    if not file.is_file():
        raise WeightsError(f"`{file}` does not exist. Name the folder of a pre-training run.")
    try:
        description = read_object(file, _SizesFile)
        if description["format"] != FORMAT:
            raise WeightsError(
                f"`{file}` must have `format` {FORMAT}, but is another file instead."
            )
        said = {"normalize_epsilon": UNSAID_EPSILON, **description["settings"]}
        return made_of(EncoderSettings, said, str(file), "settings")
    except JsonError as error:
        raise WeightsError(f"`{file}` is damaged: {error} Copy it again.") from error
