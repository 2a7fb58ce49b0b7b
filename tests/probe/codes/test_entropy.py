"""The estimator against distributions whose entropy and information are known."""

import numpy as np
import pytest

from pretrain.shared.random_streams import generator
from probe.codes.entropy import entropy_bits, mutual_information_bits, perplexity


def test_one_symbol_has_no_entropy_and_many_even_counts_have_all() -> None:
    assert entropy_bits(np.array([100_000])) == pytest.approx(0.0, abs=1e-4)
    assert entropy_bits(np.array([50_000] * 8)) == pytest.approx(3.0, abs=1e-4)
    assert perplexity(np.array([50_000] * 8 + [0])) == pytest.approx(8.0, abs=1e-3)


def test_undersampled_symbols_are_counted_with_little_bias() -> None:
    draws = generator("entropy").integers(0, 4096, (20, 8192))
    found = [entropy_bits(np.bincount(draw)) for draw in draws]
    plain = []
    for draw in draws:
        shares = np.bincount(draw) / draws.shape[1]
        shares = shares[shares > 0]
        plain.append(-(shares * np.log2(shares)).sum())
    assert np.mean(found) == pytest.approx(12.0, abs=0.03)
    assert np.mean(plain) < 11.7


@pytest.mark.parametrize("flip", [0.1, 0.5])
def test_information_of_a_noisy_channel_is_found(flip: float) -> None:
    """A fair bit sent with `flip` errors, seen through 500 symbols that say nothing more."""
    rng = generator("channel", str(flip))
    found = []
    for _ in range(10):
        label = rng.integers(0, 2, 20_000)
        code = np.where(rng.random(20_000) < flip, 1 - label, label) + 2 * rng.integers(
            0, 500, 20_000
        )
        found.append(
            mutual_information_bits(
                np.bincount(2 * code + label), np.bincount(label), np.bincount(code)
            )
        )
    known = 1 + flip * np.log2(flip) + (1 - flip) * np.log2(1 - flip)
    assert np.mean(found) == pytest.approx(known, abs=0.005)
