"""Which utterances of one corpus share sound with another, and which of both nobody could compare.

What has no fingerprint to compare is counted: it is known by its audio hash alone, and an empty
result says nothing of it.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probe.contamination.fingerprint import MIN_FRAMES, FingerprintIndex, Fingerprints, Match
from probe.contamination.fingerprint_cache import Chunk, fingerprints_of

FRAME_SECONDS = 0.012


@dataclass(kw_only=True)
class Compared:
    """How much of a corpus could be compared by sound."""

    num_utterances: int
    num_unreadable: int = 0
    """Their files are gone or damaged, or hold another sound than the table says."""

    num_too_short: int = 0
    """Fewer than `MIN_FRAMES` of their frames are loud enough to compare."""

    @property
    def none(self) -> bool:
        return self.num_unreadable + self.num_too_short == self.num_utterances

    def missing(self, name: str) -> list[str]:
        """Returns what was not compared, in words; empty if all was."""
        return [
            f"{count} of {name} {why}"
            for count, why in (
                (self.num_unreadable, "whose files are gone or changed"),
                (self.num_too_short, "too short or too quiet for a fingerprint"),
            )
            if count
        ]


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """Utterances of ours that share sound with theirs."""

    found: list[dict[str, Any]]
    """The closest match of each, the surest first."""

    ours: Compared
    theirs: Compared
    """Not counted where nothing of ours can be compared."""

    @property
    def is_known(self) -> bool:
        """Whether anything was compared at all."""
        return not (self.ours.none or self.theirs.none)


def near_duplicates(ours: pd.DataFrame, theirs: pd.DataFrame, folder: Path) -> NearDuplicates:
    """Compares two utterance tables by sound; fingerprints are kept in `folder`."""
    of_ours, of_theirs = (Compared(num_utterances=len(table)) for table in (ours, theirs))
    chunks = list(_of_files(ours, folder, of_ours))
    best: dict[int, tuple[Match, str]] = {}
    if not of_ours.none:
        joined = {
            field.name: np.concatenate([getattr(chunk.prints, field.name) for chunk in chunks])
            for field in fields(Fingerprints)
        }
        index = FingerprintIndex(Fingerprints(**joined))
        for chunk in _of_files(theirs, folder, of_theirs):
            for match in index.matches(chunk.prints):
                if match.ours not in best or match.error_rate < best[match.ours][0].error_rate:
                    best[match.ours] = match, chunk.ids[match.theirs]
    ids = [name for chunk in chunks for name in chunk.ids]
    found = [
        {
            "ours": ids[place],
            "theirs": name,
            "by": "fingerprint",
            "bit_error_rate": round(match.error_rate, 3),
            "seconds": round(match.frames * FRAME_SECONDS, 2),
        }
        for place, (match, name) in sorted(best.items(), key=lambda item: item[1][0].error_rate)
    ]
    return NearDuplicates(found=found, ours=of_ours, theirs=of_theirs)


def _of_files(table: pd.DataFrame, folder: Path, compared: Compared) -> Iterable[Chunk]:
    """Yields the fingerprints of the utterances whose file is there, and counts all."""
    there = {path: os.path.isfile(path) for path in set(table["path"])}
    has_file = table["path"].map(there).astype(bool)
    compared.num_unreadable += int((~has_file).sum())
    for chunk in fingerprints_of(table[has_file], folder) if has_file.any() else ():
        owner = np.repeat(np.arange(len(chunk.ids)), chunk.prints.lengths)
        heard = np.bincount(owner, chunk.prints.heard, minlength=len(chunk.ids))
        compared.num_unreadable += chunk.num_unreadable
        compared.num_too_short += int((heard < MIN_FRAMES).sum()) - chunk.num_unreadable
        yield chunk
