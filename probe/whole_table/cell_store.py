"""Cells of Table 4 that are kept: one row and seed on one corpus, under one protocol and head.

A cell's file is named after a hash of everything that its numbers depend on. So whatever is added
to the table later, a seed, a row, a corpus, leaves the files of the others as they are, and a cell
whose encoder, labels, folds or version of its numbers have changed has no file yet.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from pretrain.engine.provenance import git_state, package_versions
from pretrain.model.kinds.registry import RUN, read_encoder_folder
from pretrain.model.weights import INITIAL_WEIGHTS_FILE, SETTINGS_FILE, WEIGHTS_FILE
from pretrain.shared.atomic_files import replace_text
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import Schema, hash_of, read_object
from pretrain.shared.numbers_version import versions_of
from pretrain.shared.paths import file_name
from probe.features.acoustic import make_acoustic
from probe.features.baselines import CONSTANT, LOG_MEL, LogMelFeatures
from probe.folds.protocols import protocol_name
from probe.heads.linear import Evaluation
from probe.heads.settings import Head
from probe.rows.comparable import BASELINE, EncoderRun
from probe.rows.evaluate_row import STAGES, Corpus, device

FORMAT = 1


class CellError(InputError):
    """A kept cell cannot be read; the message names its file."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """A corpus under a protocol and a head: what the cells of one column share."""

    corpus: Corpus
    protocol: str
    head: Head
    bf16: bool

    @property
    def folder_name(self) -> str:
        return f"{protocol_name(self.protocol)}-{self.head.label}"

    def __str__(self) -> str:
        return f"{self.corpus.name}, {protocol_name(self.protocol)}, {self.head.label}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What a cell's file holds."""

    evaluation: Evaluation
    git: dict[str, Any]
    """Of the code that computed it, see `git_state`."""

    packages: dict[str, str]
    """That computed it, see `package_versions`."""


class CellRecord(Schema):
    """A cell's file."""

    inputs: dict[str, Any]
    seconds: float
    git: dict[str, Any]
    packages: dict[str, str]
    evaluation: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cell:
    """One row of one column."""

    run: EncoderRun
    setting: Setting
    corpus_inputs: Mapping[str, Any]
    """As `inputs_of_corpus` gave them; hashing a corpus for every cell would be slow."""

    folder: Path
    """Holds all cells."""

    @property
    def seed_text(self) -> str:
        """Empty where every seed has the same cell."""
        return f", seed {self.run.seed}" if self.weights else ""

    @property
    def weights(self) -> tuple[Path, ...]:
        """The encoder's files that the numbers depend on; none for baselines without one."""
        if self.run.folder is None:
            return ()
        if self.run.kind != RUN:
            return read_encoder_folder(self.run.folder).files
        initial = self.run.group == BASELINE
        name = INITIAL_WEIGHTS_FILE if initial else WEIGHTS_FILE
        return (self.run.folder / SETTINGS_FILE, self.run.folder / name)

    @property
    def _key(self) -> str:
        """Of the features of a baseline without an encoder."""
        if self.run.name in (CONSTANT, LOG_MEL):
            return LogMelFeatures.key
        return make_acoustic(self.run.name).key

    @property
    def inputs(self) -> dict[str, Any]:
        """Everything that the numbers depend on, in plain values; the encoder must be finished."""
        return {
            "format": FORMAT,
            "row": [self.run.name, self.run.group],
            # The heads draw nothing from it: only weights differ between seeds.
            "seed": self.run.seed if self.weights else "any",
            "weights": [_file_hash(path) for path in self.weights] or [self._key],
            "corpus": dict(self.corpus_inputs),
            "head": self.setting.head.described(),
            "bf16": self.setting.bf16,
            "numbers": versions_of(*STAGES, self.setting.head.name),
            "torch": torch.__version__,
            "device": device().type,
        }

    @property
    def path(self) -> Path:
        """The file that holds it, or will; the encoder must be finished."""
        seed = f"-seed{self.run.seed}" if self.weights else ""
        name = f"{file_name(self.run.name)}{seed}-{hash_of(self.inputs)[:16]}.json"
        corpus = file_name(self.setting.corpus.name)
        return self.folder / corpus / self.setting.folder_name / name

    def write(self, evaluation: Evaluation, seconds: float) -> None:
        """Keeps what was computed, complete or not at all."""
        content = {
            "inputs": self.inputs,
            "seconds": round(seconds, 3),
            "git": git_state(),
            "packages": package_versions(),
            "evaluation": to_plain(evaluation),
        }
        replace_text(self.path, json.dumps(content, default=_as_python) + "\n")

    def read(self) -> Kept:
        """Returns what `write` has kept.

        Raises:
            CellError: The file is missing or damaged.
        """
        try:
            content = read_object(self.path, CellRecord, allow_nan=True)  # scores may be undefined
            if content["inputs"] != self.inputs:
                raise InputError("it is of other inputs than its name says")
            return Kept(
                evaluation=from_plain(content["evaluation"]),
                git=content["git"],
                packages=content["packages"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise CellError(
                f"{self.path} cannot be read ({error}): remove it, and the same command computes "
                "it again."
            ) from error


def inputs_of_corpus(corpus: Corpus) -> dict[str, Any]:
    """Returns what numbers depend on in a corpus: audio, labels, folds and tasks, hashed."""
    tasks = [
        [task.name, list(task.classes), blake2b(task.targets.tobytes()).hexdigest()[:32]]
        for task in corpus.tasks
    ]
    return {
        "name": corpus.name,
        "table": corpus.described["table_hash"],
        "folds": corpus.described["folds_hash"],
        "tasks": tasks,
        "attributes": [attribute.described["hash"] for attribute in corpus.attributes],
    }


def to_plain(evaluation: Evaluation) -> dict[str, Any]:
    """Returns an evaluation in values that JSON knows, but for numpy's scalars."""
    plain: dict[str, Any] = {}
    for field in fields(evaluation):
        value = getattr(evaluation, field.name)
        plain[field.name] = (
            [
                {"columns": {str(name): column.tolist() for name, column in entry.items()}}
                if isinstance(entry, pd.DataFrame)
                else entry
                for entry in value
            ]
            if isinstance(value, list)
            else value
        )
    return plain


def from_plain(plain: Mapping[str, Any]) -> Evaluation:
    """Returns the evaluation that `to_plain` was given."""
    values: dict[str, Any] = {}
    for name, value in plain.items():
        values[name] = (
            [
                pd.DataFrame(entry["columns"])
                if isinstance(entry, dict) and set(entry) == {"columns"}
                else entry
                for entry in value
            ]
            if isinstance(value, list)
            else value
        )
    return Evaluation(**values)


def _as_python(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"A cell holds plain values, but {value!r} is a {type(value).__name__}.")


def _file_hash(path: Path) -> str:
    stat = path.stat()
    return _hash_of_file(path, stat.st_mtime_ns, stat.st_size)


@cache
def _hash_of_file(path: Path, changed: int, size: int) -> str:
    """Hashes a file once for as long as it does not change."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            digest.update(piece)
    return digest.hexdigest()
