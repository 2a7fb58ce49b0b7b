import numpy as np
import pytest

from pretrain.data.synthetic.emotions import EMOTIONS
from pretrain.data.synthetic.oracle import (
    on_contradicted,
    oracle,
    unweighted_accuracy,
    word_probabilities,
)
from pretrain.data.synthetic.plan import SyntheticSettings, plan_part


def test_both_streams_beat_the_better_single_one_by_ten_points() -> None:
    scores = oracle(SyntheticSettings())
    assert scores.gain >= 0.10
    assert scores.words > 0.5
    assert scores.voice > 0.5
    assert scores.both < 1


def test_words_alone_score_what_the_shares_say() -> None:
    # By hand: angry, happy and sad are told by 0.7 * 0.8 of their words, neutral by 0.7.
    assert oracle(SyntheticSettings()).words == pytest.approx((3 * 0.56 + 0.7) / 4, abs=0.02)


@pytest.mark.slow
def test_words_that_never_contradict_or_hide_tell_everything() -> None:
    scores = oracle(SyntheticSettings(contradicted_share=0.0, neutral_words_share=0.0))
    assert scores.words == scores.both == 1


def test_word_probabilities_agree_with_the_plans() -> None:
    settings = SyntheticSettings()
    table = word_probabilities(settings)
    np.testing.assert_allclose(table.sum(axis=(1, 2)), 1)
    plans = plan_part("probe", num_rounds=200, seed=0, settings=settings)
    counts = np.zeros_like(table)
    for plan in (plan for plans_of_one in plans.values() for plan in plans_of_one):
        place = (EMOTIONS.index(plan.emotion), int(plan.contradicted))
        counts[(*place, EMOTIONS.index(plan.word_emotion))] += 1
    np.testing.assert_allclose(counts / counts.sum(axis=(1, 2), keepdims=True), table, atol=0.04)


def test_unweighted_accuracy_is_the_mean_recall() -> None:
    truth = np.array([0, 0, 0, 1])
    scores = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    assert unweighted_accuracy(truth, scores) == pytest.approx((2 / 3 + 1) / 2)


def test_who_hears_words_only_follows_them_and_who_hears_the_voice_does_not() -> None:
    shares = on_contradicted(SyntheticSettings())
    assert (shares["words"].right, shares["words"].follows_words) == (0.0, 1.0)
    for listener in ("voice", "both"):
        assert shares[listener].right > 0.9
        assert shares[listener].follows_words < 0.05
