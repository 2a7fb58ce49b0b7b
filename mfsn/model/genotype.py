"""A structure that a search can find: a level of speech and one operation per Fusion Cell."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict

from mfsn.model.fusion_cells import LEVELS, MAX_CELLS
from mfsn.model.operations import OPERATIONS
from pretrain.shared.atomic_files import replace_text
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema, parse_object

FORMAT = 1
MOST_STRUCTURES = 100_000
"""Of a search space that is listed; 5 cells make 98,304."""

UNKNOWN_LAYER = -1
"""Stands for the layer where only the level matters."""


class GenotypeError(InputError):
    """A genotype or its file is not one; the message names the file and the key."""


class GenotypeFile(Schema):
    """genotype.json; what values a structure may have, it says itself."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal[1]
    level: int
    layer: int
    operations: list[Any]


@dataclass(frozen=True, kw_only=True)
class Genotype:
    """One structure of the search space."""

    level: int
    """Place in `LEVELS` of the level that the Choice Cell hands on."""

    layer: int = UNKNOWN_LAYER
    """Which layer of the SEC encoder that level is; for readers, the networks need the level."""

    operations: tuple[str, ...]
    """One of `OPERATIONS` per Fusion Cell."""

    def __post_init__(self) -> None:
        if not 0 <= self.level < len(LEVELS):
            raise GenotypeError(f"`level` must be 0, 1 or 2, but is {self.level!r} instead.")
        if self.layer < UNKNOWN_LAYER:
            raise GenotypeError(
                f"`layer` must be the number of a layer or -1, but is {self.layer!r} instead."
            )
        if not self.operations:
            raise GenotypeError("`operations` must name one operation per cell, but is empty.")
        if len(self.operations) > MAX_CELLS:
            raise GenotypeError(
                f"`operations` must name at most {MAX_CELLS} operations, but names "
                f"{len(self.operations)} instead."
            )
        for name in self.operations:
            if name not in tuple(OPERATIONS):  # a name in a file may be a list
                raise GenotypeError(
                    f"`operations` must be among {', '.join(OPERATIONS)}, but has {name!r} instead."
                )

    def to_json(self) -> str:
        """Returns the text of its file."""
        return json.dumps({"format": FORMAT, **vars(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the genotype") -> "Genotype":
        """Reads what `to_json` wrote; a `GenotypeError` names `where` and the key at fault."""
        try:
            values = parse_object(text, where, GenotypeFile)
        except JsonError as error:
            raise GenotypeError(f"{error} Name the genotype.json of a search.") from error
        operations = tuple(values["operations"])
        try:
            return cls(level=values["level"], layer=values["layer"], operations=operations)
        except GenotypeError as error:
            raise GenotypeError(f"{where}: {error}") from error

    def save(self, path: Path) -> None:
        """Writes the file `path`, whole or not at all."""
        replace_text(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> "Genotype":
        """Reads the file `path`; a `GenotypeError` says what is wrong with it."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise GenotypeError(
                f"{path}: cannot be read ({error.strerror}). Name the genotype.json of a search."
            ) from error
        return cls.from_json(content, where=str(path))

    def draw(self) -> str:
        """Returns the structure as one line per step, from the streams to the head."""
        layer = "" if self.layer == UNKNOWN_LAYER else f" (layer {self.layer})"
        lines = ["T0 = TEC, last layer", f"y  = SEC, {LEVELS[self.level]} level{layer}, detached"]
        for cell, name in enumerate(self.operations, start=1):
            lines.append(f"T{cell} = {_formula(name, f'T{cell - 1}')}")
        lines.append(f"head(T{len(self.operations)}, SEC, last layer)")
        return "\n".join(lines)


def all_structures(num_cells: int, layers: Sequence[int] = (UNKNOWN_LAYER,) * 3) -> list[Genotype]:
    """Returns the whole search space of `num_cells` Fusion Cells; `layers` are the SEC encoder's
    early, middle and last. Raises `ValueError`: there are more than anyone can train."""
    num_structures = len(LEVELS) * len(OPERATIONS) ** num_cells
    if num_structures > MOST_STRUCTURES:
        raise InputError(
            f"`fusion.num_cells` must leave at most {MOST_STRUCTURES:,} structures to be trained "
            f"one by one, but {num_cells} cells make {num_structures:,} instead."
        )
    return [
        Genotype(level=level, layer=layers[level], operations=operations)
        for level in range(len(LEVELS))
        for operations in product(OPERATIONS, repeat=num_cells)
    ]


def _formula(name: str, x: str) -> str:
    if name == "zero":
        return "0"
    if name == "sum":
        return f"{x} + y"
    operation = name.removesuffix("_reverse")
    return f"{operation}({x}, y)" if operation == name else f"{operation}(y, {x})"
