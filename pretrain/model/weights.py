"""Saving and loading an encoder: `encoder.json` with its sizes, safetensors with its weights."""

import json
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.replacing import replaced

FORMAT = 1
SETTINGS_FILE = "encoder.json"
WEIGHTS_FILE = "encoder.safetensors"
INITIAL_WEIGHTS_FILE = "initial.safetensors"


class WeightsError(ValueError):
    """An encoder's files are missing, damaged or do not fit together."""


def save_encoder(folder: Path, encoder: Encoder, *, initial: bool = False) -> None:
    """Writes `encoder` into `folder`; with `initial` as the untrained weights beside it."""
    description = {"format": FORMAT, "settings": asdict(encoder.settings)}
    tensors = {name: t.detach().cpu().contiguous() for name, t in encoder.state_dict().items()}
    with replaced(folder / (INITIAL_WEIGHTS_FILE if initial else WEIGHTS_FILE)) as beside:
        save_file(tensors, beside, metadata={"format": str(FORMAT)})
    with replaced(folder / SETTINGS_FILE) as beside:
        beside.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load_encoder(folder: Path | str, *, initial: bool = False) -> Encoder:
    """Loads the encoder of a run folder in eval mode, on the CPU; `encode` takes sound as it is.

    With `initial` the weights that it had before training. Raises `WeightsError` when a file is
    missing, damaged, of another format, or does not fit the other.
    """
    folder = Path(folder).expanduser()
    settings = _read_settings(folder / SETTINGS_FILE)
    weights_file = folder / (INITIAL_WEIGHTS_FILE if initial else WEIGHTS_FILE)
    if not weights_file.is_file():
        raise WeightsError(
            f"`{weights_file}` does not exist. Name the folder of a pre-training run that has "
            "finished."
        )
    try:
        tensors = load_file(weights_file)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"`{weights_file}` is damaged: {error}. Copy it again.") from error
    encoder = build_encoder(settings, seed=0)
    try:
        encoder.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(
            f"`{weights_file}` does not fit the sizes in `{folder / SETTINGS_FILE}`: {error}"
        ) from error
    return encoder.eval()


def weights_hash(module: nn.Module) -> str:
    """Returns a hash of all parameters and buffers of `module`: names, types, shapes, bytes."""
    digest = blake2b(digest_size=16)
    for name, tensor in sorted(module.state_dict().items()):
        tensor = tensor.detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_settings(file: Path) -> EncoderSettings:
    if not file.is_file():
        raise WeightsError(f"`{file}` does not exist. Name the folder of a pre-training run.")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(description, dict) or description.get("format") != FORMAT:
            raise WeightsError(
                f"`{file}` must have `format` {FORMAT}, but is another file instead."
            )
        return EncoderSettings(**description["settings"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise WeightsError(f"`{file}` is damaged: {error}. Copy it again.") from error
    except ValidationError as error:
        raise WeightsError(f"`{file}` has settings that cannot be used: {error}") from error
