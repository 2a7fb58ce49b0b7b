"""What corpora share whose labels are in their file names."""

import re
import warnings
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import pandas as pd

from pretrain.data.readers.folder import audio_files, existing_folder
from pretrain.data.readers.reader import make_listing
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.shared.errors import InputError
from probe.corpora.completeness import count_lines, name_lines, settle, shown


def stem_of(file: str) -> str:
    """Returns the file's name without folder and ending."""
    return Path(file).stem


def list_names(
    path: Path,
    source: str,
    options: Collection[str] = (),
    *,
    pattern: re.Pattern[str],
    describe: Callable[[re.Match[str]], Mapping[str, str]],
    published: Mapping[str, Mapping[str, int]],
    published_names: Collection[str] = (),
    name_of: Callable[[str], str] = stem_of,
    within: str = "",
) -> pd.DataFrame:
    """Lists the audio files below `path` (wav, or a copy in another format) by their names.

    Args:
        path: Of the corpus.
        source: The corpus's name.
        options: Of its spec; with `incomplete` it may differ from what was published.
        pattern: Of names; other files are left out with a warning.
        describe: From a match to the columns that the name says.
        published: Column to value to count.
        published_names: All of them, where they are known.
        name_of: From the path of a file to its name.
        within: The folder of `path` that holds the audio; where it is not there, `path` does.

    Raises:
        IncompleteCorpusError: The corpus differs from what was published, and must not.
        ValueError: No name matches, or one occurs twice.
    """
    inner = path.expanduser() / within
    audio = inner if inner.is_dir() else path
    found = parse_names(audio, source=source, pattern=pattern, name_of=name_of)
    rows = [
        {"id": f"{source}/{match.string}", "path": file, **describe(match)}
        for file, match in found.items()
    ]
    listing = make_listing(pd.DataFrame(rows))
    names = [match.string for match in found.values()]
    lines = [
        *name_lines(names, published_names, source=source),
        *count_lines(listing, published, source=source),
    ]
    settle(lines, source=source, path=path, options=options)
    return listing


def parse_names(
    path: Path,
    *,
    source: str,
    pattern: re.Pattern[str],
    name_of: Callable[[str], str] = stem_of,
) -> dict[str, re.Match[str]]:
    """Returns {path: match} of the audio files below `path` whose name matches `pattern`.

    `name_of` gives the name of a file. Raises `ValueError` when none matches, or when a name occurs
    twice. Warns of the other files.
    """
    folder = existing_folder(path, what=f"The corpus {source}")
    files = audio_files(folder)
    matches = {file: pattern.fullmatch(name_of(file)) for file in files}
    found = {file: match for file, match in matches.items() if match}
    others = [file for file, match in matches.items() if not match]
    if not found:
        raise InputError(
            f"{folder} must hold the files of {source} under their original names, but no name "
            f"fits; the first file is {others[0]}. Any other corpus can be read with a manifest."
        )
    if others:
        warnings.warn(
            f"{len(others)} files in {folder} are not named like {source} and left out: "
            + shown(others),
            CorpusWarning,
            stacklevel=3,
        )
    first: dict[str, str] = {}
    for file, match in found.items():
        name = match.string
        if name in first:
            raise InputError(
                f"Every file of {source} must be there once, but {name} is there twice: "
                f"{first[name]} and {file}. Point to one copy (some downloads hold two)."
            )
        first[name] = file
    return found
