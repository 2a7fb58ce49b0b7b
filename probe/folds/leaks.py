"""What the parts of a fold share: computed always, refused where a protocol forbids it."""

from dataclasses import dataclass

import pandas as pd

from pretrain.shared.normalized_text import sentence_key
from probe.folds.protocols import (
    LEAVE_OUT,
    PARTS,
    PUBLISHED,
    RANDOM,
    SESSION,
    SplitError,
    protocol_name,
)


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What the parts of the folds share: computed, not assumed.

    Each is the number of different ones that are in two parts of a fold, of one fold or of several;
    None where nobody knows, because the corpus names none.
    """

    speakers: int | None
    """Must be 0 under `speaker` and `session`; published parts (`official`, `emobox`) are taken
    as they are."""

    sessions: int | None
    """Must be 0 under `session`; under the others, for example, the partner of a dialogue may be
    trained on."""

    audio: int | None
    """Recordings. Must be 0."""

    sentences: int | None
    """Transcripts, see `sentence_key`. No protocol forbids them: acted corpora consist of a few
    sentences."""

    def __str__(self) -> str:
        found = [
            _counted(self.speakers, "speaker", "speaker"),
            _counted(self.sessions, "session", "session"),
            _counted(self.sentences, "sentence", "text"),
            _counted(self.audio, "recording", "audio_hash"),
        ]
        return f"shared between parts of a fold: {', '.join(found)}"


def _counted(number: int | None, thing: str, column: str) -> str:
    if number is None:
        return f"{thing}s unknown: no {column} column"
    return f"{number} {thing}{'' if number == 1 else 's'}"


def drop_duplicates(
    table: pd.DataFrame, ranks: pd.Series | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Leaves the first (in order of rank, then id) of several utterances with the same audio.

    The same recording in two parts would be a leak, and twice in one part counts twice.

    Args:
        table: Utterances.
        ranks: By id, the lowest stays; without, the id decides alone.

    Returns:
        - The table without the other copies, sorted by id
        - One sentence per copy that was dropped
    """
    table = table.sort_values("id", kind="stable")
    if ranks is not None:
        table = table.iloc[table["id"].map(ranks).argsort(kind="stable")]
    table = table.reset_index(drop=True)
    known = table["audio_hash"] != ""
    copies = table.duplicated("audio_hash") & known
    originals = table[known].drop_duplicates("audio_hash")
    first = dict(zip(originals["audio_hash"], originals["id"], strict=True))
    report = [
        f"{row.id} (speaker {row.speaker}) is the same recording as {first[str(row.audio_hash)]}: "
        "left out."
        for row in table[copies].itertuples()
    ]
    return table[~copies].sort_values("id", kind="stable").reset_index(drop=True), report


def check_folds(table: pd.DataFrame, folds: pd.DataFrame, protocol: str) -> Overlap:
    """Computes what the parts of each fold share and refuses a leak.

    Args:
        table: With id, speaker, session and audio_hash, and text if sentences are to be counted.
        folds: fold, id, part.
        protocol: A key of `probe.folds.protocols.PROTOCOLS`.

    Raises:
        SplitError: A recording, a speaker (under `speaker` and `session`) or a session (under
            `session`) is in two parts of a fold; an utterance is tested twice, or never though the
            protocol leaves out every one in turn; or a part is empty.
    """
    protocol = protocol_name(protocol)
    known = table[["id", "speaker", "session", "audio_hash"]]
    text = table["text"] if "text" in table else pd.Series("", index=table.index)
    joined = folds.merge(known.assign(sentence=text.map(sentence_key)), on="id", how="left")
    if joined["speaker"].isna().any() or joined.duplicated(["fold", "id"]).any():
        raise SplitError("The folds name an utterance twice, or one that the corpus lacks.")
    if unknown := sorted(set(joined["part"]) - set(PARTS)):
        raise SplitError(
            f"Every part must be one of {', '.join(PARTS)}, but is {unknown[0]!r} instead."
        )
    tested = joined[joined["part"] == "test"]["id"]
    if protocol in LEAVE_OUT and (len(tested) != len(table) or tested.duplicated().any()):
        raise SplitError("Every utterance must be tested in exactly one fold.")
    if tested.duplicated().any():
        twice = tested[tested.duplicated()].iloc[0]
        raise SplitError(f"No utterance may be tested in two folds, but {twice!r} is.")
    for fold, frame in joined.groupby("fold"):
        if lacking := set(PARTS) - set(frame["part"]):
            raise SplitError(f"Fold {fold} has no {' and no '.join(sorted(lacking))} part.")
    columns = ("speaker", "session", "audio_hash", "sentence")
    shared = {name: _shared(joined, name) for name in columns}
    refused = ["audio_hash"]
    refused += [] if protocol in (RANDOM, *PUBLISHED) else ["speaker"]
    refused += ["session"] if protocol == SESSION else []
    for name in refused:
        if shared[name]:
            fold, value = shared[name][0]
            raise SplitError(
                f"Leak: {name} {value!r} is in two parts of fold {fold!r} of protocol "
                f"`{protocol}`. " + _REMEDIES[name]
            )
    counts = {
        name: len({value for _, value in pairs}) if (joined[name] != "").any() else None
        for name, pairs in shared.items()
    }
    return Overlap(
        speakers=counts["speaker"],
        sessions=counts["session"],
        audio=counts["audio_hash"],
        sentences=counts["sentence"],
    )


def known_speakers(table: pd.DataFrame, folds: pd.DataFrame) -> tuple[int, int]:
    """Counts the speakers who are trained on or chosen by in a fold that tests them, and all who
    are tested.

    Speakers without a name do not count.
    """
    joined = folds.merge(table[["id", "speaker"]], on="id")
    known: set[str] = set()
    tested: set[str] = set()
    for _, frame in joined[joined["speaker"] != ""].groupby("fold"):
        is_test = frame["part"] == "test"
        speakers = set(frame["speaker"][is_test])
        tested |= speakers
        known |= speakers & set(frame["speaker"][~is_test])
    return len(known), len(tested)


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
