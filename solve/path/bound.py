"""The Held-Karp bound: what any open path must cost at least."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..cost.prices import JoinCosts
from ..stop import StopCondition

_ROUNDS = 150
_FEWEST_ROUNDS = 10
_ROWS_IN_ALL = 300_000
"""Rows times rounds on candidate joins: longer films get fewer rounds, and so a wider gap."""
_PATIENCE = 8
_NEAR_ENOUGH = 1e-6

_Numbers: TypeAlias = npt.NDArray[np.float64]
_MakeTree: TypeAlias = Callable[[_Numbers], tuple[float, npt.NDArray[np.int64]]]


def lower_bound(costs: JoinCosts, upper: int, watch: StopCondition = StopCondition()) -> float:  # noqa: B008 - it is frozen
    """Ascend over node prices; every 1-tree through nowhere that comes out is a proof.

    A path closed through nowhere is a spanning tree of the rows plus two free joins, so for any prices
    pi it costs at least the minimum tree under them plus the two cheapest joins to nowhere, less 2 sum(pi).
    Where only candidate joins are priced, the bound is that of a film whose other joins cost what is assumed.
    """
    if len(costs) < 3:
        return float(upper)
    ascent = _Ascent(len(costs), upper)
    tree, rounds = _every_pair(costs.matrix) if costs.matrix is not None else _priced_joins(costs)
    while ascent.rounds < rounds and not ascent.done and (ascent.rounds == 0 or not watch.over()):
        ascent.step(*tree(ascent.prices))
    return min(ascent.best, float(upper))


def _every_pair(matrix: npt.NDArray[np.int64]) -> tuple[_MakeTree, int]:
    return partial(_tree, matrix.astype(np.float64)), _ROUNDS


def _priced_joins(costs: JoinCosts) -> tuple[_MakeTree, int]:
    ends, price = costs.priced()
    candidates = _Candidates(ends[:, 0], ends[:, 1], price.astype(np.float64), costs.radius().astype(np.float64))
    return candidates.tree, min(_ROUNDS, max(_FEWEST_ROUNDS, _ROWS_IN_ALL // len(costs)))


class _Ascent:
    """Held and Karp's subgradient steps: rows that the tree uses too often get dearer, its leaves cheaper."""

    def __init__(self, count: int, upper: int) -> None:
        self.prices = np.zeros(count)
        self.best, self.rounds, self.done = -np.inf, 0, False
        self._upper, self._factor, self._since = upper, 2.0, 0

    def step(self, weight: float, degree: npt.NDArray[np.int64]) -> None:
        """Take in the minimum tree under the current prices, and move them."""
        ends = np.argpartition(self.prices, 1)[:2]
        bound = weight + float(self.prices[ends].sum()) - 2 * float(self.prices.sum())
        pull = degree - 2
        pull[ends] += 1
        self.rounds += 1
        self._since = 0 if bound > self.best + 1e-9 * abs(self._upper) else self._since + 1
        self.best = max(self.best, bound)
        if self._since == _PATIENCE:
            self._factor, self._since = self._factor / 2, 0
        norm = float(pull @ pull)
        self.done = norm == 0 or self._factor < 1e-4 or self.best >= self._upper - 0.5
        if not self.done:
            stride = max(self._upper - bound, _NEAR_ENOUGH * abs(self._upper))
            self.prices = self.prices + self._factor * stride / norm * pull


@dataclass(frozen=True)
class _Candidates:
    """Priced joins, the smaller row first, and what any other join costs at least for each of its ends."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    price: _Numbers
    share: _Numbers

    def tree(self, prices: _Numbers) -> tuple[float, npt.NDArray[np.int64]]:
        """The weight of a spanning tree no dearer than the minimum one, and each row's degree in it.

        Of joins that cost a share of each of their ends the cheapest tree is the star of the cheapest row,
        so that the star may stand for all that are not priced. It lies below the diagonal, priced joins above.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import minimum_spanning_tree

        count = len(prices)
        other = self.share + prices
        hub = int(other.argmin())
        spokes = np.delete(np.arange(count), hub)
        ends = (
            np.concatenate([self.left, np.maximum(spokes, hub)]),
            np.concatenate([self.right, np.minimum(spokes, hub)]),
        )
        weight = np.concatenate([self.price + prices[self.left] + prices[self.right], other[spokes] + other[hub]])
        # A weight of nothing would not count as a join.
        shift = 1.0 - float(weight.min())
        found = minimum_spanning_tree(coo_array((weight + shift, ends), shape=(count, count)).tocsr()).tocoo()
        degree = np.bincount(np.concatenate([found.row, found.col]), minlength=count)
        return float(found.data.sum()) - shift * (count - 1), degree


def _tree(costs: _Numbers, prices: _Numbers) -> tuple[float, npt.NDArray[np.int64]]:
    """The weight of the minimum spanning tree over all pairs, and each row's degree in it."""
    count = len(costs)
    degree = np.zeros(count, np.int64)
    reach = np.full(count, np.inf)
    link = np.zeros(count, np.int64)
    row, total = 0, 0.0
    outside = np.ones(count, bool)
    for _ in range(count - 1):
        outside[row] = False
        reach[row] = np.inf
        offer = costs[row] + (prices + prices[row])
        better = outside & (offer < reach)
        reach[better] = offer[better]
        link[better] = row
        row = int(reach.argmin())
        total += reach[row]
        degree[row] += 1
        degree[link[row]] += 1
    return total, degree
