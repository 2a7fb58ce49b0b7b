"""A study as it was registered: what is run and asked, fixed before there are results. No torch."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pretrain.shared.atomic_files import replace_text
from pretrain.shared.errors import InputError
from pretrain.shared.json_files import hash_of
from pretrain.shared.toml_files import parse_toml

Name = Annotated[str, Field(min_length=1, max_length=100)]
Names = Annotated[list[Name], Field(min_length=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
Level = Annotated[float, Field(gt=0, lt=1)]


class Part(BaseModel):
    """A table of the file: unknown keys are refused, and so are values of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class RegisteredFile(Part):
    """A whole study file, of whatever kind."""

    @property
    def hash(self) -> str:
        """Of all that it says; comments are free."""
        return hash_of(self.model_dump(mode="json"))


StudyT = TypeVar("StudyT", bound=RegisteredFile)


class Rows(Part):
    """What is pre-trained."""

    folder: Name
    """Of the rows' TOML files, in the project."""

    compared: Names
    """Rows that contrasts are about; their names are those of their files."""

    controls: list[Name] = []
    seeds: Seeds
    control_seeds: list[int] = []
    """Seeds of the controls, of `seeds`."""


class Pretraining(Part):
    """With which settings, beside those of the rows."""

    config: list[Name] = []
    set: list[Name] = []


class Probing(Part):
    """On what, and how."""

    corpora: Names
    protocol: Name
    head: Name
    head_set: list[Name] = []
    precision: Literal["fp32", "bf16"] = "fp32"


class Slope(Part):
    """The primary question: how the endpoint depends on what the target keeps of the frame."""

    rows: Annotated[list[Name], Field(min_length=3)]
    """Regressed on the share of variance that their targets keep."""


class Contrast(Part):
    """A planned comparison: `first` minus `second`."""

    first: Name
    second: Name
    """A row, or `untrained`."""

    isolates: Name
    """What differs between the two, in words."""

    @property
    def name(self) -> str:
        return f"{self.first} - {self.second}"

    @property
    def rows(self) -> tuple[str, str]:
        return self.first, self.second


class Decision(Part):
    """When which word is said."""

    alpha: Level = 0.05
    """Of two-sided tests after Holm, over the primary question and all contrasts."""

    equivalence_margin: Annotated[float, Field(gt=0, le=100)]
    """In points: largest x at which "equal within x points" is said."""


class Gate(Part):
    """What counts as learned: more than the control explains on held-out speech."""

    control: Name


class Study(RegisteredFile):
    """A study of pre-trained rows."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
    question: Annotated[str, Field(min_length=1, max_length=300)]
    endpoint: Literal["ua"] = "ua"
    """At the layer that dev speakers chose, the corpora weighted by their numbers of speakers."""

    rows: Rows
    pretraining: Pretraining
    probing: Probing
    primary: Slope | None = None
    """None where the first contrast is the primary question."""

    contrasts: Annotated[list[Contrast], Field(min_length=1)]
    decision: Decision
    gate: Gate

    @model_validator(mode="after")
    def check_names(self) -> "Study":
        known = {*self.rows.compared, *self.rows.controls, UNTRAINED}
        asked = [*(self.primary.rows if self.primary else ()), self.gate.control]
        asked += [name for one in self.contrasts for name in one.rows]
        for name in asked:
            if name not in known:
                raise ValueError(f"the row {name!r} is in none of `rows.compared`, `rows.controls`")
        if extra := set(self.rows.control_seeds) - set(self.rows.seeds):
            raise ValueError(f"`rows.control_seeds` has {sorted(extra)}, which `rows.seeds` lacks")
        return self

    def rows_at(self, seed: int) -> list[str]:
        """Returns the rows of one seed."""
        return [
            *self.rows.compared,
            *(self.rows.controls if seed in self.rows.control_seeds else ()),
        ]


REGISTERED = "study.toml"
"""In the study's folder: the file as it was at the first start."""

UNTRAINED = "untrained"
"""In a contrast: the encoder at its initial weights."""


def read_study(path: Path) -> Study:
    """Reads a study file; raises as `read_registered`."""
    return read_registered(path, Study)


def study_of(content: dict[str, Any], place: str) -> Study:
    """Returns the study that plain values describe; raises as `read_registered`."""
    return registered_of(content, place, Study)


def read_registered(path: Path, kind: type[StudyT]) -> StudyT:
    """Reads the file of a study of this kind.

    Raises:
        InputError: It cannot be read, or says what no study can; every fault is named.
    """
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a study: {error}") from error
    return registered_of(content, str(path), kind)


def registered_of(content: dict[str, Any], place: str, kind: type[StudyT]) -> StudyT:
    """Returns the study that plain values describe; raises as `read_registered`."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = [
            f"  {'.'.join(map(str, fault['loc'])) or 'the study'}: {fault['msg']}"
            for fault in error.errors(include_url=False)
        ]
        raise InputError(f"{place}: is no study:\n" + "\n".join(faults)) from error


def register(study: RegisteredFile, file: Path, folder: Path, option: str) -> None:
    """Keeps the file of a study in its folder at the first start, and refuses another one later.

    Args:
        study: What it says.
        file: Where it was read.
        folder: Of the study's results.
        option: Of the command line, by which another folder is given.

    Raises:
        InputError: The file has changed since.
    """
    kept = folder / REGISTERED
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        replace_text(kept, file.read_text(encoding="utf-8"))
        return
    before = read_registered(kept, type(study))
    if before.hash != study.hash:
        raise InputError(
            f"{file}: has changed since this study was started (as it was: {kept}):\n  "
            + "\n  ".join(differences(before, study))
            + f"\nSet it back, or register another study under another {option}."
        )


def differences(before: RegisteredFile, now: RegisteredFile) -> list[str]:
    """Returns what changed, a sentence for each table of the file."""
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    return [f"{key}: {old[key]!r}, now {new[key]!r}" for key in new if old[key] != new[key]]
