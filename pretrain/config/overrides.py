"""`KEY=VALUE` of the command line, and numbers in a notation that is not meant for settings."""

import re
from collections.abc import Mapping
from typing import Any

from pretrain.shared.errors import InputError
from pretrain.shared.json_files import MAX_DEPTH, shown
from pretrain.shared.toml_files import TomlDepthError, TomlError, parse_toml

KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")

OTHER_BASE = re.compile(r"\b0[xob][0-9A-Fa-f_]+")
"""A number in hexadecimal, octal or binary, as TOML writes it."""


class OverrideError(InputError):
    """What was given as a setting is not one key with one value; the message says why."""


def parse_override(text: str) -> tuple[str, object, str]:
    """Returns key, value and the TOML text of `KEY=VALUE`; the value is TOML, or a plain string.

    Raises:
        OverrideError: There is no key, the key is not a dotted one, or the value is more than one.
    """
    key, equals, value = (part.strip(" \t") for part in text.partition("="))
    if not equals or not key:
        raise OverrideError("must be KEY=VALUE, for example optimizer.lr=1e-3.")
    # A line break would end the value, and what follows it be dropped or read as another key.
    if broken := next((c for c in text if not c.isprintable() and c != "\t"), ""):
        raise OverrideError(
            f"must be one key and one value on one line, but has the character {broken!r} in it. "
            "Give the option once for every key."
        )
    if key.count(".") >= MAX_DEPTH:
        raise OverrideError(f"the key is nested deeper than {MAX_DEPTH} levels.")
    if not KEY.fullmatch(key):
        raise OverrideError(
            "the key must be names of letters, digits and _ with single dots between, as in "
            f"optimizer.lr, but is {shown(key)} instead."
        )
    toml = f"value = {value}"
    try:
        return key, parse_toml(toml)["value"], toml
    except TomlDepthError as error:
        raise OverrideError(f"the value is {error}.") from None
    except TomlError:
        return key, value, ""


def keys_in_other_base(toml: str) -> set[str]:
    """Returns the dotted keys of a valid TOML text whose numbers are in another base than ten.

    Reading TOML loses how a number was written. So all such numbers are changed, and it is looked
    which keys change with them.
    """
    changed = OTHER_BASE.sub(lambda match: str(int(match[0], 0) + 1), toml)
    if changed == toml:
        return set()
    try:
        before, after = flatten(parse_toml(toml)), flatten(parse_toml(changed))
    except TomlError:  # it was a part of something else, as of a key
        return set()
    return {key for key, value in before.items() if after.get(key) != value}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested tables as one table with dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat
