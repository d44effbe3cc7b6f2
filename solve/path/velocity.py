"""Search for the path along which motion changes least over three frames, at a low price."""

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .steady import SmoothPaths

Doubles = npt.NDArray[np.float64]

_PRICE = 0.1
"""Weight of the price of a join, in units of the median cheapest one, against the change of velocity at a row, in units
of the median one of the two best pairs of neighbours.
"""
_WORST = 0.95
"""Quantile of the changes of velocity that stands for larger ones and for those of rows that are not near."""
_WIDTH = 2000
"""Partial paths of the beam search."""


class VelocityPaths(SmoothPaths):
    """Paths rated by changes of velocity and by the prices of their joins."""

    def __init__(self, changes: Floats, near: Ints, prices: Doubles, width: int | None = None) -> None:
        """Take changes of velocity.

        Args:
            changes: For each row, by how much motion changes from each of its near rows to each other.
            near: The rows near each row.
            prices: The price of each join.
            width: Partial paths of the beam search.
        """
        apart = prices + np.diag(np.full(len(prices), np.inf))
        super().__init__(apart, near, width or _WIDTH)
        self._changes_at = _with_unknown(changes)
        self._nth = np.full((self.count, self.count), near.shape[1])
        self._nth[np.arange(self.count)[:, None], near] = np.arange(near.shape[1])
        self._prices = np.zeros((self.count + 1, self.count + 1))
        self._prices[:-1, :-1] = prices * _PRICE / max(float(np.median(apart.min(axis=1))), 1e-9)

    def _fours(self, a: Ints, b: Ints, c: Ints, d: Ints) -> Doubles:
        prices = self._prices[a, b] + self._prices[b, c] + self._prices[c, d]
        return np.asarray((self._threes(a, b, c) + self._threes(b, c, d)) / 2 + prices / 3, np.float64)

    def _threes(self, a: Ints, b: Ints, c: Ints) -> Doubles:
        last = self.count - 1
        at, left, right = (np.minimum(rows, last) for rows in (b, a, c))
        known = (a <= last) & (b <= last) & (c <= last)
        return np.where(known, self._changes_at[at, self._nth[at, left], self._nth[at, right]], 0.0)


def _with_unknown(changes: Floats) -> Doubles:
    """Return changes in units of good ones, with one more neighbour that stands for all that are not near."""
    count = changes.shape[1]
    upper = np.triu_indices(count, 1)
    pairs = changes[:, upper[0], upper[1]]
    usual = max(float(np.median(np.sort(pairs, axis=1)[:, :2])), 1e-9)
    worst = float(np.quantile(pairs, _WORST)) / usual
    found = np.full((len(changes), count + 1, count + 1), worst)
    found[:, :count, :count] = np.minimum(changes / usual, worst)
    found[:, np.arange(count), np.arange(count)] = worst
    return found
