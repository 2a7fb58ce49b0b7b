"""Entropy of counted symbols with little bias: pure functions of counts, in bits.

Shapes: M symbols, F frames.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import digamma

Counts = npt.NDArray[np.int64]


def entropy_bits(counts: Counts) -> float:
    """Returns the entropy in bits of the symbols with `counts` (M,); zeros are left out.

    Grassberger's estimator (arXiv physics/0307138, eq. 35): ln N - 1/N sum n G(n) with G(n) =
    psi(n) + (-1)^n / 2 (psi((n + 1) / 2) - psi(n / 2)). Counting entropies are too low by about
    (cells - 1) / 2N nats, which is also what Miller and Madow add. With thousands of centres most
    cells of a joint table are seen a few times only; there their correction, which knows the
    number of cells seen but not how often, falls short, and this one does not need it. Not
    specified by the paper.
    """
    present = np.asarray(counts, dtype=np.int64)
    present = present[present > 0]
    total = int(present.sum())
    assert total > 0
    table = _weights(1 << int(present.max()).bit_length())
    return float((np.log(total) - table[present].sum() / total) / np.log(2.0))


def mutual_information_bits(joint: Counts, rows: Counts, columns: Counts) -> float:
    """Returns I in bits from the counts of cells, of rows and of columns, in any order of cells.

    It is H(rows) + H(columns) - H(cells), each by `entropy_bits`, so it may be slightly negative.
    """
    return entropy_bits(rows) + entropy_bits(columns) - entropy_bits(joint)


def perplexity(counts: Counts) -> float:
    """Returns 2 to the entropy: 1 for a single symbol, about M for M symbols used evenly."""
    return float(2.0 ** entropy_bits(counts))


@lru_cache(maxsize=4)
def _weights(limit: int) -> npt.NDArray[np.float64]:
    """Returns n G(n) for n = 0 .. limit."""
    n = np.arange(1, limit + 1, dtype=np.float64)
    sign = np.where(n % 2 == 0, 1.0, -1.0)
    values = digamma(n) + 0.5 * sign * (digamma((n + 1) / 2) - digamma(n / 2))
    return np.concatenate([[0.0], n * values])
