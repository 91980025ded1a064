"""Sample of limited size from a stream of any length."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MAX_VALUES = 200_000


class Sample:
    """A uniform sample of the finite values that were added.

    Each value gets a pseudo-random number, which is computed from the seed and the value's place in
    the stream. The values with the smallest numbers are kept. So the sample does not depend on the
    division of the stream into pieces. Up to ``max_values`` values, all are kept.

    >>> sample = Sample(max_values=3)
    >>> sample.add(pa.chunked_array([[1.0, None, 2.0]]))
    >>> sample.count, sample.values.tolist()
    (2, [1.0, 2.0])
    """

    def __init__(self, *, max_values: int = MAX_VALUES, seed: int = 0) -> None:
        self.count = 0
        self._max, self._seed = max_values, seed
        self._keys = np.empty(0, np.uint64)
        self._values = np.empty(0, np.float64)
        self._limit = np.uint64(2**64 - 1)

    def add(self, column: pa.ChunkedArray) -> None:
        """Add the values of a column of numbers; nulls, NaN and infinities are left out."""
        values = column.drop_null().to_numpy().astype(np.float64)
        values = values[np.isfinite(values)]
        keys = _scatter(self.count, values.size, seed=self._seed)
        self.count += values.size
        near = keys <= self._limit
        self._keys = np.concatenate([self._keys, keys[near]])
        self._values = np.concatenate([self._values, values[near]])
        if self._keys.size >= 2 * self._max:
            self._shrink()

    @property
    def values(self) -> NDArray[np.float64]:
        """The kept values; in the order of the stream only if all were kept."""
        if self._keys.size > self._max:
            self._shrink()
        return self._values

    def _shrink(self) -> None:
        kept = np.argsort(self._keys, kind="stable")[: self._max]
        self._keys, self._values = self._keys[kept], self._values[kept]
        self._limit = self._keys[-1]


def _scatter(first: int, count: int, *, seed: int) -> NDArray[np.uint64]:
    """Return a number for each of ``count`` places, by splitmix64 (Steele et al. 2014)."""
    state = np.arange(first + 1, first + count + 1, dtype=np.uint64)
    state = state * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)  # modulo 2**64 on purpose
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
