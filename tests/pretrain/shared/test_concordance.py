"""The one concordance coefficient."""

import numpy as np
import pytest

from pretrain.shared.concordance import concordance


def test_it_is_the_hand_computed_value_and_symmetric() -> None:
    x, y = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0])
    # Covariance 4/3, variances 2/3 and 8/3, means 2 and 3.
    assert concordance(x, y) == pytest.approx(2 * 4 / 3 / (2 / 3 + 8 / 3 + 1))
    assert concordance(x, y) == concordance(y, x)
    assert concordance(x, x) == pytest.approx(1.0)


def test_a_constant_agrees_with_nothing_not_even_with_itself() -> None:
    constant = np.full(3, 0.1)
    assert concordance(constant, np.arange(3.0)) == concordance(constant, constant) == 0.0
