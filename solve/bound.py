"""The Held-Karp bound: what any open path must cost at least."""

import numpy as np
import numpy.typing as npt

_ROUNDS = 150
_PATIENCE = 8


def lower_bound(matrix: npt.NDArray[np.int64], upper: int) -> float:
    """Ascend over node prices; every 1-tree through nowhere that comes out is a proof.

    A path closed through nowhere is a spanning tree of the rows plus two free joins, so for any prices
    pi it costs at least the minimum tree under them plus the two cheapest joins to nowhere, less 2 sum(pi).
    """
    count = len(matrix)
    if count < 3:
        return float(upper)
    costs = matrix.astype(np.float64)
    prices = np.zeros(count)
    best, factor, since = -np.inf, 2.0, 0
    for _ in range(_ROUNDS):
        bound, degree = _one_tree(costs, prices)
        since = 0 if bound > best + 1e-9 * abs(upper) else since + 1
        best = max(best, bound)
        if since == _PATIENCE:
            factor, since = factor / 2, 0
        pull = degree - 2
        norm = float(pull @ pull)
        if norm == 0 or factor < 1e-4 or best >= upper - 0.5:
            break
        prices += factor * max(upper - bound, 1e-6 * abs(upper)) / norm * pull
    return float(min(max(best, 0.0), upper))


def _one_tree(costs: npt.NDArray[np.float64], prices: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.int64]]:
    """The bound that these prices prove, and the degree of every row in the tree that proves it."""
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
    ends = np.argpartition(prices, 1)[:2]
    degree[ends] += 1
    return total + float(prices[ends].sum()) - 2 * float(prices.sum()), degree
