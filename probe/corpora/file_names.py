"""What corpora share whose labels are in their file names."""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from pretrain.data.quarantine import CorpusWarning
from pretrain.data.readers.folder import audio_files, existing_folder

NUM_SHOWN = 5


def parse_names(path: Path, *, source: str, pattern: re.Pattern[str]) -> dict[str, re.Match[str]]:
    """Returns {path: match} of the audio files below `path` whose name without ending matches.

    Raises `ValueError` when none does, or when a name occurs twice. Warns of the other files.
    """
    folder = existing_folder(path, what=f"The corpus {source}")
    files = audio_files(folder)
    matches = {file: pattern.fullmatch(Path(file).stem) for file in files}
    found = {file: match for file, match in matches.items() if match}
    others = [file for file, match in matches.items() if not match]
    if not found:
        raise ValueError(
            f"{folder} must hold the files of {source} under their original names, but no name "
            f"fits; the first file is {others[0]}. Any other corpus can be read with a manifest."
        )
    if others:
        shown = ", ".join(others[:NUM_SHOWN]) + (", ..." if len(others) > NUM_SHOWN else "")
        _warn(f"{len(others)} files in {folder} are not named like {source} and left out: {shown}")
    first: dict[str, str] = {}
    for file in found:
        stem = Path(file).stem
        if stem in first:
            raise ValueError(
                f"Every file of {source} must be there once, but {stem} is there twice: "
                f"{first[stem]} and {file}. Point to one copy (some downloads hold two)."
            )
        first[stem] = file
    return found


def warn_of_missing(
    values: Iterable[str], published: Mapping[str, int], *, source: str, what: str
) -> None:
    """Warns, value by value, where a count differs from the published one."""
    counts = Counter(values)
    lines = [
        f"{what} {name}: {counts[name]} instead of {published.get(name, 0)} "
        f"({counts[name] - published.get(name, 0):+d})"
        for name in sorted(set(counts) | set(published))
        if counts[name] != published.get(name, 0)
    ]
    if lines:
        total, expected = sum(counts.values()), sum(published.values())
        _warn(
            f"{source} holds {total} utterances ({expected} are published); by {what}: "
            + "; ".join(lines)
        )


def warn_of_missing_names(stems: Iterable[str], published: set[str], *, source: str) -> None:
    """Warns with the first published names that are not there."""
    missing = sorted(published - set(stems))
    if missing:
        shown = ", ".join(missing[:NUM_SHOWN]) + (", ..." if len(missing) > NUM_SHOWN else "")
        _warn(f"{source} lacks {len(missing)} of {len(published)} published files: {shown}")


def _warn(text: str) -> None:
    warnings.warn(text, CorpusWarning, stacklevel=3)
