"""Speakers of the pre-training corpus that no row is trained on, to tell what was learned.

The list depends on the corpus alone, not on seed or mode: it is the same for all rows and seeds.
Not specified by the paper.
"""

from hashlib import blake2b
from typing import Annotated

import pandas as pd

from pretrain.data.sampler import PlanError
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.json_files import hash_of


@settings
class HeldOutSettings:
    """What is held out of pre-training, and how often it is read out. Nothing by default."""

    speakers: Annotated[int, within("[0, 1e6]")] = 0
    """Speakers that are not trained on, none or at least 4 (utterances, where a corpus names no
    speakers). Not specified by the paper."""

    per_speaker: Annotated[int, within("[1, 1e6]")] = 6
    """Utterances of each that are read out. Not specified by the paper."""

    every: Annotated[int, within("[1, 1e9]")] = 100
    """Updates between two read-outs; one is at the end in any case."""

    def __post_init__(self) -> None:
        if 0 < self.speakers < 4:
            raise ValueError(f"`speakers` must be 0 or at least 4, but is {self.speakers} instead.")


def without_held_out(table: pd.DataFrame, settings: HeldOutSettings) -> pd.DataFrame:
    """Returns the utterances to train on; raises `PlanError` where none is left."""
    if not settings.speakers:
        return table
    left = table[~_names(table).isin(_held_out_names(table, settings))].reset_index(drop=True)
    if left.empty:
        raise PlanError(
            f"`held_out.speakers` must leave somebody to train on, but is {settings.speakers} "
            f"instead, and there are {_names(table).nunique()}."
        )
    return left


def held_out_utterances(table: pd.DataFrame, settings: HeldOutSettings) -> pd.DataFrame:
    """Returns the utterances that are read out, in order of speaker and id."""
    names = _names(table)
    chosen = [
        frame.iloc[frame["id"].map(_place).argsort(kind="stable")[: settings.per_speaker]]
        for _, frame in table[names.isin(_held_out_names(table, settings))].groupby(names)
    ]
    found = pd.concat(chosen) if chosen else table.iloc[:0]
    return found.sort_values(["speaker", "id"], kind="stable").reset_index(drop=True)


def list_hash(held_out: pd.DataFrame) -> str:
    """Returns a hash of what is read out: ids and audio."""
    return hash_of(held_out[["id", "audio_hash"]].astype(str).to_numpy().tolist())


def _names(table: pd.DataFrame) -> "pd.Series[str]":
    """Speakers, or what is held out in place of a speaker that has no name."""
    speakers = table["speaker"].astype(str)
    return speakers.where(speakers != "", "utterance " + table["id"].astype(str))


def _held_out_names(table: pd.DataFrame, settings: HeldOutSettings) -> list[str]:
    return sorted(_names(table).unique(), key=_place)[: settings.speakers]


def _place(name: str) -> str:
    """An order that neither the alphabet nor a seed decides."""
    return blake2b(f"held out {name}".encode(), digest_size=8).hexdigest()
