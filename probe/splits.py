"""Who is trained on, who chooses, who is tested: folds as data, with assertions against leaks.

A fold tests one group (a speaker, a session, or a random tenth of the utterances), chooses strength
and layer on the next group in order, and trains on all others. Nothing here looks at labels.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pretrain.draws import generator

RANDOM = "random10"

PROTOCOLS = {"speaker": "speakers", "session": "sessions", RANDOM: "utterances"}
"""Protocols: leave one speaker out, leave one session out, 10-fold over utterances; each with the
plural of what it leaves out. `random10` is what SAVEE's literature reports: the speakers of the
test part are trained on too."""

NUM_RANDOM_FOLDS = 10

PARTS = ("train", "dev", "test")

MIN_GROUPS = 3
"""One group each for test, dev and train."""


class SplitError(ValueError):
    """The corpus does not allow the protocol that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What the parts of the folds share: computed, not assumed."""

    speakers: int
    """Speakers who are in two parts of one fold, summed over folds. Must be 0, except under
    `random10`."""

    sessions: int
    """Sessions that are in two parts of one fold, summed over folds. Must be 0 under `session`;
    under the others, for example, the partner of a dialogue may be trained on."""

    audio: int
    """Recordings that are in two parts of one fold. Must be 0."""

    def __str__(self) -> str:
        return (
            f"shared between parts of a fold: {self.speakers} speakers, {self.sessions} sessions, "
            f"{self.audio} recordings"
        )


def protocol_label(protocol: str) -> str:
    """Returns the protocol's name, with a mark if its scores depend on known speakers."""
    return f"{protocol} (speaker-dependent)" if protocol == RANDOM else protocol


def drop_duplicates(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leaves the first (in order of id) of several utterances with the same audio.

    The same recording in two parts would be a leak, and twice in one part counts twice.

    Returns:
        - The table without the later copies, sorted by id
        - One sentence per copy that was dropped
    """
    table = table.sort_values("id", kind="stable").reset_index(drop=True)
    known = table["audio_hash"] != ""
    copies = table.duplicated("audio_hash") & known
    originals = table[known].drop_duplicates("audio_hash")
    first = dict(zip(originals["audio_hash"], originals["id"], strict=True))
    report = [
        f"{row.id} (speaker {row.speaker}) is the same recording as {first[str(row.audio_hash)]}: "
        "left out."
        for row in table[copies].itertuples()
    ]
    return table[~copies].reset_index(drop=True), report


def make_folds(table: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Returns a frame with the columns fold, id, part: each utterance once in every fold.

    A fold is named after the group that it tests; groups are in order of their names. The groups
    of `random10` are 01 to 10: the same utterances have the same ones in any order and with any
    labels.

    Raises:
        SplitError: The protocol is unknown, or the corpus lacks groups for it.
    """
    if protocol not in PROTOCOLS:
        raise SplitError(
            f"`protocol` must be one of {', '.join(PROTOCOLS)}, but is {protocol!r} instead."
        )
    plural = PROTOCOLS[protocol]
    column = _random_groups(table) if protocol == RANDOM else table[protocol].astype(str)
    if missing := int((column == "").sum()):
        raise SplitError(
            f"Protocol `{protocol}` needs the {protocol} of every utterance, but {missing} of "
            f"{len(table)} have none (the first is {table['id'][column == ''].iloc[0]!r}). Fill "
            f"the column `{protocol}` of the manifest or choose another protocol."
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
    for place, test in enumerate(groups):
        dev = groups[(place + 1) % len(groups)]
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


def check_folds(table: pd.DataFrame, folds: pd.DataFrame, protocol: str) -> Overlap:
    """Computes what the parts of each fold share and refuses a leak.

    Raises:
        SplitError: A recording, a speaker (except under `random10`) or (under `session`) a session
            is in two parts of a fold, an utterance is tested never or twice, or a part is empty.
    """
    joined = folds.merge(table[["id", "speaker", "session", "audio_hash"]], on="id", how="left")
    if joined["speaker"].isna().any() or joined.duplicated(["fold", "id"]).any():
        raise SplitError("The folds name an utterance twice, or one that the corpus lacks.")
    tested = joined[joined["part"] == "test"]["id"]
    if len(tested) != len(table) or tested.duplicated().any():
        raise SplitError("Every utterance must be tested in exactly one fold.")
    for fold, frame in joined.groupby("fold"):
        if lacking := set(PARTS) - set(frame["part"]):
            raise SplitError(f"Fold {fold} has no {' and no '.join(sorted(lacking))} part.")
    shared = {name: _shared(joined, name) for name in ("speaker", "session", "audio_hash")}
    refused = ["audio_hash"]
    refused += [] if protocol == RANDOM else ["speaker"]
    refused += ["session"] if protocol == "session" else []
    for name in refused:
        if shared[name]:
            fold, value = shared[name][0]
            raise SplitError(
                f"Leak: {name} {value!r} is in two parts of fold {fold!r} of protocol "
                f"`{protocol}`. " + _REMEDIES[name]
            )
    return Overlap(
        speakers=len(shared["speaker"]),
        sessions=len(shared["session"]),
        audio=len(shared["audio_hash"]),
    )


_REMEDIES = {
    "speaker": "Sessions must not share speakers: correct the column `session`, or use the "
    "protocol `speaker`.",
    "session": "Correct the column `session`.",
    "audio_hash": "Remove one of the copies of this recording.",
}


def _shared(joined: pd.DataFrame, name: str) -> list[tuple[str, str]]:
    """Returns the (fold, value) pairs whose value of column `name` is in two parts or more."""
    known = joined[joined[name] != ""]
    parts = known.groupby(["fold", name])["part"].nunique()
    return [(str(fold), str(value)) for fold, value in parts[parts > 1].index]
