"""EmoDB, the Berlin Database of Emotional Speech: ten actors, German, seven emotions.

Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss, "A Database of German Emotional Speech",
Interspeech 2005. A name such as 03a01Fa consists of speaker 03, text a01, emotion letter F
(Freude, happiness) and a version letter.

The sessions are ours, not the corpus's: five pairs of a man and a woman, disjoint in speakers.
"""

import re
from functools import partial

from pretrain.data.readers.reader import FEMALE, MALE, Genders, Reader
from probe.corpora.published import MAY_BE_INCOMPLETE, list_names

EMOTIONS = {
    "W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness", "T": "sadness",
    "N": "neutral",
}  # fmt: skip

TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend k\u00f6nnte ich es ihm sagen.",
    "a05": "Das schwarze Blatt Papier befindet sich da oben neben dem Holzst\u00fcck.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das f\u00fcr T\u00fcten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}

MEN, WOMEN = ("03", "10", "11", "12", "15"), ("08", "09", "13", "14", "16")
SESSIONS = {
    speaker: str(number)
    for number, pair in enumerate(zip(MEN, WOMEN, strict=True), start=1)
    for speaker in pair
}
GENDERS = Genders(
    by_speaker={**dict.fromkeys(MEN, MALE), **dict.fromkeys(WOMEN, FEMALE)},
    source="the published list of speakers",
)

PUBLISHED_EMOTIONS = {
    "anger": 127, "boredom": 81, "disgust": 46, "fear": 69, "happiness": 71, "sadness": 62,
    "neutral": 79,
}  # fmt: skip
PUBLISHED_SPEAKERS = {
    "03": 49, "08": 58, "09": 43, "10": 38, "11": 55,
    "12": 35, "13": 61, "14": 69, "15": 56, "16": 71,
}  # fmt: skip

NAME = re.compile(
    rf"(?P<speaker>{'|'.join(SESSIONS)})(?P<text>{'|'.join(TEXTS)})"
    rf"(?P<emotion>[{''.join(EMOTIONS)}])[a-z]?"
)

list_emodb = partial(
    list_names,
    pattern=NAME,
    describe=lambda match: {
        "speaker": match["speaker"],
        "session": SESSIONS[match["speaker"]],
        "emotion": EMOTIONS[match["emotion"]],
        "text": TEXTS[match["text"]],
    },
    published={"emotion": PUBLISHED_EMOTIONS, "speaker": PUBLISHED_SPEAKERS},
)
"""Refuses, speaker by speaker and emotion by emotion, what differs from the 535 published files."""

READER = Reader(
    list_files=list_emodb,
    options=MAY_BE_INCOMPLETE,
    sample_rate=16_000,
    genders=lambda path: GENDERS,
)
