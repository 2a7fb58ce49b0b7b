"""TOML text: the one way to read it, with every fault in one sentence."""

import re
import tomllib
from typing import Any

from pretrain.shared.errors import InputError
from pretrain.shared.json_files import MAX_DEPTH, fault_of_plain

_LONG_KEY = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]++\s*+\.\s*+){{{MAX_DEPTH}}}")
"""Python's reader needs minutes for a dotted key of a hundred thousand parts."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


class TomlError(InputError):
    """TOML that is no TOML; the message says where."""


class TomlDepthError(TomlError):
    """TOML that is nested too deep to be settings."""


def parse_toml(text: str) -> dict[str, Any]:
    """Returns the tables in `text`.

    Raises:
        TomlError: It is not TOML, or nested deeper than `MAX_DEPTH` levels.
    """
    if _LONG_KEY.search(text):
        raise TomlDepthError(_TOO_DEEP)
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise TomlDepthError(_TOO_DEEP) from error
    except ValueError as error:
        # Integers of thousands of digits are a ValueError too.
        raise TomlError(str(error)) from error
    if "nested" in fault_of_plain(values, allow_nan=True):
        raise TomlDepthError(_TOO_DEEP)
    return values
