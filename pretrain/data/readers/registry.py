"""The corpora known by name, and what commands say of them. Nothing heavy is imported here.

A corpus is a module with a `pretrain.data.readers.reader.Reader`, and one line in a registry: here,
or in `probe.corpora.registry` if it has emotion labels. All else follows from these two: messages
and `--help` name it, and the first line of its module says what it is.
"""

import ast
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

SYNTHETIC = "synthetic"
"""The embedded corpus, which has no path."""

READERS: dict[str, str] = {
    "folder": "pretrain.data.readers.folder:READER",
    "librispeech": "pretrain.data.readers.librispeech:READER",
}
"""Name to `module:attribute`, in the order in which commands name them."""


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
