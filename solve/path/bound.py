"""The Held-Karp bound: a proven minimum for the cost of any open path."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..cost.prices import JoinCosts
from ..stop import StopCondition

_ROUNDS = 150
"""Most subgradient steps."""
_FEWEST_ROUNDS = 10
"""Fewest steps on candidate joins, however long the film."""
_ROWS_IN_ALL = 6_000_000
"""Rows times steps on candidate joins: longer films get fewer steps, and so a wider gap."""
_CHEAPEST = 6
"""Joins of each row on which most of the steps are made: they take a third of the time of a step on all candidates."""
_FINAL_ROUNDS = 5
"""Steps on all candidate joins from there; only these prove a bound. The first gains most, a fifth hardly any."""
_NEAR_ENOUGH = 1e-6
"""Smallest step, as a share of the upper bound."""


@dataclass(frozen=True)
class _Schedule:
    """How far the steps of an ascent go."""

    factor: float = 2.0
    """The first step, as a share of the one that would reach the upper bound if the bound were linear."""
    patience: int = 8
    """Steps without a gain after which the step size is halved."""
    inertia: float = 0.0
    """Weight of the last direction in the next one."""


_DENSE = _Schedule()
_SPARSE = _Schedule(factor=1.0, patience=5, inertia=0.5)
"""On a walk of 20,000 frames, 100 such steps left .53 % where those of `_DENSE` left .72 %."""
_FINAL = _Schedule(factor=0.3, patience=2, inertia=0.5)

_Numbers: TypeAlias = npt.NDArray[np.float64]
_MakeTree: TypeAlias = Callable[[_Numbers], tuple[float, npt.NDArray[np.int64]]]


def lower_bound(costs: JoinCosts, upper: int, stop: StopCondition = StopCondition()) -> float:  # noqa: B008 - frozen
    """Ascend over node prices; every minimum 1-tree through the dummy row proves a bound.

    A path closed through the dummy is a spanning tree of the rows plus two free joins. For any node prices pi it
    therefore costs at least the minimum spanning tree under them, plus the two cheapest joins to the dummy, less 2
    sum(pi). If only candidate joins are priced, the bound holds for the costs that are assumed for all other joins.
    """
    if len(costs) < 3:
        return float(upper)
    if costs.matrix is None:
        return _sparse_bound(costs, upper, stop)
    ascent = _Ascent(len(costs), upper, _DENSE)
    ascent.climb(partial(_tree, costs.matrix.astype(np.float64)), _ROUNDS, stop)
    return min(ascent.best, float(upper))


def _sparse_bound(costs: JoinCosts, upper: int, stop: StopCondition) -> float:
    """Ascend on the cheapest joins of each row, then on all candidates from the best node prices so found."""
    ends, price = costs.priced()
    joins = _Candidates(ends[:, 0], ends[:, 1], price.astype(np.float64), costs.radius().astype(np.float64))
    first = _Ascent(len(costs), upper, _SPARSE)
    rounds = min(_ROUNDS, max(_FEWEST_ROUNDS, _ROWS_IN_ALL // len(costs)))
    first.climb(joins.cheapest(_CHEAPEST).tree, rounds, stop)
    final = _Ascent(len(costs), upper, _FINAL, first.best_prices)
    final.climb(joins.tree, _FINAL_ROUNDS, stop)
    return min(final.best, float(upper))


class _Ascent:
    """Held and Karp's subgradient steps: raise the price of rows that the tree overuses, lower that of its leaves."""

    def __init__(self, count: int, upper: int, schedule: _Schedule, prices: _Numbers | None = None) -> None:
        self.prices = np.zeros(count) if prices is None else prices
        self.best, self.best_prices, self.rounds, self.done = -np.inf, self.prices, 0, False
        self._upper, self._schedule = upper, schedule
        self._factor, self._since, self._direction = schedule.factor, 0, np.zeros(count)

    def climb(self, tree: _MakeTree, rounds: int, stop: StopCondition) -> None:
        """Step until nothing is left to gain; at least once, whatever the stop condition says."""
        while self.rounds < rounds and not self.done and (self.rounds == 0 or not stop.reached()):
            self.step(*tree(self.prices))

    def step(self, weight: float, degree: npt.NDArray[np.int64]) -> None:
        """Record the bound of the minimum tree under the current node prices, and move the prices."""
        ends = np.argpartition(self.prices, 1)[:2]
        bound = weight + float(self.prices[ends].sum()) - 2 * float(self.prices.sum())
        pull = degree - 2
        pull[ends] += 1
        self.rounds += 1
        self._since = 0 if bound > self.best + 1e-9 * abs(self._upper) else self._since + 1
        if bound > self.best:
            self.best, self.best_prices = bound, self.prices
        if self._since == self._schedule.patience:
            self._factor, self._since = self._factor / 2, 0
        norm = float(pull @ pull)
        self.done = norm == 0 or self._factor < 1e-4 or self.best >= self._upper - 0.5
        if not self.done:
            stride = max(self._upper - bound, _NEAR_ENOUGH * abs(self._upper))
            self._direction = pull + self._schedule.inertia * (self._direction - pull)
            self.prices = self.prices + self._factor * stride / norm * self._direction


@dataclass(frozen=True)
class _Candidates:
    """Priced joins, the smaller row first, and each row's share of the least cost of any other join."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    price: _Numbers
    share: _Numbers

    def cheapest(self, most: int) -> "_Candidates":
        """Return the joins that are among the cheapest few of either end."""
        ends, number = np.concatenate([self.left, self.right]), np.tile(np.arange(len(self.left)), 2)
        order = np.lexsort((self.price[number], ends))
        first = np.searchsorted(ends[order], ends[order])
        kept = np.unique(number[order[np.arange(len(order)) - first < most]])
        return _Candidates(self.left[kept], self.right[kept], self.price[kept], self.share)

    def tree(self, prices: _Numbers) -> tuple[float, npt.NDArray[np.int64]]:
        """Return the weight of a spanning tree no more expensive than the minimum one, and each row's degree in it.

        If every join costs the sum of a share of its ends, the cheapest tree is the star around the cheapest row. That
        star therefore stands in for all unpriced joins. It is stored below the diagonal, priced joins above.
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
        # A sparse matrix drops weights of 0.
        shift = 1.0 - float(weight.min())
        found = minimum_spanning_tree(coo_array((weight + shift, ends), shape=(count, count)).tocsr()).tocoo()
        degree = np.bincount(np.concatenate([found.row, found.col]), minlength=count)
        return float(found.data.sum()) - shift * (count - 1), degree


def _tree(costs: _Numbers, prices: _Numbers) -> tuple[float, npt.NDArray[np.int64]]:
    """Return the weight of the minimum spanning tree over all pairs, and each row's degree in it (Prim)."""
    count = len(costs)
    degree = np.zeros(count, np.int64)
    distance = np.full(count, np.inf)
    parent = np.zeros(count, np.int64)
    row, total = 0, 0.0
    outside = np.ones(count, bool)
    for _ in range(count - 1):
        outside[row] = False
        distance[row] = np.inf
        offer = costs[row] + (prices + prices[row])
        better = outside & (offer < distance)
        distance[better] = offer[better]
        parent[better] = row
        row = int(distance.argmin())
        total += distance[row]
        degree[row] += 1
        degree[parent[row]] += 1
    return total, degree
