"""JSON files: the one way to read them, by a schema, with every fault in one sentence. No torch.

What is refused although Python's own reader takes it, because nobody could tell what it means or a
later step would end without a sentence: other things than objects, keys given twice, nesting beyond
`MAX_DEPTH`, whole numbers that do not fit into 64 bits, and numbers that are not finite.
"""

import json
import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from pretrain.shared.errors import InputError

MAX_DEPTH = 64
"""The deepest file of ours has eight levels."""

NUM_SHOWN = 60
"""Most characters that an error shows of a wrong value."""

NUM_FAULTS = 5
"""Most faults that one error names."""

FILES = "files"
"""Key of a record under which the SHA-256 of the files beside it stand, by name."""

Object = dict[str, Any]

T = TypeVar("T")


class Schema(BaseModel):
    """What a file must hold for its reader; other keys are the business of other readers.

    A field with a default may be missing, as it is in what former versions wrote.
    """

    model_config = ConfigDict(strict=True, extra="allow")


class JsonError(InputError):
    """JSON that cannot be used; the message names the file and the fault."""


def read_object(path: Path, schema: type[Schema] = Schema, *, allow_nan: bool = False) -> Object:
    """Reads the JSON object in the file `path`, which is returned as it is there.

    Args:
        path: A file in UTF-8.
        schema: What it must hold.
        allow_nan: Whether NaN and infinities, as Python writes them, are taken: for files whose
            scores may be undefined, and for those that former versions wrote without checking.

    Raises:
        JsonError: The file cannot be read, or is not what the schema says.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JsonError(f"{path} cannot be read ({error.strerror}).") from error
    return parse_object(content, str(path), schema, allow_nan=allow_nan)


def parse_object(
    content: str | bytes, where: str, schema: type[Schema] = Schema, *, allow_nan: bool = False
) -> Object:
    """Returns the JSON object in `content` as `read_object` does; errors begin with `where`."""
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        value = json.loads(text, object_pairs_hook=_without_repeats)
    except UnicodeDecodeError as error:
        raise JsonError(f"{where}: is not UTF-8 text (byte {error.start}).") from error
    except _RepeatedKeyError as error:
        raise JsonError(f"{where}: has the key `{error}` twice in one object.") from error
    except RecursionError as error:
        raise JsonError(f"{where}: is nested deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:
        raise JsonError(f"{where}: is not valid JSON ({error}).") from error
    if fault := fault_of_plain(value, allow_nan=allow_nan):
        raise JsonError(f"{where}: {fault}.")
    if not isinstance(value, dict):
        raise JsonError(f"{where}: must hold a JSON object, but holds {shown(value)} instead.")
    if schema is not Schema:
        made_of(schema, value, where)
    return value


def made_of(cls: type[T], values: Mapping[str, Any], where: str, table: str = "") -> T:
    """Builds a schema or settings class of plain values.

    Raises:
        JsonError: It begins with `where` and names the keys at fault, below `table`.
    """
    try:
        return cls.model_validate(values) if issubclass(cls, Schema) else cls(**values)
    except ValidationError as error:
        prefix = f"{table}." if table else ""
        faults = [_explain(dict(fault), prefix) for fault in error.errors(include_url=False)]
        more = f" (and {len(faults) - NUM_FAULTS} more)" if len(faults) > NUM_FAULTS else ""
        raise JsonError(f"{where}: {'; '.join(faults[:NUM_FAULTS])}{more}.") from None


def fault_of_plain(value: object, *, allow_nan: bool = False) -> str:
    """Says what of plain values is too deep, too large or not finite; "" if nothing is."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        inside: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inside.extend(item.values())
            elif isinstance(item, list):
                inside.extend(item)
            elif isinstance(item, float):
                if not (allow_nan or math.isfinite(item)):
                    return f"numbers must be finite, but one is {item} instead"
            elif isinstance(item, int) and not -(2**63) <= item < 2**63:
                return f"whole numbers must fit into 64 bits, but one is {shown(item)} instead"
        level = inside
        if not level:
            return ""
    return f"is nested deeper than {MAX_DEPTH} levels"


def finite(value: Any) -> Any:
    """Returns plain values with None for every number that JSON cannot hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def hash_of(content: object) -> str:
    """Returns a short hash of plain values, the same in every process."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def digests_of(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Returns the SHA-256 of files in `folder`, by name: what a record says under `FILES`."""
    return {name: _digest(folder / name) for name in names}


def changed_files(folder: Path, record: Mapping[str, Any], only: Sequence[str] = ()) -> list[str]:
    """Returns the names of files in `folder` that are gone or other than its `record` says: of
    all, or of `only` these. Records of former versions say nothing, and nothing is found.
    """
    said = record.get(FILES)
    changed = []
    for name, digest in said.items() if isinstance(said, dict) else ():
        if only and name not in only:
            continue
        try:
            is_same = Path(name).name == name and _digest(folder / name) == digest
        except OSError:
            is_same = False
        if not is_same:
            changed.append(name)
    return changed


def shown(value: object) -> str:
    """Returns `value` as an error shows it: not all of a long one."""
    if isinstance(value, list | dict) and value:
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "a number of many digits"
    text = repr(value)
    return text if len(text) <= NUM_SHOWN else text[:NUM_SHOWN] + "..."


class _RepeatedKeyError(Exception):
    """Its text is the key."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> Object:
    made: Object = {}
    for key, value in pairs:
        if key in made:
            raise _RepeatedKeyError(key[:NUM_SHOWN])
        made[key] = value
    return made


def _explain(fault: Mapping[str, Any], prefix: str) -> str:
    key = (prefix + ".".join(map(str, fault["loc"]))).rstrip(".")
    if fault["type"] == "missing":
        return f"`{key}` is missing"
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"unknown key `{key}`"
    message = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
    if fault["type"] == "value_error":
        return f"`{key}`: {message}" if key else message
    return f"`{key}`: {message}, but is {shown(fault['input'])} instead"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
