"""Checkpoints: written to the side, completed, then renamed; never half a checkpoint."""

import json
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors.torch import load, save
from torch import Tensor

FORMAT = 1

STATE_FILE = "state.json"


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be read or written; the message names it and the remedy."""


def save_checkpoint(
    folder: Path,
    update: int,
    tensors: Mapping[str, Mapping[str, Tensor]],
    values: Mapping[str, Any],
    keep: int,
) -> Path:
    """Writes `folder`/update-N and then removes all but the newest `keep` checkpoints.

    Raises `CheckpointError` when the disk refuses; what was there before is left as it was.
    """
    final = folder / f"update-{update:08d}"
    partial = folder / f".partial-{final.name}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        digests = {}
        for name, group in tensors.items():
            content = save({key: value.detach().cpu().contiguous() for key, value in group.items()})
            digests[f"{name}.safetensors"] = sha256(content).hexdigest()
            _write_durably(partial / f"{name}.safetensors", content)
        state = {"format": FORMAT, "update": update, "sha256": digests, **values}
        _write_durably(partial / STATE_FILE, json.dumps(state, indent=1).encode())
        if final.exists():
            shutil.rmtree(final)
        os.replace(partial, final)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"{final}: the checkpoint could not be written ({error.strerror}). Earlier checkpoints "
            f"are untouched; make room and start the same command again."
        ) from error
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Returns the complete checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("update-*") if (path / STATE_FILE).is_file())


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Returns the tensors, by file and name, and the plain part of a checkpoint.

    Raises `CheckpointError` when a file is missing, damaged or of another format.
    """
    remedy = "Remove this folder to continue from the checkpoint before it."
    try:
        values: dict[str, Any] = json.loads((path / STATE_FILE).read_text())
        if values["format"] != FORMAT:
            raise CheckpointError(
                f"{path}: has format {values['format']}, but this version reads format {FORMAT}."
            )
        tensors = {}
        for name, digest in values["sha256"].items():
            content = (path / name).read_bytes()
            if sha256(content).hexdigest() != digest:
                raise CheckpointError(f"{path / name}: is damaged (its SHA-256 differs). {remedy}")
            tensors[name.removesuffix(".safetensors")] = load(content)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}). {remedy}") from error
    return tensors, values


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
