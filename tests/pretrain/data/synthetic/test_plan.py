import numpy as np
import pytest

from pretrain.data.synthetic.emotions import EMOTIONS
from pretrain.data.synthetic.plan import (
    WORDED,
    Plan,
    SyntheticSettings,
    mean_ratings,
    plan_part,
    plan_speaker,
)
from pretrain.data.synthetic.prosody import noise_scale, rule_table
from pretrain.data.synthetic.speakers import speakers_of


def plans_of(part: str, rounds: int, seed: int = 0, **changes: float) -> list[Plan]:
    made = plan_part(part, num_rounds=rounds, seed=seed, settings=SyntheticSettings(**changes))
    return [plan for plans in made.values() for plan in plans]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_contradicted_share_is_the_one_that_was_set(share: float) -> None:
    plans = plans_of("probe", 80, contradicted_share=share)
    for plan in plans:
        disagree = plan.word_emotion != plan.emotion and plan.word_emotion in WORDED
        assert plan.contradicted == disagree
    # within one utterance per speaker and emotion
    assert np.mean([p.contradicted for p in plans]) == pytest.approx(share, abs=4 / 80)


def test_neutral_words_take_their_share_of_the_agreeing_emotional_utterances() -> None:
    plans = [p for p in plans_of("probe", 200) if not p.contradicted and p.emotion in WORDED]
    assert np.mean([p.word_emotion == "neutral" for p in plans]) == pytest.approx(0.2, abs=0.03)


def test_every_four_utterances_of_a_speaker_hold_each_emotion() -> None:
    plans = plan_speaker(
        speakers_of("probe")[0], num_utterances=40, seed=0, settings=SyntheticSettings()
    )
    for start in range(0, 40, 4):
        assert sorted(p.emotion for p in plans[start : start + 4]) == sorted(EMOTIONS)


def test_no_two_speakers_of_any_part_share_a_sentence() -> None:
    texts = [p.text for p in plans_of("probe", 50)] + [p.text for p in plans_of("pretrain", 50, 3)]
    assert len(set(texts)) == len(texts) == 50 * 26
    assert len({p.text for p in plans_of("probe", 50)}) >= 200


def test_a_longer_plan_begins_with_the_shorter_one() -> None:
    speaker = speakers_of("probe")[4]
    short, long = (
        plan_speaker(speaker, num_utterances=count, seed=7, settings=SyntheticSettings())
        for count in (9, 30)
    )
    for one, other in zip(short, long, strict=False):
        assert (one.text, one.emotion, one.word_emotion) == (
            other.text,
            other.emotion,
            other.word_emotion,
        )
        np.testing.assert_array_equal(one.prosody, other.prosody)
        np.testing.assert_array_equal(one.ratings, other.ratings)


def test_labels_are_on_the_scale_and_follow_the_voice() -> None:
    plans = plans_of("probe", 60)
    labels = np.array([mean_ratings(plan) for plan in plans])
    assert labels.min() >= 1
    assert labels.max() <= 5
    points = np.array([plan.point for plan in plans])
    for axis in range(3):
        assert np.corrcoef(points[:, axis], labels[:, axis])[0, 1] > 0.85


def test_prosody_is_the_rules_plus_noise_and_contradicted_voices_have_less() -> None:
    plans = plans_of("probe", 150)
    for strong in (False, True):
        here = [plan for plan in plans if plan.contradicted == strong]
        left = np.array([plan.prosody - rule_table(plan.point) for plan in here])
        np.testing.assert_allclose(left.std(axis=0), noise_scale(strong=strong), rtol=0.2)
        assert np.abs(left.mean(axis=0) / left.std(axis=0)).max() < 0.2


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"`contradicted_share` must be in \[0, 1\], but is 1.5"):
        SyntheticSettings(contradicted_share=1.5)
