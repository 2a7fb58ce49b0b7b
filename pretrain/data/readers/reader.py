"""What a corpus that is known by name says of itself, and the listing that its reader makes."""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name

import pandas as pd

from pretrain.data.tables.delimited import read_delimited
from pretrain.data.tables.utterances import COLUMNS, LABEL_COLUMNS
from pretrain.shared.errors import InputError
from pretrain.shared.normalized_text import canonical

FOUND_BY_SCAN = ("sample_rate", "audio_hash")

FEMALE, MALE = "female", "male"

GENDER_WORDS = {
    **dict.fromkeys(("f", "female", "woman", "w"), FEMALE),
    **dict.fromkeys(("m", "male", "man"), MALE),
}
"""What corpora call them, in lower case; any other word is no gender that is probed."""


@dataclass(frozen=True, kw_only=True)
class Genders:
    """Who is a woman and who is a man: no column of the utterance table, since only the probe of
    genders needs it."""

    by_speaker: dict[str, str]
    """`female` or `male`; a speaker of whom it is not known is missing."""

    source: str
    """Where it is said, in words; empty where it is said nowhere."""


def unknown_genders(path: Path) -> Genders:
    """Returns nobody's gender: that of a corpus, at whatever path, that does not say it."""
    return Genders(by_speaker={}, source="")


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


def genders_in_table(path: Path, *, speaker: str, gender: str, source: str) -> Genders:
    """Returns the genders that a CSV file says in its column `gender` of those in `speaker`.

    `source` is that of the result, unless the file lacks a column or has no gender. Raises
    `ValueError` when one speaker has two genders.
    """
    frame = read_delimited(path, encoding_errors="surrogateescape")
    said: dict[str, str] = {}
    if {speaker, gender} <= set(frame.columns):
        for own, own_word in zip(frame[speaker], frame[gender], strict=True):
            name, word = canonical(own), own_word.strip().lower()
            if not name or word not in GENDER_WORDS:
                continue
            if said.setdefault(name, GENDER_WORDS[word]) != GENDER_WORDS[word]:
                raise InputError(
                    f"{path}: `{gender}` must be the same in all rows of a speaker, but {name!r} "
                    "is both female and male instead. Give both their own names, or leave it empty."
                )
    return Genders(by_speaker=said, source=source if said else "")


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
