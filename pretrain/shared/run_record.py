"""What run.json of a run that trains an encoder must hold for its readers. No torch."""

from typing import Any

from pretrain.shared.json_files import Schema

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
