"""Files that a table names otherwise than the disk does: Unicode forms, Windows separators.

macOS once wrote accents as characters of their own (NFD), most programs write one character (NFC);
tables made on Windows have backslashes in their paths.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pretrain.shared.normalized_text import composed

Names = dict[str, list[str]]


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
    folders: dict[str, Names] = {}
    known: dict[str, str] = {}
    result = FoundFiles(paths=[])
    for name in names:
        if name not in known:
            known[name] = _find(name, folders, result)
        result.paths.append(known[name])
    return result


def _find(name: str, folders: dict[str, Names], result: FoundFiles) -> str:
    if os.path.lexists(name):
        return name
    if (path := _same_butcomposed(name, folders)) is not None:
        result.other_form.append(name)
        return path
    if "\\" in name:
        slashed = os.path.normpath(name.replace("\\", "/"))
        path = slashed if os.path.lexists(slashed) else _same_butcomposed(slashed, folders)
        if path is not None:
            result.backslashes.append(name)
            return path
        result.hints[name] = (
            "its path has backslashes, as on Windows: write it with / and relative to the table"
        )
    elif (there := _same_but_case(name, folders)) is not None:
        result.hints[name] = f"{there} is there: the case differs"
    return name


def _same_butcomposed(name: str, folders: dict[str, Names]) -> str | None:
    """Returns the only file whose path has the same characters in whatever form."""
    here = os.sep
    for part in name.strip(os.sep).split(os.sep):
        exact = os.path.join(here, part)
        if not os.path.lexists(exact):
            same = _names_in(here, folders).get(composed(part), [])
            if len(same) != 1:
                return None
            exact = os.path.join(here, same[0])
        here = exact
    return here


def _same_but_case(name: str, folders: dict[str, Names]) -> str | None:
    folder, file = os.path.split(name)
    for same, names in _names_in(folder, folders).items():
        if same.casefold() == composed(file).casefold():
            return names[0]
    return None


def _names_in(folder: str, folders: dict[str, Names]) -> Names:
    """Returns the names in a folder by their composed form; lists every folder once."""
    if folder not in folders:
        by_form: Names = defaultdict(list)
        try:
            for name in sorted(os.listdir(folder)):
                by_form[composed(name)].append(name)
        except OSError:
            pass
        folders[folder] = dict(by_form)
    return folders[folder]
