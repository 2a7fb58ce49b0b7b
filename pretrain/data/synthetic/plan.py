"""What each speaker says, how, and what it is labelled: everything but the sound.

An utterance depends on (seed, speaker, its number) and on the settings, never on how many follow
it: the plan of a smaller corpus is the beginning of a larger one's.
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from math import floor
from typing import Annotated

import numpy as np

from pretrain.data.synthetic.emotions import EMOTIONS, Array, ratings, sample_points
from pretrain.data.synthetic.prosody import noise_scale, rule_table
from pretrain.data.synthetic.sentences import sentences_of_speaker
from pretrain.data.synthetic.speakers import Speaker, all_speakers, speakers_of
from pretrain.shared.checked_settings import settings as checked
from pretrain.shared.checked_settings import within
from pretrain.shared.random_streams import generator

WORDED = tuple(emotion for emotion in EMOTIONS if emotion != "neutral")


@checked
class SyntheticSettings:
    """How words, voice and labels of an utterance hang together. Not specified by the paper."""

    contradicted_share: Annotated[float, within("[0, 1]")] = 0.3
    """Share of the utterances whose words express another emotion than voice and label.

    Their voice is strongly expressed, so that who hears both can tell.
    """

    neutral_words_share: Annotated[float, within("[0, 1]")] = 0.2
    """Share of the other angry, happy and sad utterances whose words are neutral."""

    rater_noise: Annotated[float, within("[0, 100]")] = 0.5
    """Standard deviation of one rater, on the scale 1 to 5."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One utterance."""

    number: int
    """From 0, within the speaker."""
    emotion: str
    """The label; the voice follows it."""
    word_emotion: str
    """What the words express."""
    contradicted: bool
    """True: the words express another emotion than the voice."""
    text: str
    point: Array
    """(3,) activation, evaluation, power."""
    prosody: Array
    """(5,) the rules' values plus this utterance's noise."""
    ratings: Array
    """(raters, 3) arousal, valence, dominance on the scale 1 to 5."""


def plan_speaker(
    speaker: Speaker, *, num_utterances: int, seed: int, settings: SyntheticSettings
) -> list[Plan]:
    """Returns the first `num_utterances` utterances of `speaker`. Raises ValueError if too many."""
    wording = plan_wording(speaker, num_utterances, seed, settings)
    needed = Counter(word_emotion for _, word_emotion, _ in wording)
    dealt = partial(
        sentences_of_speaker, place=speaker.place, num_places=len(all_speakers()), seed=seed
    )
    sentences = {emotion: iter(dealt(emotion, count=count)) for emotion, count in needed.items()}
    plans = []
    for number, (emotion, word_emotion, contradicted) in enumerate(wording):
        key = (seed, "synthetic", speaker.name, number)
        drawn = generator(*key, "point")
        point = sample_points(emotion, strong=contradicted, count=1, generator=drawn)[0]
        noise = generator(*key, "prosody").standard_normal(len(noise_scale(strong=False)))
        plans.append(
            Plan(
                number=number,
                emotion=emotion,
                word_emotion=word_emotion,
                contradicted=contradicted,
                text=next(sentences[word_emotion]),
                point=point,
                prosody=rule_table(point) + noise_scale(strong=contradicted) * noise,
                ratings=ratings(
                    point, noise=settings.rater_noise, generator=generator(*key, "raters")
                ),
            )
        )
    return plans


def plan_wording(
    speaker: Speaker, num_utterances: int, seed: int, settings: SyntheticSettings
) -> list[tuple[str, str, bool]]:
    """Returns (emotion, emotion of the words, contradicted) of each utterance.

    Every four utterances hold each emotion once. The shares are kept by systematic sampling, within
    one utterance per speaker and emotion, so that small corpora keep them as well.
    """
    start = {
        emotion: generator(seed, "synthetic", speaker.name, emotion, "wording").random(2)
        for emotion in EMOTIONS
    }
    said: Counter[str] = Counter()
    agreeing: Counter[str] = Counter()
    wording = []
    for number in range(num_utterances):
        block, slot = divmod(number, len(EMOTIONS))
        draws = generator(seed, "synthetic", speaker.name, block, "order")
        emotion = EMOTIONS[draws.permutation(len(EMOTIONS))[slot]]
        contradicted = is_hit(said[emotion], settings.contradicted_share, start[emotion][0])
        said[emotion] += 1
        if contradicted:
            choice = generator(seed, "synthetic", speaker.name, number, "words")
            others = [other for other in WORDED if other != emotion]
            word_emotion = others[int(choice.integers(len(others)))]
        else:
            neutral = is_hit(agreeing[emotion], settings.neutral_words_share, start[emotion][1])
            agreeing[emotion] += 1
            word_emotion = "neutral" if neutral else emotion
        wording.append((emotion, word_emotion, contradicted))
    return wording


def is_hit(number: int, share: float, start: float) -> bool:
    """Systematic sampling: True for a `share` of all numbers 0, 1, ..., evenly spaced."""
    return floor((number + 1) * share + start) > floor(number * share + start)


def plan_part(
    part: str, *, num_rounds: int, seed: int, settings: SyntheticSettings
) -> dict[str, list[Plan]]:
    """Returns the plans of all speakers of `part`, by speaker name."""
    return {
        speaker.name: plan_speaker(speaker, num_utterances=num_rounds, seed=seed, settings=settings)
        for speaker in speakers_of(part)
    }


def mean_ratings(plan: Plan) -> tuple[float, float, float]:
    """Returns the labels: arousal, valence, dominance, each the mean of the raters."""
    arousal, valence, dominance = np.round(plan.ratings.mean(axis=0), 4).tolist()
    return arousal, valence, dominance
