"""Numbers that others published, from TOML files: not measured here, never mixed with ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pretrain.shared.errors import InputError
from pretrain.shared.toml_files import TomlError, parse_toml

FOLDER = Path(__file__).resolve().parents[1] / "published"
"""The files that come with the project."""

Percent = Annotated[float, Field(ge=0, le=100)]


class Scores(BaseModel):
    """Of one model on one corpus, in percent; None where it is not said."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    ua: Percent | None = None
    wa: Percent | None = None


class Published(BaseModel):
    """One table of one publication."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    title: Annotated[str, Field(min_length=1)]
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    table: Annotated[str, Field(min_length=1)]
    """Which table of the publication."""

    how: Annotated[str, Field(min_length=1)]
    """What was trained on which layers, and on which folds it was tested."""

    looked_up: bool
    """Whether the numbers were read in the publication itself, rather than second-hand."""

    scores: Mapping[str, Mapping[str, Scores]]
    """Corpus, as tables here call it -> model -> scores."""


def read_published(files: Sequence[Path]) -> list[Published]:
    """Reads the project's files and `files`.

    Raises:
        InputError: A file cannot be read, or is not as `Published` says; it names file and key.
    """
    return [_read(file) for file in (*sorted(FOLDER.glob("*.toml")), *files)]


def _read(file: Path) -> Published:
    remedy = f"It must be as the files of {FOLDER} are."
    try:
        return Published.model_validate(parse_toml(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        key = ".".join(map(str, fault["loc"]))
        raise InputError(f"--published {file}: `{key}`: {fault['msg']}. {remedy}") from None
    except OSError as error:
        raise InputError(f"--published {file}: cannot be read ({error.strerror}).") from error
    except (TomlError, UnicodeDecodeError) as error:
        raise InputError(f"--published {file}: {error}. {remedy}") from error
