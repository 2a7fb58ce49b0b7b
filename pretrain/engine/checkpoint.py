"""Checkpoints: written to the side, completed, then renamed; never half a checkpoint.

Every byte of one is covered by a digest: those of the tensors stand in state.json, and that of
state.json in state.sha256 (`sha256sum -c` reads it). What former versions wrote lacks the latter.
"""

import json
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pretrain.shared.atomic_files import sync
from pretrain.shared.errors import UserError
from pretrain.shared.json_files import JsonError, Schema, read_object

FORMAT = 2

WITHOUT_STATE_DIGEST = 1
"""The format before, whose state.json has no digest of its own."""

STATE_FILE = "state.json"

DIGEST_FILE = "state.sha256"

REMEDY = "Remove this folder to continue from the checkpoint before it."


class _State(Schema):
    """state.json; what else is in it is for whoever saved it."""

    format: int
    update: int
    sha256: dict[str, str]


class CheckpointError(UserError):
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
    final = folder / _name(update)
    partial = folder / f".partial-{final.name}"
    try:
        for left in folder.glob(".partial-*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        digests = {}
        for name, group in tensors.items():
            content = save({key: value.detach().cpu().contiguous() for key, value in group.items()})
            digests[f"{name}.safetensors"] = sha256(content).hexdigest()
            _write_durably(partial / f"{name}.safetensors", content)
        state = {"format": FORMAT, "update": update, "sha256": digests, **values}
        content = json.dumps(state, indent=1).encode()
        _write_durably(partial / STATE_FILE, content)
        _write_durably(partial / DIGEST_FILE, _digest_line(content))
        if final.exists():
            _remove(final)
        os.replace(partial, final)
        sync(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"{final}: the checkpoint could not be written ({error.strerror}). Earlier checkpoints "
            f"are untouched; make room and start the same command again."
        ) from error
    for old in list_checkpoints(folder)[:-keep]:
        _remove(old)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Returns the complete checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("update-*") if (path / STATE_FILE).is_file())


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Returns the tensors, by file and name, and the plain part of a checkpoint.

    Raises `CheckpointError` when a file is missing, damaged or of another format.
    """
    values = _read_state(path)
    return {
        name.removesuffix(".safetensors"): _load(path, name, digest)
        for name, digest in values["sha256"].items()
    }, values


def load_file_of_checkpoint(path: Path, name: str) -> dict[str, Tensor]:
    """Returns the tensors of one file of a checkpoint; raises `CheckpointError` as the whole."""
    digests = _read_state(path)["sha256"]
    if name not in digests:
        raise CheckpointError(f"{path}: has no {name}. {REMEDY}")
    return _load(path, name, digests[name])


def _read_state(path: Path) -> dict[str, Any]:
    try:
        # Covered by its digest; and scores of a search may be undefined.
        values = read_object(path / STATE_FILE, _State, allow_nan=True)
    except JsonError as error:
        raise CheckpointError(f"{error} {REMEDY}") from error
    if values["format"] not in (FORMAT, WITHOUT_STATE_DIGEST):
        raise CheckpointError(
            f"{path}: has format {values['format']}, but this version reads format {FORMAT}."
        )
    try:
        has_digest = values["format"] != WITHOUT_STATE_DIGEST or (path / DIGEST_FILE).exists()
        if has_digest and (path / DIGEST_FILE).read_bytes() != _digest_line(
            (path / STATE_FILE).read_bytes()
        ):
            raise CheckpointError(
                f"{path / STATE_FILE}: is damaged (its SHA-256 is not that in {DIGEST_FILE}). "
                f"{REMEDY}"
            )
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error}). {REMEDY}") from error
    if path.name != _name(values["update"]):
        raise CheckpointError(
            f"{path}: says that it is of update {values['update']}, which is not its name. {REMEDY}"
        )
    return values


def _load(path: Path, name: str, digest: str) -> dict[str, Tensor]:
    if Path(name).name != name:
        raise CheckpointError(f"{path}: names the file {name!r}, which is not in it. {REMEDY}")
    try:
        content = (path / name).read_bytes()
        if sha256(content).hexdigest() != digest:
            raise CheckpointError(f"{path / name}: is damaged (its SHA-256 differs). {REMEDY}")
        return load(content)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}). {REMEDY}") from error


def _name(update: int) -> str:
    return f"update-{update:08d}"


def _digest_line(content: bytes) -> bytes:
    return f"{sha256(content).hexdigest()}  {STATE_FILE}\n".encode()


def _remove(checkpoint: Path) -> None:
    """Takes a checkpoint away at once: no kill leaves one of which files are missing."""
    aside = checkpoint.with_name(f".partial-{checkpoint.name}-old")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(checkpoint, aside)
    shutil.rmtree(aside, ignore_errors=True)


def _write_durably(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    sync(path)
