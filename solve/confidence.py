"""Estimate how certain each join is by comparing its price with the prices of its alternatives."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Literal

from .cost.prices import JoinCosts
from .exchanges import order_agreement, shared_joins
from .order import OrderResult
from .plan.model import Alternative, Plan, Shot, WeakJoin

# Logistic fits over the joins of real clips at crf 18 and 23; bench/order.py prints how well they hold. Without an
# agreement of halves:
_BIAS = 4.46
_MARGIN = 2.18
_BAND = -2.48
# With one, over 12,226 joins of 102 films, those of one clip weighing less: clips of the tuning half at crf 18, 23 and,
# three times as fast, at crf 28, of 100 and 300 frames, films cut together from them, and drawn ones. Fitted to five
# sixths of the clips, the error on the others was 1.9 %; that of the fit before, without paths by halves, was 4.9 %.
_AGREED_BIAS = 0.74
_CHEAPER = 1.02
"""Weight of a margin by which a join is cheaper than its alternatives."""
_DEARER = 1.36
"""Weight of a margin by which it is more expensive: at cuts and in fast movement many such joins are right."""
_DISAGREED = -0.61
"""Weight of the logarithm of the share of joins on which the halves do not agree: the step from all to nearly all
counts most."""
_OTHER_ORDER = -0.48
"""The same of how far the orders by halves differ from that of the path."""
_SHARED = 1.31
"""Weight of the share of paths by halves that have the join, less 1."""
_HARDLY = 0.01
"""Added to the share of joins: full agreement is no certainty."""
_HARDLY_OTHER = 0.05
"""The same for orders."""
_MAX_MARGIN = 3.0
"""Limits a margin to a factor of 20 (e^3), so that one extreme price does not dominate."""
_SURE = 0.9
"""Joins below this confidence are weak."""
_EACH_SIDE = 2
"""Alternatives considered for each end of a join."""
_IN_ALL = 3
"""Alternatives listed for a join."""


def join_confidence(ordered: OrderResult) -> list[float]:
    """Return for each join the probability that it is right.

    A join is the more certain, the cheaper it is than the best alternative of either end, and the more paths by halves
    of the pictures have it. A path that fits its own prices badly, or on whose joins or order halves do not agree,
    lowers the confidence of all its joins.
    """
    order = ordered.path.order
    chances = _by_band(ordered.band)
    if ordered.agreement is not None:
        chances = _by_agreement(ordered.agreement, order_agreement(order, ordered.halves))
    shares = shared_joins(order, ordered.halves).tolist()
    joins = zip(margins(order, ordered.costs), shares, strict=True)
    return [1 / (1 + exp(-chances(margin) - _SHARED * (share - 1))) for margin, share in joins]


def _by_band(band: float) -> Callable[[float], float]:
    film = _BIAS + _BAND * log(max(band, 1.5) / 1.5)
    return lambda margin: film + _MARGIN * margin


def _by_agreement(agreement: float, orders: float) -> Callable[[float], float]:
    film = _AGREED_BIAS + _DISAGREED * log(1 - agreement + _HARDLY) + _OTHER_ORDER * log(1 - orders + _HARDLY_OTHER)
    return lambda margin: film + margin * (_CHEAPER if margin > 0 else _DEARER)


def margins(path: Sequence[int], costs: JoinCosts) -> list[float]:
    """Return for each join the log ratio of the best alternative's price to its own, limited by `_MAX_MARGIN`."""
    place = {row: position for position, row in enumerate(path)}
    other = [_alternative(row, place, costs) for row in path]
    return [
        max(-_MAX_MARGIN, min(_MAX_MARGIN, log((min(other[at], other[at + 1]) + 1) / (costs.rows[a][b] + 1))))
        for at, (a, b) in enumerate(pairwise(path))
    ]


def _alternative(row: int, place: dict[int, int], costs: JoinCosts) -> int:
    """Return a row's cheapest join to a row not next to it on the path, else its most expensive known join."""
    near = costs.neighbours[row]
    others = [costs.rows[row][c] for c in near if abs(place[c] - place[row]) > 1]
    return min(others, default=costs.rows[row][near[-1]] if near else 0)


@dataclass(frozen=True)
class JoinReview:
    """Every join's price in multiples of the film's median join, and the weak joins, the least certain first."""

    prices: list[float]
    weak: list[WeakJoin]


def review_joins(
    order: Sequence[int],
    confidence: Sequence[float],
    shots: Sequence[Shot],
    row_of: Mapping[int, int],
    costs: JoinCosts,
    limit: int,
    undetermined: Collection[int] = (),
) -> JoinReview:
    """Price every join and list weak joins with their cheapest alternatives.

    A cut is weak only if a frame of another shot is a candidate, because prices say nothing about the order of shots.

    Args:
        order: The frames in playing order.
        confidence: One value for each join.
        shots: The shots of `order`.
        row_of: The row of `costs` that stands for each frame; the first of several repeats stands for all.
        costs: The costs that the order was found by.
        limit: How many weak joins to return at most.
        undetermined: Joins with equally good alternatives, by position. They are never weak: nothing can be chosen.
    """
    film = _film(order, shots, row_of, costs)
    joins = list(pairwise(film.rows))
    prices = [0.0 if a == b else film.price(a, b) for a, b in joins]
    cuts = {shot.start - 1 for shot in shots[1:]}
    weak: list[WeakJoin] = []
    for sure, at in sorted((sure, at) for at, sure in enumerate(confidence) if sure < _SURE and at not in undetermined):
        if len(weak) >= limit:
            break
        others = _alternatives(film, *joins[at], at in cuts)
        if others or at not in cuts:
            left, right = order[at], order[at + 1]
            weak.append(WeakJoin(at=at, left=left, right=right, confidence=sure, price=prices[at], alternatives=others))
    return JoinReview(prices, weak)


def count_weak(plan: Plan) -> int:
    """Count the weak joins of a plan, including those that `weak` does not list."""
    unnamed = {shot.start - 1 for shot in plan.shots} | set(plan.undetermined)
    unnamed -= {join.at for join in plan.weak}
    return sum(sure < _SURE and at not in unnamed for at, sure in enumerate(plan.confidence))


@dataclass(frozen=True)
class _PricedOrder:
    """The rows in playing order, with each row's adjacent rows, shot and frame."""

    rows: list[int]
    adjacent: dict[int, set[int]]
    shot: dict[int, int]
    frame: dict[int, int]
    costs: JoinCosts
    median_price: float

    def price(self, a: int, b: int) -> float:
        return round(self.costs.rows[a][b] / self.median_price, 3)


def _film(order: Sequence[int], shots: Sequence[Shot], row_of: Mapping[int, int], costs: JoinCosts) -> _PricedOrder:
    rows = [row_of[frame] for frame in order]
    adjacent: dict[int, set[int]] = defaultdict(set)
    for a, b in pairwise(rows):
        adjacent[a].add(b)
        adjacent[b].add(a)
    shot = {rows[at]: number for number, one in enumerate(shots) for at in range(one.start, one.start + one.length)}
    frame = {row_of[frame]: frame for frame in sorted(order, reverse=True)}
    median_price = median([costs.rows[a][b] for a, b in pairwise(rows) if a != b] or [1])
    return _PricedOrder(rows, adjacent, shot, frame, costs, max(1.0, median_price))


def _alternatives(film: _PricedOrder, left: int, right: int, cut: bool) -> list[Alternative]:
    """Return the cheapest alternatives of both ends."""
    found = [*_others(film, "after", left, right, cut), *_others(film, "before", right, left, cut)]
    return sorted(found, key=lambda other: other.price)[:_IN_ALL]


def _others(
    film: _PricedOrder, side: Literal["after", "before"], end: int, partner: int, cut: bool
) -> list[Alternative]:
    """Return likely frames for one side of a join, leaving out the rows already adjacent to that end."""
    excluded = {end, partner} | film.adjacent[end]
    near = [row for row in film.costs.neighbours[end] if row in film.shot and row not in excluded]
    eligible = [row for row in near if not (cut and film.shot[row] == film.shot[end])]
    priced = sorted((film.price(end, row), film.frame[row]) for row in eligible)
    return [Alternative(side=side, frame=frame, price=price) for price, frame in priced[:_EACH_SIDE]]
