"""Corpora that were published: listed by the names of their files, and compared by counts.

An incomplete corpus needs a word, the option `incomplete`.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pretrain.data.readers.folder import audio_files, existing_folder
from pretrain.data.readers.reader import make_listing
from pretrain.data.scan.quarantine import CorpusWarning, warn_of_corpus
from pretrain.shared.errors import InputError

INCOMPLETE = "incomplete"
"""The option of a spec that lets an incomplete corpus pass, with a warning."""

MAY_BE_INCOMPLETE = {INCOMPLETE: "may differ from what was published"}
"""Of the `Reader.options` of every corpus whose files are compared with the published ones."""

NUM_SHOWN = 5


class IncompleteCorpusError(InputError):
    """A corpus differs from what was published, and nobody said that it may."""


class IncompleteCorpusWarning(CorpusWarning):
    """The same, when it may."""


def list_names(
    path: Path,
    source: str,
    options: Collection[str] = (),
    *,
    pattern: re.Pattern[str],
    describe: Callable[[re.Match[str]], Mapping[str, str]],
    published: Mapping[str, Mapping[str, int]],
    published_names: Collection[str] = (),
    name_of: Callable[[str], str] = lambda file: Path(file).stem,
    within: str = "",
) -> pd.DataFrame:
    """Lists the audio files below `path` (wav, or a copy in another format) by their names.

    Args:
        path: Of the corpus.
        source: Its name.
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
    folder = existing_folder(inner if inner.is_dir() else path, what=f"The corpus {source}")
    matches = {file: pattern.fullmatch(name_of(file)) for file in audio_files(folder)}
    others = [file for file, match in matches.items() if not match]
    if len(others) == len(matches):
        raise InputError(
            f"{folder} must hold the files of {source} under their original names, but no name "
            f"fits; the first file is {others[0]}. Any other corpus can be read with a manifest."
        )
    if others:
        warn_of_corpus(
            f"{len(others)} files in {folder} are not named like {source} and left out: "
            + shown(others)
        )
    found: dict[str, dict[str, str]] = {}
    for file, match in matches.items():
        if match is None:
            continue
        if (name := match.string) in found:
            raise InputError(
                f"Every file of {source} must be there once, but {name} is there twice: "
                f"{found[name]['path']} and {file}. Point to one copy (some downloads hold two)."
            )
        found[name] = {"id": f"{source}/{name}", "path": file, **describe(match)}
    listing = make_listing(pd.DataFrame(found.values()))
    lines = count_lines(listing, published, source=source)
    if missing := sorted(set(published_names) - set(found)):
        count = f"{len(missing)} of {len(published_names)}"
        lines.insert(0, f"{source} lacks {count} published files: {shown(missing)}")
    settle(lines, source=source, path=path, options=options)
    return listing


def count_lines(
    frame: pd.DataFrame, published: Mapping[str, Mapping[str, int]], *, source: str
) -> list[str]:
    """Returns a line per column of `published` (value to count) in which `frame` differs from it.

    Values that are not published count as too many.
    """
    lines = []
    for column, expected in published.items():
        counts = Counter(frame[column].astype(str))
        different = [
            f"{column} {name}: {counts[name]} instead of {expected.get(name, 0)} "
            f"({counts[name] - expected.get(name, 0):+d})"
            for name in sorted({*counts, *expected})
            if counts[name] != expected.get(name, 0)
        ]
        if different:
            lines.append(
                f"{source} holds {len(frame)} utterances ({sum(expected.values())} are "
                f"published); by {column}: " + "; ".join(different)
            )
    return lines


def settle(lines: Sequence[str], *, source: str, path: Path, options: Collection[str]) -> None:
    """Lets a corpus pass about which there is nothing to say; else warns, or refuses it.

    Raises:
        IncompleteCorpusError: There are `lines`, and `incomplete` is not among the options.
    """
    if lines and INCOMPLETE in options:
        # So that the reader's own caller is shown, not this file.
        warnings.warn("\n".join(lines), IncompleteCorpusWarning, stacklevel=3)
    elif lines:
        raise IncompleteCorpusError(
            f"The corpus {source} in {path} is not the one that was published:\n"
            + "\n".join(f"  {line}" for line in lines)
            + f"\nComplete it, or say that it may be incomplete: {source}:{INCOMPLETE}={path} "
            "(--allow-incomplete, where a command has it, says so of all)."
        )


def shown(names: Sequence[str]) -> str:
    """Returns the first of `names` in one line."""
    return ", ".join(names[:NUM_SHOWN]) + (", ..." if len(names) > NUM_SHOWN else "")
