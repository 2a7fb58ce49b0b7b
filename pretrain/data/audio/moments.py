"""Mean and deviation of numbers that come in blocks."""

import numpy as np
import numpy.typing as npt


class Moments:
    """Of each of C columns, merged block by block (Chan, Golub, LeVeque 1979), in float64."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: npt.NDArray[np.float64] = np.zeros(())
        self._squares: npt.NDArray[np.float64] = np.zeros(())

    def update(self, block: npt.NDArray[np.floating]) -> None:
        """Adds (F, C) or (F,) numbers."""
        if not len(block):
            return
        count = len(block)
        mean = block.mean(axis=0, dtype=np.float64)
        squares = count * block.var(axis=0, dtype=np.float64)
        total = self._count + count
        step = mean - self._mean
        self._squares = self._squares + squares + step**2 * (self._count * count / total)
        self._mean = self._mean + step * (count / total)
        self._count = total

    def variance(self) -> npt.NDArray[np.float64]:
        """Returns (C,) or (), 0 of nothing."""
        return self._squares / max(1, self._count)
