"""What a run says about the encoders that it was given. No torch."""

from pathlib import Path
from typing import Any

from pretrain.model.kinds.registry import read_encoder_folder

OF_FINETUNING = ("cer", "wer", "constant_cer", "constant_wer", "finetuned_on", "start")
"""What a CTC-fine-tuned run says about itself."""

OF_BASE = ("folder", "name", "mode", "row", "health")
"""What it says about the pre-trained encoder that it began with."""


def describe_encoder(folder: Path, role: str, *, given_as: str = "") -> dict[str, Any]:
    """Returns the entry of `encoders` in run.json for an encoder.

    Args:
        folder: Its run folder, or that of a released model.
        role: What it is for.
        given_as: What errors call it; `--ROLE` if empty.

    Returns:
        Plain values. `kind` is what made it (pretrain, finetune, released, ...; empty if its folder
        does not say); `mode` the targets that it was trained on; `finetuned` whether it was
        fine-tuned on transcripts (None if unknown), and then `cer` and `constant_cer` are its error
        rate and that of the best constant answer; `health` the findings of its training; `base`,
        where it was fine-tuned, the same of the encoder that it began with.

    Raises:
        EncoderFolderError: The folder is missing, holds no weights, or its run is not finished.
    """
    held = read_encoder_folder(folder, called=given_as or f"`--{role}`")
    said, run = held.described, held.described.record
    described: dict[str, Any] = {
        "folder": str(held.path),
        "name": said.name,
        "kind": said.made_by,
        "mode": said.mode,
        "row": dict(run.get("row") or {}),
        "hashes": {**(run.get("hashes") or {}), "files": held.digest()},
        "released": not run,
        "finetuned": said.finetuned,
        "health": list(run.get("health") or []),
    }
    described.update({key: run[key] for key in (*OF_FINETUNING, "presentation") if key in run})
    if said.made_by == "finetune" and isinstance(base := run.get("encoder"), dict):
        described["base"] = {key: base.get(key) for key in OF_BASE}
    return described
