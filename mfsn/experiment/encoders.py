"""What a run says about the encoders that it was given. No torch."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, read_object
from pretrain.shared.run_record import EncoderRecord

WEIGHT_FILES = ("encoder.safetensors", "model*.safetensors")
"""Ours, and a released folder's in the format of transformers, which may be several files."""

OF_FINETUNING = ("cer", "wer", "constant_cer", "constant_wer", "finetuned_on", "start")
"""What a CTC-fine-tuned run says about itself."""

OF_BASE = ("folder", "name", "mode", "row", "health")
"""What it says about the pre-trained encoder that it began with."""

CONFIG_FILE = "config.json"
"""Of a released model."""

RELEASED_MODES = {"wav2vec2": "quantized", "data2vec-audio": "continuous"}
"""Targets of released models by their `model_type`; HuBERT's clusters are neither."""


class EncoderFolderError(InputError):
    """A folder that cannot serve as an encoder; the message names the option and the remedy."""


def describe_encoder(folder: Path, role: str, *, given_as: str = "") -> dict[str, Any]:
    """Returns the entry of `encoders` in run.json for an encoder.

    Args:
        folder: Its run folder, or that of a released model.
        role: What it is for.
        given_as: What errors call it; `--ROLE` if empty.

    Returns:
        Plain values. `kind` is what made it (pretrain, finetune, released; empty if its folder
        does not say); `mode` the targets that it was trained on; `finetuned` whether it was
        fine-tuned on transcripts (None if unknown), and then `cer` and `constant_cer` are its error
        rate and that of the best constant answer; `health` the findings of its training; `base`,
        where it was fine-tuned, the same of the encoder that it began with.

    Raises:
        EncoderFolderError: The folder is missing, holds no weights, or its run is not finished.
    """
    folder, name = folder.resolve(), given_as or f"`--{role}`"
    if not folder.is_dir():
        raise EncoderFolderError(
            f"{name} must be the folder of an encoder, but {folder} does not exist."
        )
    run = _read_run(folder, name)
    if run.get("status", "finished") != "finished":
        raise EncoderFolderError(
            f"{name} {folder}: its training is {run['status']!r}, not finished. Give the "
            "command that started it again, or choose another encoder."
        )
    weights = [path for name in WEIGHT_FILES for path in sorted(folder.glob(name))]
    if not weights:
        raise EncoderFolderError(
            f"{name} {folder} has no encoder.safetensors or model.safetensors: it must be the "
            "folder of a finished pretrain/run.py or pretrain/finetune.py, or a released model "
            "in the format of transformers with safetensors weights."
        )
    released = {} if run else _read_config(folder)
    kind = str(run.get("kind", "released" if released else ""))
    mode = run.get("mode") or RELEASED_MODES.get(str(released.get("model_type")), "")
    described: dict[str, Any] = {
        "folder": str(folder),
        "name": str(run.get("name") or folder.name),
        "kind": kind,
        "mode": str(mode),
        "row": dict(run.get("row") or {}),
        "hashes": {**(run.get("hashes") or {}), "files": _digest(folder, weights)},
        "released": not run,
        "finetuned": _is_finetuned(kind, released),
        "health": list(run.get("health") or []),
    }
    described.update({key: run[key] for key in OF_FINETUNING if key in run})
    if kind == "finetune" and isinstance(base := run.get("encoder"), dict):
        described["base"] = {key: base.get(key) for key in OF_BASE}
    return described


def _read_run(folder: Path, name: str) -> dict[str, Any]:
    """Returns the run.json of one of our own folders; a released one has none."""
    path = folder / "run.json"
    if not path.is_file():
        return {}
    try:
        run = read_object(path, EncoderRecord, allow_nan=True)
    except JsonError as error:
        raise EncoderFolderError(f"{name}: {error} Copy the encoder's folder again.") from error
    kind = run.get("kind")
    if kind not in ("pretrain", "finetune"):
        raise EncoderFolderError(
            f"{name} {folder} is not an encoder's folder: its run.json says kind {kind!r}."
        )
    return run


def _read_config(folder: Path) -> dict[str, Any]:
    """Returns the config.json of a released model; whether it can be used is found on loading."""
    try:
        return read_object(folder / CONFIG_FILE, allow_nan=True)
    except JsonError:
        return {}


def _is_finetuned(kind: str, released: Mapping[str, Any]) -> bool | None:
    if kind in ("pretrain", "finetune"):
        return kind == "finetune"
    names = released.get("architectures")
    return any("CTC" in str(name) for name in names) if isinstance(names, list) else None


def _digest(folder: Path, weights: Sequence[Path]) -> str:
    """Returns a hash of the files that an encoder's numbers depend on."""
    digest = blake2b(digest_size=16)
    others = ("encoder.json", CONFIG_FILE, "model.safetensors.index.json")
    for path in (*weights, *(folder / name for name in others)):
        if path.is_file():
            with path.open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
    return digest.hexdigest()
