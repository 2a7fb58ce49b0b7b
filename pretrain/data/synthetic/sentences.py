"""English sentences from templates and a lexicon, each said by one speaker only.

What tells the emotion is one word or phrase out of some twenty per category; it comes back in many
sentences. Whom and what a sentence is about is the same for all categories and tells nothing.
"""

import re
from functools import cache

import numpy as np

from pretrain.shared.errors import InputError
from pretrain.shared.random_streams import generator

TEMPLATES = (
    "{who} {how}{feeling} about {topic}{when}.",
    "About {topic}, {who} {how}{feeling}{when}.",
)

WHO = (
    "I am", "We are", "He is", "She is", "They are", "My sister is", "My brother is",
    "The teacher is", "Our neighbor is", "Everybody is",
)  # fmt: skip

HOW = ("", "really ", "still ")

WHEN = ("", " today", " now")

FEELING = {
    "angry": (
        "angry", "furious", "outraged", "mad", "annoyed", "enraged", "fuming", "livid",
        "irritated", "bitter", "shouting", "swearing", "fed up", "sick and tired",
        "full of hate", "boiling with rage",
    ),
    "happy": (
        "happy", "delighted", "thrilled", "glad", "joyful", "cheerful", "excited", "overjoyed",
        "laughing", "celebrating", "smiling", "proud and pleased", "over the moon",
        "full of joy", "in love with life", "dancing for joy",
    ),
    "sad": (
        "sad", "heartbroken", "miserable", "depressed", "lonely", "grieving", "crying",
        "mourning", "sorrowful", "gloomy", "weeping", "in tears", "without hope",
        "full of sorrow", "down and lost", "hurt and alone",
    ),
    "neutral": (
        "reading", "writing", "asking", "talking", "thinking", "learning", "speaking",
        "calling", "waiting", "sending mail", "taking notes", "making a list",
        "looking at a map", "on the phone", "in the office", "at the desk",
    ),
}  # fmt: skip

TOPIC = (
    "the meeting", "the garden", "the kitchen", "the new house", "the old car", "the train",
    "the letter", "the story", "the weather", "the school", "the picture", "the bridge",
    "the market", "the village", "the river", "the window", "the concert", "the dinner",
    "the exam", "the ticket", "the holiday", "the bicycle", "the doctor", "the phone call",
    "the package", "the report", "the library", "the station", "the football game", "the choir",
    "the wedding", "the newspaper", "the price", "the lamp", "the shoes", "the computer",
    "the movie", "the horse", "the dog", "the cat", "the bus", "the answer", "the question",
    "the plan", "the hospital", "the airport", "the beach", "the mountain", "the boat",
    "the bread", "the project", "the visitor", "the contract", "the song", "the photograph",
    "the table", "the money", "the flowers", "the key", "the road",
)  # fmt: skip

SHAPE = (len(TEMPLATES), len(WHO), len(HOW), len(WHEN), len(TOPIC), len(FEELING["neutral"]))
NUM_SENTENCES = int(np.prod(SHAPE))
"""Sentences of each category."""


def sentence(emotion: str, number: int) -> str:
    """Returns sentence `number` (0 to NUM_SENTENCES - 1) of those worded for `emotion`."""
    template, who, how, when, topic, feeling = (int(i) for i in np.unravel_index(number, SHAPE))
    subject = WHO[who]
    if TEMPLATES[template].startswith("About") and not subject.startswith("I "):
        subject = subject[0].lower() + subject[1:]
    return TEMPLATES[template].format(
        who=subject,
        how=HOW[how],
        feeling=FEELING[emotion][feeling],
        topic=TOPIC[topic],
        when=WHEN[when],
    )


def word_emotion(text: str) -> str:
    """Returns the emotion that a sentence of this lexicon is worded for.

    Raises:
        InputError: It is none of them.
    """
    found = [emotion for emotion, pattern in _SAID.items() if pattern.search(text)]
    if len(found) != 1:
        raise InputError(f"{text!r} is no sentence of the synthetic corpus: make the corpus again.")
    return found[0]


_SAID = {
    emotion: re.compile(rf"\b(?:am|are|is) (?:really |still )?(?:{'|'.join(phrases)})(?= |\.)")
    for emotion, phrases in FEELING.items()
}


@cache
def deal(emotion: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Returns the one shuffled order of an emotion's sentences that all speakers are dealt from.

    It does not depend on the seed of a corpus: corpora of different seeds share no sentence
    between different speakers either.
    """
    return generator("synthetic", "sentences", emotion).permutation(NUM_SENTENCES)


def sentences_of_speaker(
    emotion: str, *, place: int, num_places: int, count: int, seed: int
) -> list[str]:
    """Returns the first `count` sentences worded for `emotion` that a speaker says.

    The speaker holds place `place` of `num_places`: every `num_places`-th sentence is that
    speaker's alone. `seed` sets their order. Raises ValueError when there are not enough.
    """
    own = deal(emotion)[place::num_places]
    if count > len(own):
        raise InputError(
            f"A speaker of the synthetic corpus has {len(own)} {emotion} sentences, but {count} "
            "were asked for: `hours` must be smaller."
        )
    order = generator(seed, "synthetic", "sentence order", emotion, place).permutation(len(own))
    return [sentence(emotion, int(own[number])) for number in order[:count]]
