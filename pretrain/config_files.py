"""TOML files and `--set` overrides into one settings object, with errors that name the place."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from json import dumps
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pretrain.data.columns import with_columns
from pretrain.json_files import MAX_DEPTH
from pretrain.toml_files import TomlDepthError, TomlError, parse_toml

T = TypeVar("T")

Tree = dict[str, Any]


class SettingsError(ValueError):
    """Settings that a user has to correct; the message says where and how."""


class SettingsTree:
    """Settings as nested tables, with the source of every value (a file or `--set`)."""

    def __init__(self) -> None:
        self.values: Tree = {}
        self.sources: dict[str, str] = {}

    def add_file(self, path: Path) -> None:
        """Lays a TOML file over what is there; a later file wins."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise SettingsError(f"{path}: cannot be read ({reason}).") from error
        try:
            values = parse_toml(text)
        except TomlDepthError as error:
            raise SettingsError(f"{path}: must be settings, but is {error} instead.") from error
        except TomlError as error:
            raise SettingsError(f"{path}: not valid TOML: {error}.") from error
        self._merge(self.values, values, prefix="", source=str(path))

    def put(self, key: str, value: object, source: str) -> None:
        """Sets one dotted key."""
        *tables, name = key.split(".")
        if len(tables) > MAX_DEPTH:
            raise SettingsError(f"{source[:60]}...: is nested deeper than {MAX_DEPTH} levels.")
        tree: Tree = {name: value}
        for table in reversed(tables):
            tree = {table: tree}
        self._merge(self.values, tree, prefix="", source=source)

    def add_override(self, text: str) -> None:
        """Reads `key=value` as given to `--set`; the value is TOML, or else a plain string."""
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise SettingsError(f"--set {text}: must be KEY=VALUE, for example optimizer.lr=1e-3.")
        try:
            parsed = parse_toml(f"value = {value}")["value"]
        except TomlDepthError as error:
            raise SettingsError(f"--set {text[:60]}...: is {error}.") from error
        except TomlError:
            parsed = value.strip()
        self.put(key.strip(), parsed, f"--set {text}")

    def _merge(self, into: Tree, tree: Mapping[str, Any], prefix: str, source: str) -> None:
        for name, value in tree.items():
            key = prefix + name
            if isinstance(value, Mapping):
                table = into.setdefault(name, {})
                if not isinstance(table, dict):
                    raise SettingsError(
                        f"{source}: `{key}` must be a single value ({self.sources[key]} gives "
                        f"{table!r}), but a key below it is set."
                    )
                self._merge(table, value, key + ".", source)
            else:
                into[name] = value
                self.sources[key] = source

    def build(self, cls: type[T], *, table: str = "", without: Sequence[str] = ()) -> T:
        """Builds `cls` from `table` (or from everything but the tables `without`).

        Raises `SettingsError` that lists every fault with its place.
        """
        values = self.values.get(table, {}) if table else self.values
        if not isinstance(values, dict):
            raise SettingsError(f"{self.sources[table]}: `{table}` must be a table, not a value.")
        values = {name: value for name, value in values.items() if name not in without}
        adapter = TypeAdapter(cls)
        try:
            # As JSON, since strict types take a table for a settings class only there.
            return adapter.validate_json(dumps(values, default=str))
        except ValidationError as error:
            prefix = f"{table}." if table else ""
            known = set(_dotted_keys(adapter.json_schema(mode="validation"), prefix))
            faults = [self._explain(dict(fault), prefix, known) for fault in error.errors()]
            raise SettingsError("\n".join(faults)) from None

    def _explain(self, fault: Mapping[str, Any], prefix: str, known: set[str]) -> str:
        key = prefix + ".".join(str(part) for part in fault["loc"])
        inside = (src for name, src in self.sources.items() if name == key or name.startswith(key))
        source = next(inside, "settings")
        if fault["type"] == "unexpected_keyword_argument":
            close = get_close_matches(key, known, n=1, cutoff=0.6)
            table, _, _ = key.rpartition(".")
            siblings = sorted(k for k in known if k.rpartition(".")[0] == table)
            hint = f"did you mean `{close[0]}`?" if close else f"known: {', '.join(siblings)}."
            return f"{source}: unknown key `{key}`; {hint}"
        if fault["type"] == "missing":
            return f"settings: `{key}` is required but is not set."
        message = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] == "value_error":
            return f"{source}: in `{key}`: {message}" if key else f"{source}: {message}"
        return f"{source}: `{key}`: {message}, but is {fault['input']!r} instead."


def _dotted_keys(schema: Mapping[str, Any], prefix: str = "") -> Iterable[str]:
    definitions: Mapping[str, Any] = schema.get("$defs", {})

    def walk(node: Mapping[str, Any], prefix: str) -> Iterable[str]:
        if "$ref" in node:
            node = definitions[node["$ref"].rpartition("/")[2]]
        for name, child in node.get("properties", {}).items():
            yield prefix + name
            yield from walk(child, f"{prefix}{name}.")

    return walk(schema, prefix)


def read_tree(
    files: Sequence[Path],
    overrides: Sequence[str],
    corpus: str | None = None,
    columns: str | None = None,
) -> SettingsTree:
    """Merges TOML `files` in their order, then the `--set` `overrides`, then `--corpus`, of whose
    spec `--columns` becomes a part."""
    tree = SettingsTree()
    for path in files:
        tree.add_file(path)
    for override in overrides:
        tree.add_override(override)
    if corpus is not None:
        tree.put("data.corpus", corpus, f"--corpus {corpus}")
    if columns is not None:
        data = tree.values.get("data")
        spec = data.get("corpus") if isinstance(data, dict) else None
        if not isinstance(spec, str):
            raise SettingsError(f"--columns {columns}: is of a manifest, but there is no --corpus.")
        tree.put("data.corpus", with_columns(spec, columns), f"--columns {columns}")
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested tables as one table with dotted keys."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def to_toml(tree: Mapping[str, Any]) -> str:
    """Writes nested tables of plain values as TOML."""
    lines: list[str] = []

    def write(table: Mapping[str, Any], prefix: str) -> None:
        for name, value in table.items():
            if not isinstance(value, Mapping):
                lines.append(f"{name} = {_toml_value(value)}")
        for name, value in table.items():
            if isinstance(value, Mapping):
                lines.extend(("", f"[{prefix}{name}]"))
                write(value, f"{prefix}{name}.")

    write(tree, "")
    return "\n".join(lines).lstrip("\n") + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    raise TypeError(f"`value` must be a plain value, but is a {type(value).__name__} instead.")
