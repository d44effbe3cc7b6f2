"""How sure each join of the path is, from how its price compares with those it was chosen over."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, log

from .costs import JoinCosts
from .order import Ordered

# A logistic fit over the joins of real clips at crf 18 and 23; bench/order.py prints how well it holds.
_BIAS, _MARGIN, _BAND = 4.46, 2.18, -2.48
_MOST = 3.0


def join_confidence(ordered: Ordered) -> list[float]:
    """For each join the chance that it is right, between 0 and 1.

    A join is as sure as its price is low against the cheapest that either end could have had instead,
    and less so all along a path that does not fit its prices.
    """
    return [
        1 / (1 + exp(-(_BIAS + _MARGIN * margin + _BAND * log(max(ordered.band, 1.5) / 1.5))))
        for margin in margins(ordered.path.order, ordered.costs)
    ]


def margins(path: Sequence[int], costs: JoinCosts) -> list[float]:
    """For each join the logarithm of how many times dearer the best alternative is, at most a factor of 20."""
    place = {row: position for position, row in enumerate(path)}
    other = [_alternative(row, place, costs) for row in path]
    return [
        max(-_MOST, min(_MOST, log((min(other[at], other[at + 1]) + 1) / (costs.rows[a][b] + 1))))
        for at, (a, b) in enumerate(pairwise(path))
    ]


def _alternative(row: int, place: dict[int, int], costs: JoinCosts) -> int:
    """The cheapest join of a row to one that is not beside it on the path; without any, the dearest known."""
    near = costs.neighbours[row]
    others = [costs.rows[row][c] for c in near if abs(place[c] - place[row]) > 1]
    return min(others, default=costs.rows[row][near[-1]] if near else 0)
