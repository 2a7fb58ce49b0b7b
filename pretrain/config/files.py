"""TOML files and `--set` overrides into one settings object, with errors that name the place."""

from collections.abc import Mapping, Sequence
from json import dumps
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pretrain.config.faults import dotted_keys, explain
from pretrain.config.overrides import OverrideError, flatten, keys_in_other_base, parse_override
from pretrain.data.tables.columns import with_columns
from pretrain.shared.errors import CommandLineError, InputError
from pretrain.shared.json_files import MAX_DEPTH, shown
from pretrain.shared.toml_files import TomlDepthError, TomlError, parse_toml

__all__ = [
    "SettingsError", "SettingsOptionError", "SettingsTree", "flatten", "read_tree", "to_toml",
]  # fmt: skip

T = TypeVar("T")

Tree = dict[str, Any]


class SettingsError(InputError):
    """Settings that a user has to correct; the message says where and how."""


class SettingsOptionError(SettingsError, CommandLineError):
    """An option that is no setting, or that contradicts what else is given."""


class SettingsTree:
    """Settings as nested tables, with the source of every value (a file or `--set`)."""

    def __init__(self) -> None:
        self.values: Tree = {}
        self.sources: dict[str, str] = {}
        """By dotted key."""

        self._other_base: set[str] = set()

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
        self._other_base |= keys_in_other_base(text)

    def put(self, key: str, value: object, source: str) -> None:
        """Sets one dotted key."""
        *tables, name = key.split(".")
        if len(tables) > MAX_DEPTH:
            raise SettingsError(f"{source[:60]}...: is nested deeper than {MAX_DEPTH} levels.")
        tree: Tree = {name: value}
        for table in reversed(tables):
            tree = {table: tree}
        self._merge(self.values, tree, prefix="", source=source)

    def add_override(self, text: str, option: str = "--set") -> None:
        """Reads `key=value` as given to `option`; the value is TOML, or else a plain string."""
        try:
            key, value, toml = parse_override(text)
        except OverrideError as error:
            given = shown(text) if len(text) > 200 or not text.isprintable() else text
            raise SettingsOptionError(f"{option} {given}: {error}") from None
        self.put(key, value, f"{option} {text}")
        self._other_base |= {key + name.removeprefix("value") for name in keys_in_other_base(toml)}

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
                if not value:
                    self.sources.setdefault(key, source)
            else:
                into[name] = value
                # What was below it, if it was a table, is no more.
                for old in [old for old in self.sources if old.startswith(f"{key}.")]:
                    del self.sources[old]
                self.sources[key] = source
                self._other_base.discard(key)

    def build(self, cls: type[T], *, table: str = "", without: Sequence[str] = ()) -> T:
        """Builds `cls` from `table` (or from everything but the tables `without`).

        Raises `SettingsError` that lists every fault with its place.
        """
        values = self.values.get(table, {}) if table else self.values
        if not isinstance(values, dict):
            raise SettingsError(f"{self.sources[table]}: `{table}` must be a table, not a value.")
        values = {name: value for name, value in values.items() if name not in without}
        adapter = TypeAdapter(cls)
        prefix = f"{table}." if table else ""
        if self._other_base:
            self._refuse_other_base(dict(dotted_keys(adapter.json_schema(), prefix)))
        try:
            # As JSON, since strict types take a table for a settings class only there.
            return adapter.validate_json(dumps(values, default=str))
        except ValidationError as error:
            schema = adapter.json_schema()
            faults = [explain(dict(f), prefix, self.sources, schema) for f in error.errors()]
            raise SettingsError("\n".join(faults)) from None

    def _refuse_other_base(self, types: Mapping[str, str]) -> None:
        """Raises `SettingsError` for quantities written as addresses or bit patterns are."""
        faults = [
            f"{self.sources[key]}: `{key}` must be written as a decimal number such as 0.001, but "
            "is hexadecimal, octal or binary instead."
            for key in sorted(self._other_base)
            if types.get(key) == "number"
        ]
        if faults:
            raise SettingsError("\n".join(faults))


def read_tree(
    files: Sequence[Path],
    overrides: Sequence[str],
    corpus: str | None = None,
    columns: str | None = None,
    *,
    option: str = "--set",
) -> SettingsTree:
    """Merges TOML `files` in their order, then the `overrides`, given to `option`, then
    `--corpus`, of whose spec `--columns` becomes a part."""
    tree = SettingsTree()
    for path in files:
        tree.add_file(path)
    for override in overrides:
        tree.add_override(override, option)
    if corpus is not None:
        tree.put("data.corpus", corpus, f"--corpus {corpus}")
    if columns is not None:
        data = tree.values.get("data")
        spec = data.get("corpus") if isinstance(data, dict) else None
        if not isinstance(spec, str):
            raise SettingsOptionError(
                f"--columns {columns}: is of a manifest, but there is no --corpus."
            )
        tree.put("data.corpus", with_columns(spec, columns), f"--columns {columns}")
    return tree


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
