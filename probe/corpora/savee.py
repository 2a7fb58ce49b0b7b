"""SAVEE, the Surrey Audio-Visual Expressed Emotion database: four men, English, seven emotions.

Haq, Jackson, "Multimodal Emotion Recognition", in Machine Audition, IGI Global 2010. A name such as
DC_sa07 consists of the speaker's initials, a letter or two for the emotion and the sentence's
number within that emotion. Two layouts are in circulation: DC/sa07.wav, as in the corpus's own
`AudioData` folder, and DC_sa07.wav in one folder. Recorded at 44.1 kHz.

The corpus has no sessions. Which of its TIMIT sentences a number stands for is not in the names,
so texts are left empty.
"""

import re
from functools import partial
from pathlib import Path

from pretrain.data.readers.reader import MALE, Genders, Reader
from probe.corpora.published import MAY_BE_INCOMPLETE, list_names

SPEAKERS = ("DC", "JE", "JK", "KL")
GENDERS = Genders(by_speaker=dict.fromkeys(SPEAKERS, MALE), source="the published list of speakers")

EMOTIONS = {
    "a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "n": "neutral", "sa": "sadness",
    "su": "surprise",
}  # fmt: skip

NUM_SENTENCES = {code: 30 if code == "n" else 15 for code in EMOTIONS}
"""Per speaker; neutral repeats the common and the emotions' own sentences."""

NAME = re.compile(
    rf"(?P<speaker>{'|'.join(SPEAKERS)})_"
    r"(?P<emotion>n(?=0[1-9]|[12]\d|30)|(?:sa|su|[adfh])(?=0[1-9]|1[0-5]))\d\d"
)

PUBLISHED_NAMES = frozenset(
    f"{speaker}_{code}{number:02d}"
    for speaker in SPEAKERS
    for code, num_sentences in NUM_SENTENCES.items()
    for number in range(1, num_sentences + 1)
)
PUBLISHED_EMOTIONS = {EMOTIONS[code]: 4 * number for code, number in NUM_SENTENCES.items()}
PUBLISHED_SPEAKERS = dict.fromkeys(SPEAKERS, sum(NUM_SENTENCES.values()))


def _full_name(file: str) -> str:
    """Returns DC_a01 for DC/a01.wav, where the folder says who speaks, and for DC_a01.wav."""
    here = Path(file)
    return here.stem if "_" in here.stem else f"{here.parent.name}_{here.stem}"


list_savee = partial(
    list_names,
    pattern=NAME,
    describe=lambda match: {"speaker": match["speaker"], "emotion": EMOTIONS[match["emotion"]]},
    published={"emotion": PUBLISHED_EMOTIONS, "speaker": PUBLISHED_SPEAKERS},
    published_names=PUBLISHED_NAMES,
    name_of=_full_name,
)
"""Refuses what differs from the 480 published files, by name, by speaker and by emotion."""

READER = Reader(
    list_files=list_savee,
    options=MAY_BE_INCOMPLETE,
    sample_rate=44_100,
    seconds=(1.6, 7.1),
    genders=lambda path: GENDERS,
)
