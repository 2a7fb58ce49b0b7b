"""What a run says about the encoders that it was given. No torch."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pretrain.json_files import JsonError, read_object
from pretrain.run_record import EncoderRecord

WEIGHT_FILES = ("encoder.safetensors", "model*.safetensors")
"""Ours, and a released folder's in the format of transformers, which may be several files."""

OF_FINETUNING = ("cer", "wer", "finetuned_on")
"""What a CTC-fine-tuned run says about itself."""


class EncoderFolderError(ValueError):
    """A folder that cannot serve as an encoder; the message names the option and the remedy."""


def describe_encoder(folder: Path, role: str) -> dict[str, Any]:
    """Returns the entry of `encoders` in run.json for the encoder given by `--ROLE`.

    Raises:
        EncoderFolderError: The folder is missing, holds no weights, or its run is not finished.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise EncoderFolderError(
            f"`--{role}` must be the folder of an encoder, but {folder} does not exist."
        )
    run = _read_run(folder, role)
    if run.get("status", "finished") != "finished":
        raise EncoderFolderError(
            f"`--{role}` {folder}: its training is {run['status']!r}, not finished. Give the "
            "command that started it again, or choose another encoder."
        )
    weights = [path for name in WEIGHT_FILES for path in sorted(folder.glob(name))]
    if not weights:
        raise EncoderFolderError(
            f"`--{role}` {folder} has no encoder.safetensors or model.safetensors: it must be the "
            "folder of a finished pretrain/run.py or pretrain/finetune.py, or a released model "
            "in the format of transformers with safetensors weights."
        )
    described: dict[str, Any] = {
        "folder": str(folder),
        "name": str(run.get("name") or folder.name),
        "mode": str(run.get("mode", "")),
        "row": dict(run.get("row") or {}),
        "hashes": {**(run.get("hashes") or {}), "files": _digest(folder, weights)},
        "released": not run,
    }
    described.update({key: run[key] for key in OF_FINETUNING if key in run})
    return described


def _read_run(folder: Path, role: str) -> dict[str, Any]:
    """Returns the run.json of one of our own folders; a released one has none."""
    path = folder / "run.json"
    if not path.is_file():
        return {}
    try:
        run = read_object(path, EncoderRecord, allow_nan=True)
    except JsonError as error:
        raise EncoderFolderError(f"`--{role}`: {error} Copy the encoder's folder again.") from error
    kind = run.get("kind")
    if kind not in ("pretrain", "finetune"):
        raise EncoderFolderError(
            f"`--{role}` {folder} is not an encoder's folder: its run.json says kind {kind!r}."
        )
    return run


def _digest(folder: Path, weights: Sequence[Path]) -> str:
    """Returns a hash of the files that an encoder's numbers depend on."""
    digest = blake2b(digest_size=16)
    others = ("encoder.json", "config.json", "model.safetensors.index.json")
    for path in (*weights, *(folder / name for name in others)):
        if path.is_file():
            with path.open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()
