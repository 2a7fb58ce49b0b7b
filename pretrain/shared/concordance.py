"""The concordance correlation coefficient (Lin 1989): the one formula of all who score with it."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def concordance(x: Array, y: Array) -> float:
    """Returns the agreement of two arrays of (N,) finite numbers, in [-1, 1].

    2 cov / (var x + var y + (difference of the means)^2) with population moments. A constant agrees
    with nothing: 0.
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    covariance = np.mean((x - x.mean()) * (y - y.mean()))
    return float(2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))
