"""What a corpus that is known by name says of itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name

import pandas as pd

from pretrain.data.readers.genders import Genders, unknown_genders


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How a corpus is read, and what its publication says of it."""

    list_files: Callable[[Path, str, Collection[str]], pd.DataFrame]
    """From (path, corpus name, options) to a listing, see `pretrain.data.readers.assemble`. It may
    have columns that only this corpus has."""

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
