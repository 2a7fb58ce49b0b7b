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

_REMEDIES = {
    "speaker": "Sessions must not share speakers: correct the column `session`, or use the "
    "protocol `speaker`.",
    "session": "Correct the column `session`.",
    "audio_hash": "Remove one of the copies of this recording.",
}


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many different ones are in two parts of a fold, of one fold or of several; None where
    nobody knows, because the corpus names none."""

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
            f"{thing}s unknown: no {column} column"
            if number is None
            else f"{number} {thing}{'' if number == 1 else 's'}"
            for number, thing, column in (
                (self.speakers, "speaker", "speaker"),
                (self.sessions, "session", "session"),
                (self.sentences, "sentence", "text"),
                (self.audio, "recording", "audio_hash"),
            )
        ]
        return f"shared between parts of a fold: {', '.join(found)}"


def drop_duplicates(
    table: pd.DataFrame, ranks: pd.Series | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """Leaves the first (in order of rank, then id) of several utterances with the same audio.

    The same recording in two parts would be a leak, and twice in one part counts twice.

    `ranks` are by id, the lowest stays; without them the id decides alone. Returns the table
    without the other copies, sorted by id, and one sentence per copy that was dropped.
    """
    table = table.sort_values("id", kind="stable", ignore_index=True)
    if ranks is not None:
        table = table.iloc[table["id"].map(ranks).argsort(kind="stable")]
    copies = table.duplicated("audio_hash") & (table["audio_hash"] != "")
    originals = table.groupby("audio_hash")["id"].transform("first")
    report = [
        f"{copy} (speaker {speaker}) is the same recording as {original}: left out."
        for copy, speaker, original in zip(
            table["id"][copies], table["speaker"][copies], originals[copies], strict=True
        )
    ]
    return table[~copies].sort_values("id", kind="stable", ignore_index=True), report


def check_folds(table: pd.DataFrame, folds: pd.DataFrame, protocol: str) -> Overlap:
    """Computes what the parts of each fold (fold, id, part) share and refuses a leak.

    Of the table's columns `text` may be missing: then sentences are not counted.

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
    refused = ["audio_hash"]
    refused += [] if protocol in (RANDOM, *PUBLISHED) else ["speaker"]
    refused += ["session"] if protocol == SESSION else []
    counts: dict[str, int | None] = {}
    for count, name in (
        ("audio", "audio_hash"),
        ("speakers", "speaker"),
        ("sessions", "session"),
        ("sentences", "sentence"),
    ):
        known = joined[joined[name] != ""]
        parts = known.groupby(["fold", name])["part"].nunique()
        shared = parts[parts > 1].index
        if len(shared) and name in refused:
            fold, value = map(str, shared[0])
            raise SplitError(
                f"Leak: {name} {value!r} is in two parts of fold {fold!r} of protocol "
                f"`{protocol}`. " + _REMEDIES[name]
            )
        counts[count] = shared.get_level_values(name).nunique() if len(known) else None
    return Overlap(**counts)
