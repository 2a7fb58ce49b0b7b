"""run.json: how it is read, and what its readers expect in it. No torch.

`kind` says what wrote it. The errors of its readers name the file and the fault; each adds what its
own users can do.
"""

from pathlib import Path
from typing import Any

from pretrain.shared.json_files import Object, Schema, read_object

RUN_FILE = "run.json"


class EncoderRecord(Schema):
    """Of any version: what is missing was not known, or needs not be."""

    kind: str = ""
    status: str = "finished"
    name: str = ""
    seed: int = 0
    mode: str = ""
    row: dict[str, Any] | None = None
    presentation: dict[str, Any] | None = None
    comparison: dict[str, Any] | None = None
    hashes: dict[str, str | None] | None = None
    settings: dict[str, Any] | None = None
    encoder: dict[str, Any] | None = None
    train_seconds: float = 0.0


class RunRecord(EncoderRecord):
    """What a run must say of itself to be continued or reused."""

    status: str
    settings: dict[str, Any]


class ReportedRecord(Schema):
    """Of any kind and version, for reports; the rest is for those who read its kind."""

    kind: str
    format: int | None = None
    status: str | None = None
    name: str | None = None
    mode: str | None = None
    row: dict[str, Any] | None = None
    presentation: dict[str, Any] | None = None
    collapse_rules: list[dict[str, Any]] | None = None
    comparison: dict[str, Any] | None = None
    hashes: dict[str, Any] | None = None
    health: list[dict[str, Any]] | None = None
    notes: list[str] | None = None
    contamination: list[dict[str, Any]] | None = None
    corpus: dict[str, Any] | None = None
    encoder: dict[str, Any] | None = None
    encoders: dict[str, dict[str, Any]] | None = None
    faults: list[str] | None = None
    git: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None
    settings: dict[str, Any] | None = None
    held_out: dict[str, Any] | None = None
    variants: list[dict[str, Any]] | None = None
    audio_hours: float | None = None
    train_seconds: float | None = None
    updates: int | None = None


def has_record(folder: Path) -> bool:
    """Tells whether the folder has a run.json, of whatever kind."""
    return (folder / RUN_FILE).is_file()


def read_record(
    folder: Path, schema: type[Schema] = EncoderRecord, *, allow_nan: bool = True
) -> Object:
    """Returns run.json of a folder as it is there, with all that `schema` wants of it: one of the
    classes above, or of a kind that has its own. Former versions wrote what was not finite as
    Python does (`allow_nan`). Raises `JsonError` when there is none, or it is not so."""
    return read_object(folder / RUN_FILE, schema, allow_nan=allow_nan)


def find_record(folder: Path, schema: type[Schema] = EncoderRecord) -> Object:
    """Returns what `read_record` does; nothing where there is no run.json, as in a folder to which
    only an encoder was copied."""
    return read_record(folder, schema) if has_record(folder) else {}
