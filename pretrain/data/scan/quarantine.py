"""Sets unusable files aside with their reasons, and stops when they are too many."""

import math
import warnings
from pathlib import Path

import pandas as pd

from pretrain.data.tables.delimited import read_csv, write_csv
from pretrain.shared.errors import InputError
from pretrain.shared.paths import corpora_folder

MIN_SECONDS = 0.25
"""A mask span is 10 frames of 20 ms; something must be left beside it."""

SILENCE_DEVIATION = 1e-4
"""-80 dB of full scale; the dither of a silent 16-bit recording lies at 3e-5."""

MIN_MIX_SHARE = 0.01
"""Least variance of the mean of the channels, as a share of what unrelated channels, or a single
one that is not silent, would leave (-20 dB). Below it channels cancel each other, and what is left
is not what was recorded."""

COLUMNS = ["source", "path", "offset", "reason"]
NUM_SHOWN = 5


class QuarantineError(InputError):
    """Too many files of a corpus are unusable."""


class CorpusWarning(UserWarning):
    """Something about a corpus that its user should know, but that does not stop the run."""


def warn_of_corpus(message: str) -> None:
    """Gives a `CorpusWarning`, as from the caller's caller."""
    warnings.warn(message, CorpusWarning, stacklevel=3)


def reasons(facts: pd.DataFrame) -> pd.Series:
    """Returns for every row of a scan why it cannot be used, or the empty string."""
    reason = facts["error"].astype("str").copy()
    seconds = facts["frames"] / facts["sample_rate"].clip(lower=1)
    num_channels = facts["num_channels"].clip(lower=1)
    channels, mix = facts["channel_deviation"], facts["mixed_deviation"]
    cancelling = (channels >= SILENCE_DEVIATION) & (
        mix**2 < MIN_MIX_SHARE * channels**2 / num_channels
    )
    for row in facts.index[(reason == "") & cancelling]:
        below = 20 * math.log10(channels[row] / max(mix[row], 1e-9))
        limit = 10 * math.log10(num_channels[row] / MIN_MIX_SHARE)
        reason[row] = (
            f"channels cancel each other: their mean is {below:.0f} dB below them (at most "
            f"{limit:.0f} dB are taken); one is inverted: keep one channel, for example with ffmpeg"
        )
    silent = (reason == "") & (facts["deviation"] < SILENCE_DEVIATION)
    reason = reason.mask(silent, f"silent: below {SILENCE_DEVIATION:g} of full scale")
    short = (reason == "") & (seconds < MIN_SECONDS)
    spoken = seconds.map(lambda value: f"too short: {value:.3f} s, needed are {MIN_SECONDS:g} s")
    return reason.mask(short, spoken)


def set_aside(
    listing: pd.DataFrame,
    reason: pd.Series,
    *,
    source: str,
    max_bad_share: float = 0.05,
    quarantine_file: Path | None = None,
) -> pd.DataFrame:
    """Returns the usable rows of `listing`; the others go to a CSV list with their reasons.

    The list is `quarantine_file`, or `list_of(source)`. Lines of other sources in it are kept.
    Raises `QuarantineError`, with the list's path and first lines, when more than `max_bad_share`
    of the rows are unusable, or all.
    """
    if not 0.0 <= max_bad_share <= 1.0:
        raise InputError(
            f"`max_bad_share` must be between 0 and 1, but is {max_bad_share} instead."
        )
    bad = reason != ""
    num_bad, num_all = int(bad.sum()), len(listing)
    place = quarantine_file or list_of(source)
    if num_bad or quarantine_file is not None or place.exists():
        rows = listing.loc[bad, ["path", "offset"]].assign(source=source, reason=reason[bad])
        _write(place, rows.loc[:, COLUMNS], source=source)
    if not num_bad:
        return listing
    named = zip(listing.loc[bad, "path"].tolist(), reason[bad].tolist(), strict=True)
    shown = [f"  {path}: {why}" for path, why in named][:NUM_SHOWN]
    if num_bad > NUM_SHOWN:
        shown.append(f"  ... and {num_bad - NUM_SHOWN} more")
    told = f"{num_bad} of {num_all} files of {source} ({num_bad / num_all:.1%}) cannot be used"
    told = "\n".join([f"{told}; the list with reasons is {place}", *shown])
    if num_bad == num_all:
        raise QuarantineError(f"{told}\nRepair these files, or give others.")
    if num_bad / num_all > max_bad_share:
        raise QuarantineError(
            f"{told}\nAt most {max_bad_share:.1%} may be unusable. Repair or remove these files; "
            "pre-training takes more of them if `data.max_bad_share` says so."
        )
    warn_of_corpus(f"{told}\nThey are left out.")
    return listing.loc[~bad]


def list_of(source: str) -> Path:
    """Returns where the list of a corpus's unusable files is, if there are any."""
    return corpora_folder() / "quarantine" / f"{source}.csv"


def unusable_of(source: str) -> pd.DataFrame:
    """Returns the lines of `list_of(source)`; none if there is no list."""
    place = list_of(source)
    if not place.is_file():
        return pd.DataFrame(columns=COLUMNS)
    lines = read_csv(place, encoding_errors="surrogateescape")
    return lines.loc[lines["source"] == source]


def note_of_unusable(source: str) -> list[str]:
    """Returns a sentence on how many utterances of a corpus were left out as unusable, and where
    their list is; nothing where there were none."""
    if not (number := len(unusable_of(source))):
        return []
    what = "utterance is unusable and" if number == 1 else "utterances are unusable and"
    return [f"{number} {what} left out; {list_of(source)} has the reasons."]


def _write(place: Path, rows: pd.DataFrame, *, source: str) -> None:
    try:
        others = read_csv(place, encoding_errors="surrogateescape").loc[:, COLUMNS]
        others = others.loc[others["source"] != source]
    except (OSError, ValueError, KeyError):
        others = pd.DataFrame(columns=COLUMNS)
    write_csv(pd.concat([others, rows], ignore_index=True), place)
