"""Scores against numbers computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.metrics import ccc, confusion, macro_f1, mse, score_task, ua, wa

TARGET = ["a", "a", "a", "b", "b", "c"]
PREDICTION = ["a", "a", "b", "b", "a", "a"]
"""Recalls 2/3, 1/2, 0; precisions 2/4, 1/2, none."""


def test_accuracies_match_hand_computed_values() -> None:
    assert wa(TARGET, PREDICTION) == pytest.approx(3 / 6)
    assert ua(TARGET, PREDICTION) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_macro_f1_counts_a_class_that_is_never_predicted_as_zero() -> None:
    f1_a = 2 * (1 / 2) * (2 / 3) / (1 / 2 + 2 / 3)
    assert macro_f1(TARGET, PREDICTION) == pytest.approx((f1_a + 1 / 2 + 0) / 3)


def test_macro_f1_counts_a_class_that_only_the_predictions_have_as_zero() -> None:
    assert macro_f1(["a", "a"], ["a", "z"]) == pytest.approx((2 / 3 + 0) / 2)


def test_mse_and_ccc_match_hand_computed_values() -> None:
    target, prediction = [1.0, 2.0, 3.0], [2.0, 2.0, 5.0]
    assert mse(target, prediction) == pytest.approx((1 + 0 + 4) / 3)
    # Means 2 and 3, variances 2/3 and 2, covariance (1 + 0 + 2) / 3 = 1.
    assert ccc(target, prediction) == pytest.approx(2 * 1 / (2 / 3 + 2 + 1))


def test_constant_predictions_have_zero_concordance() -> None:
    assert ccc([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]) == 0.0
    assert ccc([2.0, 2.0], [2.0, 2.0]) == 0.0


@given(
    st.lists(st.integers(-50, 50).map(lambda n: n / 10), min_size=1, max_size=20),
    st.floats(-1e6, 1e6),
)
def test_no_constant_has_concordance_with_anything(target: list[float], answer: float) -> None:
    constant = [answer] * len(target)
    assert ccc(target, constant) == ccc(constant, target) == 0.0


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1))
def test_scores_of_classes_do_not_depend_on_the_order(pairs: list[tuple[str, str]]) -> None:
    first = score_task("emotion", [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    pairs = sorted(pairs)
    again = score_task("emotion", [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert first == pytest.approx(again)


@given(st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=1, max_size=30))
def test_scores_of_numbers_do_not_depend_on_the_order(pairs: list[tuple[int, int]]) -> None:
    first = score_task("valence", [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    pairs = sorted(pairs)
    again = score_task("valence", [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert first == pytest.approx(again, abs=1e-12)


def test_pooled_scores_are_not_means_over_batches() -> None:
    # Recalls 2/3 and none in the first three, 1/2 and 0 in the last.
    batches = [ua(TARGET[at : at + 3], PREDICTION[at : at + 3]) for at in (0, 3)]
    assert batches == pytest.approx([2 / 3, 1 / 4])
    assert ua(TARGET, PREDICTION) == pytest.approx(7 / 18)


def test_metrics_of_attributes_carry_their_name() -> None:
    scores = score_task("speaker", ["a", "a", "b"], ["a", "b", "b"])
    assert scores == {"speaker_ua": 0.75, "speaker_wa": pytest.approx(2 / 3)}


def test_a_shift_lowers_concordance_but_not_correlation() -> None:
    target = np.linspace(0, 1, 20)
    assert ccc(target, target) == pytest.approx(1.0)
    assert ccc(target, target + 1) < 0.2


def test_confusion_has_a_row_per_target_class() -> None:
    counts = confusion(TARGET, PREDICTION, ["a", "b", "c"])
    assert counts.tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="same length"):
        mse([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="empty"):
        ua([], [])
    with pytest.raises(ValueError, match="finite"):
        ccc([1.0, np.nan], [1.0, 2.0])
    with pytest.raises(ValueError, match="missing"):
        confusion(["a"], ["b"], ["a"])
    with pytest.raises(ValueError, match="`task` must be"):
        score_task("mood", ["a"], ["a"])
