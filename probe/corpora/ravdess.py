"""RAVDESS, the speech part: 24 actors, North American English, eight emotions, calm included.

Livingstone, Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)",
PLoS ONE 13(5), 2018. A name such as 03-01-06-01-02-01-12 consists of modality (03 audio only),
channel (01 speech), emotion, intensity, statement, repetition and actor (odd: men, even: women).
The published corpus holds one recording twice, 03-01-03-01-02-01-07 and 03-01-03-01-02-02-07.

The sessions are ours, not the corpus's: actors 1 and 2, 3 and 4, ..., disjoint in speakers.
"""

import re
from functools import partial
from itertools import product

from pretrain.data.readers.reader import FEMALE, MALE, Genders, Reader
from probe.corpora.published import MAY_BE_INCOMPLETE, list_names

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful",
    "07": "disgust", "08": "surprised",
}  # fmt: skip

TEXTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

ACTORS = [f"{actor:02d}" for actor in range(1, 25)]
SESSIONS = {actor: str((int(actor) + 1) // 2) for actor in ACTORS}
GENDERS = Genders(
    by_speaker={actor: MALE if int(actor) % 2 else FEMALE for actor in ACTORS},
    source="the numbers of the actors",
)

NAME = re.compile(
    rf"03-01-(?P<emotion>{'|'.join(EMOTIONS)})-(?P<intensity>01|02)"
    rf"-(?P<text>{'|'.join(TEXTS)})-(?P<repetition>01|02)-(?P<actor>{'|'.join(ACTORS)})"
)

PUBLISHED_NAMES = {
    f"03-01-{emotion}-{intensity}-{text}-{repetition}-{actor}"
    for emotion, intensity, text, repetition, actor in product(
        EMOTIONS, ("01", "02"), TEXTS, ("01", "02"), ACTORS
    )
    # Neutral was recorded in normal intensity only.
    if (emotion, intensity) != ("01", "02")
}
PUBLISHED_EMOTIONS = {name: 96 if name == "neutral" else 192 for name in EMOTIONS.values()}
PUBLISHED_SPEAKERS = dict.fromkeys(ACTORS, 60)

list_ravdess = partial(
    list_names,
    pattern=NAME,
    describe=lambda match: {
        "speaker": match["actor"],
        "session": SESSIONS[match["actor"]],
        "emotion": EMOTIONS[match["emotion"]],
        "text": TEXTS[match["text"]],
    },
    published={"emotion": PUBLISHED_EMOTIONS, "speaker": PUBLISHED_SPEAKERS},
    published_names=PUBLISHED_NAMES,
)
"""Leaves songs and videos out. Refuses what differs from the 1440 published files, by name, actor
and by emotion."""

READER = Reader(
    list_files=list_ravdess,
    options=MAY_BE_INCOMPLETE,
    sample_rate=48_000,
    genders=lambda path: GENDERS,
)
