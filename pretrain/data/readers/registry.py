"""The corpora known by name, and what a spec says that names one. Nothing heavy is imported here.

A corpus is a module with a `pretrain.data.readers.reader.Reader`, and one line in a registry: here,
or in `probe.corpora.registry` if it has emotion labels. All else follows from these two: messages
and `--help` name it, and the first line of its module says what it is.
"""

import ast
import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from pretrain.data.tables.columns import take_columns
from pretrain.shared.errors import InputError

SYNTHETIC = "synthetic"
"""The embedded corpus, which has no path."""

READERS: dict[str, str] = {
    "folder": "pretrain.data.readers.folder:READER",
    "librispeech": "pretrain.data.readers.librispeech:READER",
}
"""Name to `module:attribute`, in the order in which commands name them."""

SUFFIXES = (".csv", ".tsv")
"""Endings, in lower case, of files that are read as tables."""

MANIFESTS = ("manifest.csv", "manifest.tsv")
"""What a folder's manifest is called; the first that is there."""


def corpus_help() -> str:
    """Returns what `--corpus` of a command takes that needs sound alone."""
    return f"{SYNTHETIC}, {spec_forms(READERS)} or NAME=manifest.csv"


def spec_forms(names: Iterable[str]) -> str:
    """Returns how these corpora are given: `emodb=PATH, ravdess=PATH`."""
    return ", ".join(f"{name}=PATH" for name in names)


def summary_of(entry: str) -> str:
    """Returns the first line of the module that a registry's `entry` names, without importing it
    (`--help` does without pandas)."""
    found = find_spec(entry.partition(":")[0])
    assert found is not None, f"The registry names {entry}, which is not there."
    assert found.origin is not None
    text = ast.get_docstring(ast.parse(Path(found.origin).read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A corpus spec taken apart."""

    name: str
    """Becomes the column `source`."""

    path: Path | None = None
    """None for the synthetic corpus."""

    options: dict[str, str] = field(default_factory=dict)
    """Of the synthetic corpus."""

    columns: dict[str, str] = field(default_factory=dict)
    """Of a manifest: known name to its own, see `pretrain.data.tables.columns`."""

    def manifest(self, known: Collection[str]) -> Path | None:
        """Returns the manifest that the spec names; None for corpora `known` by their own layout,
        and for the synthetic one."""
        if self.path is None:
            return None
        if self.path.suffix.lower() in SUFFIXES:
            # A folder may be called x.csv.
            return self.path / MANIFESTS[0] if self.path.is_dir() else self.path
        if self.name in known:
            return None
        places = (self.path / name for name in MANIFESTS)
        return next((place for place in places if place.is_file()), None)


def parse_spec(spec: str, *, known: tuple[str, ...]) -> Spec:
    """Takes `NAME=PATH`, `NAME[path=file]=PATH` or `synthetic:key=value,...` apart; raises
    `ValueError` if it is none of them."""
    text, columns = take_columns(spec.strip())
    name = re.split(r"[:=]", text, maxsplit=1)[0]
    if name == SYNTHETIC:
        if columns:
            raise InputError(
                f"The synthetic corpus has columns of its own, but {spec!r} maps them."
            )
        return Spec(name=name, options=_options(text))
    name, equals, path = text.partition("=")
    if not equals and Path(text).expanduser().exists():
        raise InputError(
            f"A corpus must be given as NAME=PATH, but is only the path {text!r} instead. "
            f"Write folder={text}, or NAME={text} if there is a manifest."
        )
    if not equals and text in known:
        raise InputError(f"The corpus {text} must be given with its place: {text}=PATH.")
    if not equals:
        names = (SYNTHETIC, *known)
        raise InputError(
            f"A corpus must be `{SYNTHETIC}` or NAME=PATH, but is {text!r} instead."
            f"{did_you_mean(text.lower().split(':')[0], names)} Known names are: "
            f"{', '.join(names)}."
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise InputError(
            f"A corpus's name must consist of letters, digits, _, . and -, but is {name!r} instead "
            f"(in {spec!r})."
        )
    if not path.strip():
        raise InputError(f"A corpus must be given as NAME=PATH, but {spec!r} has no path.")
    parsed = Spec(name=name, path=Path(path.strip()).expanduser(), columns=columns)
    if columns and parsed.manifest(known) is None and name in known:
        raise InputError(
            f"Columns are of manifests, but {name} is read in its own layout (in {spec!r}). Leave "
            "--columns out; where only some corpora have a manifest, write "
            "NAME[path=file]=FILE.csv for those."
        )
    return parsed


def unknown_corpus(spec: Spec, *, known: tuple[str, ...]) -> InputError:
    """Returns the error for a name that is not known and a path that is no manifest."""
    names = (SYNTHETIC, *known)
    if spec.path is None or not spec.path.exists():
        state = f"{spec.path} does not exist"
    elif spec.path.is_dir():
        state = f"{spec.path} holds no manifest.csv"
    else:
        state = f"{spec.path} is not a .csv file (or .tsv)"
    return InputError(
        f"The corpus {spec.name!r} is not known, and {state}."
        f"{did_you_mean(spec.name.lower(), names)} Known are: {', '.join(names)}. Any other name "
        f"needs a manifest: {spec.name}=FILE.csv, or {spec.name}=FOLDER with a manifest.csv in it; "
        "for a folder of audio without one, write folder=PATH."
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns the question whether one of the `known` names was meant, or the empty string."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _options(text: str) -> dict[str, str]:
    rest = text[len(SYNTHETIC) :]
    if rest.startswith("="):
        raise InputError(
            f"The synthetic corpus has no path, but is {text!r} instead. "
            f"Write `{SYNTHETIC}` or `{SYNTHETIC}:hours=0.5,seed=0`."
        )
    options: dict[str, str] = {}
    for part in filter(None, rest[1:].split(",")):
        key, equals, value = part.partition("=")
        if not equals or key.strip() in options:
            raise InputError(
                f"Options of the synthetic corpus must be key=value, each once, but {part!r} is "
                f"not (in {text!r})."
            )
        options[key.strip()] = value.strip()
    return options
