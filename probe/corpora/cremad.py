"""CREMA-D: 91 actors, twelve English sentences, six emotions, votes by crowd workers.

Cao, Cooper, Keutmann, Gur, Nenkova, Verma, "CREMA-D: Crowd-sourced Emotional Multimodal Actors
Dataset", IEEE Transactions on Affective Computing 5(4), 2014. A name such as 1001_IEO_ANG_HI
consists of actor, sentence, emotion that was acted and intensity (LO, MD, HI for the sentence IEO
with an emotion, else XX). 20 of the 7,462 combinations were never published. One published file,
1076_MTI_SAD_XX, has no sound: the scan sets it aside.

The label is the emotion that was *acted*, from the file's name. The option `voice` takes the
majority of the listeners instead who only heard the voice (`VoiceVote` of the corpus's own
`processedResults/summaryTable.csv`, which sums up `finishedResponses.csv`): where it is tied there
is no label. The two are far apart: listeners chose the acted emotion alone in 3,099 files (42 %).

The sessions are ours, not the corpus's: ten groups of nine or ten actors, disjoint in speakers, so
that protocol `session` makes 10 folds where `speaker` makes 91.
"""

import re
from collections.abc import Collection
from itertools import product
from pathlib import Path

import pandas as pd

from pretrain.data.readers.folder import existing_folder
from pretrain.data.readers.reader import Genders, Reader, genders_in_table, unknown_genders
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.data.tables.delimited import read_delimited
from pretrain.shared.errors import InputError
from probe.corpora.published import MAY_BE_INCOMPLETE, list_names

VOICE = "voice"
OPTIONS = {VOICE: "the label is what most listeners heard, not what was acted"}

EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip

TEXTS = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}

ACTORS = [str(number) for number in range(1001, 1092)]
SESSIONS = {actor: f"{int(actor) % 10 + 1:02d}" for actor in ACTORS}

NAME = re.compile(
    rf"(?P<actor>{'|'.join(ACTORS)})_(?P<text>{'|'.join(TEXTS)})"
    rf"_(?P<emotion>{'|'.join(EMOTIONS)})_(?P<level>LO|MD|HI|XX)"
)

NEVER_PUBLISHED = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"} | {
    f"{name}_{emotion}_XX" for name in ("1008_WSI", "1009_MTI", "1019_ITH") for emotion in EMOTIONS
}
PUBLISHED_NAMES = (
    frozenset(
        f"{actor}_{text}_{emotion}_{level}"
        for actor, text, emotion in product(ACTORS, TEXTS, EMOTIONS)
        for level in (("LO", "MD", "HI") if text == "IEO" and emotion != "NEU" else ("XX",))
    )
    - NEVER_PUBLISHED
)

PUBLISHED_EMOTIONS = {name: 1087 if name == "neutral" else 1271 for name in EMOTIONS.values()}
PUBLISHED_SPEAKERS = dict.fromkeys(ACTORS, 82) | {
    "1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 81,
}  # fmt: skip

VOTES = "processedResults/summaryTable.csv"
DEMOGRAPHICS = "VideoDemographics.csv"


def list_cremad(path: Path, source: str, options: Collection[str] = ()) -> pd.DataFrame:
    """Lists CREMA-D's `AudioWAV` in or at `path`, with what was acted and what was heard.

    Two columns more than other corpora: `acted`, and `voice_vote` ("" where it is tied) if the vote
    table is there. Refuses what differs from the 7,442 published files: by name, actor and acted
    emotion.
    """
    listing = list_names(
        path,
        source,
        options,
        pattern=NAME,
        describe=lambda match: {
            "speaker": match["actor"],
            "session": SESSIONS[match["actor"]],
            "acted": EMOTIONS[match["emotion"]],
            "text": TEXTS[match["text"]],
        },
        published={"acted": PUBLISHED_EMOTIONS, "speaker": PUBLISHED_SPEAKERS},
        published_names=PUBLISHED_NAMES,
        within="AudioWAV",
    )
    listing["emotion"] = listing["acted"]
    folder = existing_folder(path, what=f"The corpus {source}")
    if (table := _in_or_beside(folder, VOTES)) is not None:
        listing["voice_vote"] = listing["id"].str.removeprefix(f"{source}/").map(_votes(table))
        if len(unknown := listing["id"][listing["voice_vote"].isna()]):
            name = unknown.iloc[0].removeprefix(f"{source}/")
            raise InputError(f"{table} must hold the votes on every file, but not {name}.")
    if VOICE in options:
        if table is None:
            raise InputError(
                f"{source}:{VOICE} needs the corpus's vote table, but {folder / VOTES} is not "
                "there."
            )
        listing["emotion"] = listing["voice_vote"]
        warn_of_corpus(
            f"{source}: labels are the listeners' votes on the voice; "
            f"{int((listing['emotion'] == '').sum())} of {len(listing)} are tied and have none."
        )
    return listing


def find_genders(path: Path) -> Genders:
    """Returns what the corpus's own table of the actors says, if it is in or beside `path`."""
    if (table := _in_or_beside(path, DEMOGRAPHICS)) is None:
        return unknown_genders(path)
    return genders_in_table(table, speaker="ActorID", gender="Sex", source=DEMOGRAPHICS)


def _in_or_beside(folder: Path, file: str) -> Path | None:
    places = (folder / file, folder.parent / file)
    return next((place for place in places if place.is_file()), None)


def _votes(table: Path) -> dict[str, str]:
    """Returns the majority vote on the voice per file name, "" where it is tied (A:D)."""
    frame = read_delimited(table)
    if missing := {"FileName", "VoiceVote"} - set(frame.columns):
        raise InputError(f"{table} must have the column {sorted(missing)[0]}, but has not.")
    names = {code[0]: emotion for code, emotion in EMOTIONS.items()}
    for line, vote in frame["VoiceVote"].items():
        if not set(vote.split(":")) <= set(names):
            raise InputError(
                f"{table}, line {line}: `VoiceVote` must be of {', '.join(names)}, but is {vote!r} "
                "instead."
            )
    return dict(zip(frame["FileName"], frame["VoiceVote"].map(names).fillna(""), strict=True))


READER = Reader(
    list_files=list_cremad,
    options=OPTIONS | MAY_BE_INCOMPLETE,
    sample_rate=16_000,
    genders=find_genders,
)
