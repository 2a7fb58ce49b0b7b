"""What a run says about the encoders that it was given, and whether they are what it says."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mfsn.roles import CONTINUOUS, QUANTIZED, TEC
from pretrain.model.kinds.places import encoder_place
from pretrain.model.kinds.registry import EncoderFolderError, read_encoder_folder

OF_FINETUNING = ("cer", "wer", "constant_cer", "constant_wer", "finetuned_on", "start")
"""What a CTC-fine-tuned run says about itself."""

OF_BASE = ("folder", "name", "mode", "row", "health")
"""What it says about the pre-trained encoder that it began with."""

Described = Mapping[str, Mapping[str, Any]]
"""Entries of `describe_encoder` by role."""

MODES = {QUANTIZED: "quantized", CONTINUOUS: "continuous"}
"""What the targets of an encoder must have been, where its role says so."""


def describe_encoder(folder: Path, role: str, *, given_as: str = "") -> dict[str, Any]:
    """Returns the entry of `encoders` in run.json for an encoder in its run folder, or in that of a
    released model; errors call it `given_as`, or `--ROLE`.

    In these plain values `kind` is what made it (pretrain, finetune, released, ...; empty if its
    folder does not say); `mode` the targets that it was trained on; `finetuned` whether it was
    fine-tuned on transcripts (None if unknown), and then `cer` and `constant_cer` are its error
    rate and that of the best constant answer; `health` the findings of its training; `base`, where
    it was fine-tuned, the same of the encoder that it began with. Raises `EncoderFolderError`: the
    folder is missing, holds no weights, or its run is not finished.
    """
    place = encoder_place(folder, option=f"--{role}")
    held = read_encoder_folder(place.folder, called=given_as or f"`--{role}`")
    said, run = held.described, held.described.record
    revision = {"revision": place.revision} if place.revision else {}
    described: dict[str, Any] = {
        "folder": str(held.path),
        "name": place.name or said.name,
        "kind": said.made_by,
        "mode": said.mode,
        "row": dict(run.get("row") or {}),
        "hashes": {**(run.get("hashes") or {}), "files": held.digest(), **revision},
        "released": not run,
        "finetuned": said.finetuned,
        "health": list(run.get("health") or []),
    }
    described.update({key: run[key] for key in (*OF_FINETUNING, "presentation") if key in run})
    if said.made_by == "finetune" and isinstance(base := run.get("encoder"), dict):
        described["base"] = {key: base.get(key) for key in OF_BASE}
    return described


def check_modes(described: Described) -> None:
    """Compares what encoders were trained on with what their roles say. Raises
    `EncoderFolderError`: an encoder has another mode than its option is for. One that does not say
    its mode is taken, see `doubts`."""
    for role, wanted in MODES.items():
        entry = described.get(role)
        if entry is None or entry["mode"] in ("", wanted):
            continue
        remedy = f"Give the folder of a row that was pre-trained with {wanted} targets."
        if [described.get(r, {}).get("mode") for r in reversed(MODES)] == list(MODES.values()):
            remedy = "The two folders are exchanged: give each to the other option."
        raise EncoderFolderError(
            f"`--{role}` must be an encoder with {wanted} targets, but the mode of "
            f"{entry['folder']} is {entry['mode']!r} instead. {remedy}"
        )


def doubts(described: Described) -> list[str]:
    """Returns, and prints, what a reader of the numbers has to know about the encoders, one
    sentence each. It is `warnings` in run.json."""
    found: list[str] = []
    role_of: dict[str, str] = {}
    for role, entry in described.items():
        other = role_of.setdefault(entry["hashes"]["files"], role)
        if other != role:
            found.append(
                f"The encoders {other} and {role} are the same: two streams with one content."
            )
    for role, entry in described.items():
        who = f"The encoder {role} ({entry['folder']})"
        if role in MODES and not entry["mode"]:
            found.append(f"{who} does not say what its targets were; it is taken as {MODES[role]}.")
        if role == TEC:
            found += _of_text(who, entry)
        elif entry["finetuned"]:
            found.append(
                f"{who} was fine-tuned on transcripts: it is no SEC encoder as it was pre-trained, "
                "and says nothing about its targets."
            )
        found += _of_health(who, entry)
    for sentence in found:
        print(f"warning: {sentence}", flush=True)
    return found


def _of_text(who: str, entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["finetuned"] is None:
        yield f"{who} does not say whether it was ever fine-tuned on transcripts."
    elif not entry["finetuned"]:
        yield (
            f"{who} was never fine-tuned on transcripts, so that it is no encoder of text: what "
            "is said of TEC is not shown by it. Fine-tune it with pretrain/finetune.py."
        )
    cer, constant = entry.get("cer"), entry.get("constant_cer")
    if cer is None:
        return
    if constant is not None and cer >= constant:
        yield (
            f"{who} has a CER of {cer:.1%}, no better than the best constant answer's "
            f"{constant:.1%}: it has not learned to read speech, so that it brings no text."
        )
    elif cer >= 1.0:
        yield (
            f"{who} has a CER of {cer:.1%}, as if it answered nothing: it has not learned to read "
            "speech, so that it brings no text."
        )


def _of_health(who: str, entry: Mapping[str, Any]) -> Iterator[str]:
    base = entry.get("base") or {}
    from_base = f"{who} began with {base.get('name')}, which"
    for whose, findings in ((who, entry.get("health")), (from_base, base.get("health"))):
        found = [finding for finding in findings or () if isinstance(finding, Mapping)]
        if not found:
            continue
        more = f" ({len(found) - 1} more findings in its run.json)" if len(found) > 1 else ""
        yield (
            f"{whose} was not healthy at update {found[0].get('update')} of its training{more}, so "
            "that scores may say nothing about its targets: "
            f"{found[0].get('meaning') or found[0].get('metric')}"
        )
