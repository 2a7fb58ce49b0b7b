"""Is a corpus whole? Counts against the published ones; an incomplete corpus needs a word."""

import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pretrain.data.scan.quarantine import CorpusWarning
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


def count_lines(
    frame: pd.DataFrame, published: Mapping[str, Mapping[str, int]], *, source: str
) -> list[str]:
    """Returns a line per column of `published` (value to count) in which `frame` differs from it.

    Values that are not published count as too many.
    """
    lines = []
    for column, expected in published.items():
        counts = Counter(str(value) for value in frame[column])
        different = [
            f"{column} {name}: {counts[name]} instead of {expected.get(name, 0)} "
            f"({counts[name] - expected.get(name, 0):+d})"
            for name in sorted(set(counts) | set(expected))
            if counts[name] != expected.get(name, 0)
        ]
        if different:
            lines.append(
                f"{source} holds {len(frame)} utterances ({sum(expected.values())} are "
                f"published); by {column}: " + "; ".join(different)
            )
    return lines


def name_lines(found: Iterable[str], published: Collection[str], *, source: str) -> list[str]:
    """Returns a line with the first published names that were not found, or none."""
    missing = sorted(set(published) - set(found))
    if not missing:
        return []
    return [f"{source} lacks {len(missing)} of {len(published)} published files: {shown(missing)}"]


def settle(lines: Sequence[str], *, source: str, path: Path, options: Collection[str]) -> None:
    """Lets a corpus pass about which there is nothing to say; else warns, or refuses it.

    Raises:
        IncompleteCorpusError: There are `lines`, and `incomplete` is not among the options.
    """
    if not lines:
        return
    if INCOMPLETE in options:
        # So that the reader's own caller is shown, not this file.
        warnings.warn("\n".join(lines), IncompleteCorpusWarning, stacklevel=3)
        return
    raise IncompleteCorpusError(
        f"The corpus {source} in {path} is not the one that was published:\n"
        + "\n".join(f"  {line}" for line in lines)
        + f"\nComplete it, or say that it may be incomplete: {source}:{INCOMPLETE}={path} "
        "(--allow-incomplete, where a command has it, says so of all)."
    )


def shown(names: Sequence[str]) -> str:
    """Returns the first of `names` in one line."""
    return ", ".join(names[:NUM_SHOWN]) + (", ..." if len(names) > NUM_SHOWN else "")
