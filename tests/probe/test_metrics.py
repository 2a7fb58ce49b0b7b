"""Scores against numbers computed by hand."""

import numpy as np
import pytest

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
