"""A run's folder: what is in it, whether it may be continued, and its self-description."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pretrain.config.files import flatten, to_toml
from pretrain.config.settings import CHANGE_NO_NUMBER, RunSettings, without
from pretrain.engine.checkpoint import list_checkpoints
from pretrain.shared.atomic_files import replace_text
from pretrain.shared.errors import UserError
from pretrain.shared.json_files import FILES, JsonError, finite, hash_of
from pretrain.shared.processes.locks import lock
from pretrain.shared.run_record import (
    RUN_FILE,
    EncoderRecord,
    RunRecord,
    has_record,
    read_record,
)

FORMAT = 1

EARLY_FILES = {
    "settings.toml",
    "quarantine.csv",
    "encoder.json",
    "initial.safetensors",
    "utterances.csv",
    "vocabulary.json",
}
"""What a run that failed before its first update may have left behind."""


WEIGHTS_FILE = "encoder.safetensors"

_KEPT = (".safetensors", "encoder.json", "utterances.csv", "held_out.csv", "vocabulary.json")


class RunFolderError(UserError):
    """The folder cannot take this run; the message says why and what to do."""


@dataclass(frozen=True)
class RunFolder:
    """Paths and description of one run that trains an encoder."""

    path: Path

    option: str = "--out"
    """Of the command that has it, for what messages advise."""

    @property
    def description_file(self) -> Path:
        return self.path / RUN_FILE

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def description(self, schema: type[EncoderRecord] = EncoderRecord) -> dict[str, Any] | None:
        """Returns run.json, or None where there is no run yet; raises `RunFolderError` when it
        cannot be read or lacks what the schema wants."""
        if not has_record(self.path):
            return None
        try:
            return read_record(self.path, schema)
        except JsonError as error:
            raise RunFolderError(
                f"{error} Choose another {self.option}, or remove the folder."
            ) from error

    def open(self, settings: RunSettings, *, resume: bool) -> str:
        """Returns `new`, `continue` (also to make files again that a finished run has lost) or
        `finished`; raises `RunFolderError` when the folder does not
        fit."""
        description = self.description(RunRecord)
        if description is None:
            if self.path.exists() and not self.path.is_dir():
                raise RunFolderError(
                    f"{self.path}: is a file, not a folder. Choose another {self.option}."
                )
            if self.path.is_dir() and self._foreign_files():
                raise RunFolderError(
                    f"{self.path}: is not empty and holds no run. Choose another {self.option}."
                )
            return "new"
        if not resume:
            raise RunFolderError(
                f"{self.path}: already holds a run. Give --resume auto to continue or reuse it, or "
                f"choose another {self.option}."
            )
        self._check_same_settings(description, settings)
        has_checkpoint = bool(list_checkpoints(self.checkpoints))
        if description["status"] == "finished":
            # Their content is compared where it is used: it may be large.
            names = description.get(FILES) or (WEIGHTS_FILE,)
            if all((self.path / name).is_file() for name in names):
                return "finished"
            if not has_checkpoint:
                gone = next(name for name in names if not (self.path / name).is_file())
                raise RunFolderError(
                    f"{self.path}: its run is finished, but {gone} is gone, and no checkpoint is "
                    f"left to make it from. Copy it back, or choose another --out."
                )
        return "continue" if has_checkpoint else "new"

    def _check_same_settings(self, description: dict[str, Any], settings: RunSettings) -> None:
        before, now = (
            without(flatten(tree), CHANGE_NO_NUMBER)
            for tree in (description["settings"], settings.tree())
        )
        unequal = [
            f"  {key}: {before.get(key)!r} in the folder, {now.get(key)!r} now"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        ]
        if unequal:
            raise RunFolderError(
                f"{self.path}: holds a run of other settings. Choose another {self.option}, or "
                f"set these back:\n" + "\n".join(unequal)
            )

    def _foreign_files(self) -> set[str]:
        names = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}
        return names - EARLY_FILES

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out of the folder; raises `RunFolderError` when one is in it."""
        with lock(self.path / ".lock", wait=False) as is_free:
            if not is_free:
                raise RunFolderError(
                    f"{self.path}: another process is training in this folder. Wait for it, or "
                    f"choose another {self.option}."
                )
            yield

    def check_unchanged(self, what: str, now: str) -> None:
        """Raises `RunFolderError` when the run to be continued was started from another `what`
        (a key of `hashes`)."""
        before = ((self.description() or {}).get("hashes") or {}).get(what)
        if before != now:
            name = what.replace("_", " ")
            raise RunFolderError(
                f"{self.path}: the {name} changed since this run was started (hash {before}, now "
                f"{now}). Restore what it was, or choose another {self.option}."
            )

    def kept_files(self) -> list[str]:
        """Returns the names of the files that readers of a finished run rely on."""
        names = (path.name for path in self.path.iterdir() if path.is_file())
        return sorted(name for name in names if name.endswith(_KEPT))

    def start(self, settings: RunSettings) -> None:
        """Makes the folder and writes the resolved settings."""
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self.path / "settings.toml", to_toml(settings.tree()))

    def describe(self, description: dict[str, Any]) -> None:
        """Writes run.json in one step; `description` begins with the run's `kind`."""
        kind = {"kind": description["kind"], "format": FORMAT}
        text = json.dumps(finite({**kind, **description}), indent=1, allow_nan=False)
        replace_text(self.description_file, text + "\n")


def comparison_of(settings: RunSettings, corpus_hash: str) -> tuple[dict[str, Any], str]:
    """Returns what all rows of a table must share, and its hash."""
    comparison = {**settings.compared(), "corpus": corpus_hash}
    return comparison, hash_of(comparison)
