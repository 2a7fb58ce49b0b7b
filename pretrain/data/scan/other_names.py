"""Files that a table names otherwise than the disk does: Unicode forms, Windows separators.

macOS once wrote accents as characters of their own (NFD), most programs write one character (NFC);
tables made on Windows have backslashes in their paths.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from pretrain.shared.normalized_text import composed

NamesIn = Callable[[str], dict[str, list[str]]]


@dataclass
class FoundFiles:
    """What `find_files` found."""

    paths: list[str]
    """One per name: the file on disk, or the name itself where there is none."""

    other_form: list[str] = field(default_factory=list)
    """Names that are written in another Unicode form on disk."""

    backslashes: list[str] = field(default_factory=list)
    """Names whose backslashes stand for folders."""

    hints: dict[str, str] = field(default_factory=dict)
    """Of some names without a file: why, perhaps."""


def find_files(names: Sequence[str]) -> FoundFiles:
    """Returns the files that absolute `names` mean. A name that is there is taken as it is."""
    result = FoundFiles(paths=[])
    names_in = cache(_names_in)
    find = cache(lambda name: _find(name, names_in, result))
    result.paths = [find(name) for name in names]
    return result


def _find(name: str, names_in: NamesIn, result: FoundFiles) -> str:
    if os.path.lexists(name):
        return name
    if (path := _same_but_form(name, names_in)) is not None:
        result.other_form.append(name)
        return path
    if "\\" in name:
        slashed = os.path.normpath(name.replace("\\", "/"))
        path = slashed if os.path.lexists(slashed) else _same_but_form(slashed, names_in)
        if path is not None:
            result.backslashes.append(name)
            return path
        result.hints[name] = (
            "its path has backslashes, as on Windows: write it with / and relative to the table"
        )
        return name
    folder, file = os.path.split(name)
    for same, there in names_in(folder).items():
        if same.casefold() == composed(file).casefold():
            result.hints[name] = f"{there[0]} is there: the case differs"
            break
    return name


def _same_but_form(name: str, names_in: NamesIn) -> str | None:
    """Returns the only file whose path has the same characters in whatever form."""
    here = os.sep
    for part in name.strip(os.sep).split(os.sep):
        exact = os.path.join(here, part)
        if not os.path.lexists(exact):
            same = names_in(here).get(composed(part), [])
            if len(same) != 1:
                return None
            exact = os.path.join(here, same[0])
        here = exact
    return here


def _names_in(folder: str) -> dict[str, list[str]]:
    """Returns the names in a folder by their composed form."""
    by_form: dict[str, list[str]] = {}
    with suppress(OSError):
        for name in sorted(os.listdir(folder)):
            by_form.setdefault(composed(name), []).append(name)
    return by_form
