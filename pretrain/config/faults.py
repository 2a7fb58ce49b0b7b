"""What is wrong with settings, in sentences that name where each key at fault was set."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

NOT_SET = "settings"
"""Stands for the place of a key that nobody set."""

NAMED_KEY = re.compile(r"`([A-Za-z0-9_.]+)`")
"""How the message of a settings class names the keys that it is about."""


def sources_of(key: str, sources: Mapping[str, str]) -> list[str]:
    """Returns where `key` was set: the keys of its table, itself, or the list that it is in."""
    below = [source for name, source in sources.items() if name.startswith(f"{key}.")]
    if below:
        return list(dict.fromkeys(below))
    of_key = (sources.get(name, "") for name in (key, key.rpartition(".")[0]))
    return [source for source in of_key if source][:1]


def explain(
    fault: Mapping[str, Any],
    prefix: str,
    sources: Mapping[str, str],
    schema: Mapping[str, Any],
) -> str:
    """Returns one fault that pydantic has found as a sentence.

    Args:
        fault: Its entry.
        prefix: What keys of these settings begin with; empty, or a table and a dot.
        sources: Where each dotted key was set.
        schema: The settings class's.
    """
    key = (prefix + ".".join(str(part) for part in fault["loc"])).strip(".")
    source = ", ".join(sources_of(key, sources)) or NOT_SET
    if fault["type"] == "unexpected_keyword_argument":
        known = dict(dotted_keys(schema, prefix))
        close = get_close_matches(key, known, n=1, cutoff=0.6)
        table, _, _ = key.rpartition(".")
        siblings = sorted(k for k in known if k.rpartition(".")[0] == table)
        hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(siblings)}."
        return f"{source}: unknown key `{key}`; {hint}"
    if fault["type"] == "missing":
        return f"{NOT_SET}: `{key}` is required but is not set: give --set {key}=VALUE, or a file."
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "value_error":
        table = _table_of(key, message)
        source = _places_of_named(message, table, sources) or source
        return f"{source}: in `{table}`: {message}" if table else f"{source}: {message}"
    if fault["type"] == "dataclass_type":
        message = f"must be a table of settings such as `{key}.NAME`"
    return f"{source}: `{key}`: {message}, but is {_shown(fault['input'])} instead."


def dotted_keys(schema: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    """Returns every key of a JSON schema with its type, empty where it has several."""
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def walk(node: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str]]:
        if "$ref" in node:
            node = definitions[node["$ref"].rpartition("/")[2]]
        for name, child in node.get("properties", {}).items():
            yield prefix + name, str(child.get("type", ""))
            yield from walk(child, f"{prefix}{name}.")

    return walk(schema, prefix)


def _table_of(key: str, message: str) -> str:
    """Returns the table that a message is about: `key`, or what `key` is in if that is named."""
    table, _, name = key.rpartition(".")
    if name.isdigit():  # a place in a list
        return _table_of(table, message)
    return table if name in NAMED_KEY.findall(message) else key


def _places_of_named(message: str, table: str, sources: Mapping[str, str]) -> str:
    """Returns where the keys were set that a message about `table` names; with the keys, if they
    were set in several places."""
    keys = dict.fromkeys(f"{table}.{name}".strip(".") for name in NAMED_KEY.findall(message))
    keys_at: dict[str, list[str]] = {}
    for key in keys:
        for source in sources_of(key, sources):
            keys_at.setdefault(source, []).append(f"`{key}`")
    if len(keys_at) == 1:
        return next(iter(keys_at))
    return ", ".join(f"{source} ({', '.join(keys)})" for source, keys in keys_at.items())


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
