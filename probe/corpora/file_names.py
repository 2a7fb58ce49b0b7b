"""What corpora share whose labels are in their file names."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path

from pretrain.data.readers.folder import audio_files, existing_folder
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.shared.errors import InputError
from probe.corpora.completeness import shown


def stem_of(file: str) -> str:
    """Returns the file's name without folder and ending."""
    return Path(file).stem


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
