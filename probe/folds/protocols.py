"""Who is trained on, who chooses, who is tested: protocols, and folds that leave a group out.

A leave-out fold tests one group (a speaker, a session, or a random tenth of the utterances),
chooses strength and layer on the next group in order, and trains on all others. Nothing here looks
at labels. Folds that others published are in `probe.folds.divide` and `probe.folds.emobox`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pretrain.shared.errors import InputError
from pretrain.shared.random_streams import generator

SPEAKER, SESSION, RANDOM = "speaker", "session", "random10"
OFFICIAL, EMOBOX = "official", "emobox"

LEAVE_OUT = {SPEAKER: "speakers", SESSION: "sessions", RANDOM: "utterances"}
"""Protocols that test every utterance once: leave one speaker out, leave one session out, 10-fold
over utterances; each with the plural of what it leaves out. `random10` is what SAVEE's literature
reports: the speakers of the test part are trained on too."""

PROTOCOLS = {
    **LEAVE_OUT,
    OFFICIAL: "parts by the corpus's authors",
    EMOBOX: "folds by EmoBox",
}
"""All protocols. `emobox` is given as `emobox=DIR`, see `parse_protocol`."""

PUBLISHED = (OFFICIAL, EMOBOX)
"""Protocols whose test parts others made: taken as they are, whatever the parts share."""

NUM_RANDOM_FOLDS = 10

PARTS = ("train", "dev", "test")

MIN_GROUPS = 3
"""One group each for test, dev and train."""


class SplitError(InputError):
    """The corpus does not allow the protocol that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A protocol, as `--protocol` names it."""

    name: str
    """A key of `PROTOCOLS`: what results call it."""

    folder: Path | None = None
    """Where EmoBox's lists are; only for `emobox`."""


def parse_protocol(text: str) -> Protocol:
    """Returns what `speaker`, `session`, `random10`, `official` or `emobox=DIR` says.

    Raises:
        SplitError: It is none of these; whether DIR holds lists is found when they are read.
    """
    name, equals, folder = text.partition("=")
    if name == EMOBOX and folder.strip():
        return Protocol(name=name, folder=Path(folder).expanduser())
    if name == EMOBOX:
        raise SplitError(
            "`protocol` emobox needs the folder of EmoBox's lists: emobox=DIR, where DIR is a "
            "checkout of github.com/emo-box/EmoBox or its folder `data`."
        )
    if name not in PROTOCOLS or equals:
        names = ", ".join(LEAVE_OUT) + f", {OFFICIAL}, {EMOBOX}=DIR"
        raise SplitError(f"`protocol` must be one of {names}, but is {text!r} instead.")
    return Protocol(name=name)


def protocol_name(text: str) -> str:
    """Returns what results call the protocol `text`: without the folder of `emobox=DIR`."""
    return text.partition("=")[0]


def protocol_label(protocol: str) -> str:
    """Returns the protocol's name, with a mark if its scores depend on known speakers."""
    name = protocol_name(protocol)
    return f"{name} (speaker-dependent)" if name == RANDOM else name


def make_folds(table: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Returns a frame with the columns fold, id, part: each utterance once in every fold.

    A fold is named after the group that it tests; groups are in order of their names. The groups
    of `random10` are 01 to 10: the same utterances have the same ones in any order and with any
    labels.

    Raises:
        SplitError: The protocol is not of `LEAVE_OUT` (`probe.folds.divide.divide` knows the
            others, too), or the corpus lacks groups for it.
    """
    if protocol not in LEAVE_OUT:
        raise SplitError(
            f"`protocol` must be one of {', '.join(LEAVE_OUT)}, but is {protocol!r} instead."
        )
    plural = LEAVE_OUT[protocol]
    column = _random_groups(table) if protocol == RANDOM else table[protocol].astype(str)
    if missing := int((column == "").sum()):
        raise SplitError(
            f"Protocol `{protocol}` needs the {protocol} of every utterance, but {missing} of "
            f"{len(table)} have none (the first is {table['id'][column == ''].iloc[0]!r}). Fill "
            f"the column `{protocol}` of the manifest, name the column that tells it (--columns "
            f"{protocol}=COLUMN), or choose another protocol."
        )
    groups = sorted(column.unique())
    if len(groups) < MIN_GROUPS:
        raise SplitError(
            f"Protocol `{protocol}` needs at least {MIN_GROUPS} {plural} (one to test, one to "
            f"choose strength and layer, one to train), but the corpus has {len(groups)}: "
            f"{', '.join(groups)}. Take a corpus with more {plural}, or fill the column "
            f"`{protocol}` of its manifest if all utterances got the same name."
        )
    frames = []
    for test, dev in zip(groups, [*groups[1:], groups[0]], strict=True):
        part = np.where(column == test, "test", np.where(column == dev, "dev", "train"))
        frames.append(pd.DataFrame({"fold": test, "id": table["id"], "part": part}))
    return pd.concat(frames, ignore_index=True)


def _random_groups(table: pd.DataFrame) -> pd.Series:
    """Deals the utterances, shuffled by a fixed seed, to ten groups of equal size (or one more)."""
    if len(table) < NUM_RANDOM_FOLDS:
        raise SplitError(
            f"Protocol `{RANDOM}` needs at least {NUM_RANDOM_FOLDS} utterances, but the corpus has "
            f"{len(table)}. Take a corpus with more utterances."
        )
    by_id = table["id"].astype(str).sort_values().index
    shuffled = by_id[generator("splits", RANDOM).permutation(len(table))]
    names = [f"{place % NUM_RANDOM_FOLDS + 1:02d}" for place in range(len(table))]
    return pd.Series(names, index=shuffled).reindex(table.index)
