"""Ends of utterances that lie behind the end of their file because somebody rounded them."""

import warnings

import pandas as pd

from pretrain.data.audio.sound_file import AudioError, AudioFile
from pretrain.data.scan.quarantine import CorpusWarning

OVERSHOOT_SECONDS = 0.02
"""An encoder frame. Ends that are rounded to milliseconds lie behind the end of their file by less;
what lies farther is a wrong time."""


def without_overshoot(path: str, offset: int, wanted: int) -> int:
    """Returns `wanted` frames (0 = all the rest), or those up to the end of the file where that is
    less than `OVERSHOOT_SECONDS` before."""
    if not wanted:
        return wanted
    try:
        with AudioFile(path) as file:
            said, sample_rate = file.said_frames, file.sample_rate
    except AudioError:
        return wanted
    missing = offset + wanted - said if said else 0
    is_rounding = 0 < missing < min(OVERSHOOT_SECONDS * sample_rate, wanted)
    return wanted - missing if is_rounding else wanted


def warn_of_overshoot(listing: pd.DataFrame, found: pd.DataFrame, *, source: str) -> None:
    """Warns of utterances of which the scan found fewer `frames` than the listing asks for."""
    missing = (listing["frames"] - found["frames"])[listing["frames"] > found["frames"]]
    if missing.empty:
        return
    longest = float((missing / found.loc[missing.index, "sample_rate"]).max())
    warnings.warn(
        f"{source}: {len(missing)} utterances end behind the end of their file, by at most "
        f"{1000 * longest:.1f} ms, and are cut there; the first is "
        f"{listing.loc[missing.index[0], 'id']}.",
        CorpusWarning,
        stacklevel=3,
    )
