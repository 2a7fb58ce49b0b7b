"""What a corpus that is known by name says of itself, and the listing that its reader makes."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name

import pandas as pd

from pretrain.data.readers.genders import Genders, unknown_genders
from pretrain.data.tables.utterances import COLUMNS, LABEL_COLUMNS

FOUND_BY_SCAN = ("sample_rate", "audio_hash")


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How a corpus is read, and what its publication says of it."""

    list_files: Callable[[Path, str, Collection[str]], pd.DataFrame]
    """From (path, corpus name, options) to a listing, see `make_listing`. It may have columns
    that only this corpus has."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Of its spec, `NAME:option=PATH`: name to meaning."""

    sample_rate: int | None = None
    """As published, in Hz; copies in other rates are read too."""

    seconds: tuple[float, float] | None = None
    """Shortest and longest utterance as published, where known."""

    genders: Callable[[Path], Genders] = unknown_genders
    """From the corpus's path to the gender of its speakers."""


def reader_of(name: str, readers: Mapping[str, str]) -> Reader:
    """Imports and returns the reader of a corpus that these `readers` know."""
    reader = resolve_name(readers[name])
    assert isinstance(reader, Reader), f"{readers[name]} must be a Reader."
    return reader


def make_listing(known: pd.DataFrame) -> pd.DataFrame:
    """Returns a frame of at least `id` and `path` with every column that a scan does not find.

    Missing texts become "", missing numbers NaN, `offset` and `frames` 0 (= the whole file).
    """
    default = dict.fromkeys(LABEL_COLUMNS, float("nan")) | {"offset": 0, "frames": 0}
    missing = [name for name in COLUMNS if name not in (*FOUND_BY_SCAN, *known.columns)]
    return known.assign(**{name: default.get(name, "") for name in missing})


def path_ids(paths: Iterable[str], *, folder: Path, source: str) -> list[str]:
    """Returns `source/relative path without ending` per path; the ending stays where it matters.

    So ids name the same utterance on every machine and in a copy of another format.
    """
    relative = [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths]
    stems = [os.path.splitext(name)[0] for name in relative]
    # Of different files: a file that is cut into several utterances keeps its stem.
    num_files = pd.Series(relative).groupby(stems).nunique()
    repeated = pd.Series(stems).map(num_files) > 1
    chosen = [
        name if again else stem for name, stem, again in zip(relative, stems, repeated, strict=True)
    ]
    # Ids are hashed and printed: bytes that are not UTF-8 and control characters are spelled out.
    return [f"{source}/{_printable(name)}" for name in chosen]


def _printable(name: str) -> str:
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if text.isprintable() and text == text.strip():
        return text
    return "".join(c if c.isprintable() and c != " " else f"\\x{ord(c):02x}" for c in text)
