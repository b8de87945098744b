"""Mean and standard deviation of the columns of blocks, by one pass, in double."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Number, mean and sum of squared differences of each column, merged block by block.

    Two sets with n, mean m and squares S are merged to n = n₁ + n₂, m₁ + (m₂ − m₁) n₂ / n and
    S₁ + S₂ + (m₂ − m₁)² n₁ n₂ / n (Chan, Golub & LeVeque 1983).
    """

    def __init__(self, n_columns: int) -> None:
        self._n, self._mean = np.zeros(n_columns), np.zeros(n_columns)
        self._squares = np.zeros(n_columns)
        self._low, self._high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)

    def add(self, block: NDArray[Any]) -> None:
        """Merge a block (n, n_columns); NaN stands for a missing value."""
        x = np.asarray(block, np.float64)
        there = ~np.isnan(x)
        n = there.sum(axis=0).astype(np.float64)
        filled, count = np.where(there, x, 0), np.maximum(n, 1)
        mean = filled.sum(axis=0) / count
        differences = np.where(there, x - mean, 0)
        mean = mean + differences.sum(axis=0) / count  # of the rounding of the first mean
        squares = np.square(np.where(there, x - mean, 0)).sum(axis=0)
        total = np.maximum(self._n + n, 1)
        apart = mean - self._mean
        self._squares += squares + np.square(apart) * (self._n * n / total)
        self._mean += apart * (n / total)
        self._n += n
        np.minimum(self._low, np.where(there, x, np.inf).min(axis=0), out=self._low)
        np.maximum(self._high, np.where(there, x, -np.inf).max(axis=0), out=self._high)

    @property
    def mean_and_deviation(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of each column; 0 where it does not vary."""
        deviation = np.sqrt(self._squares / np.maximum(self._n, 1))
        return self._mean, np.where(self._high > self._low, deviation, 0)
