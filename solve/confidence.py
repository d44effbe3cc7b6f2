"""How sure each join of the path is, from how its price compares with those it was chosen over."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Literal

from .cost.prices import JoinCosts
from .order import OrderResult
from .plan.model import Alternative, Plan, Shot, WeakJoin

# A logistic fit over the joins of real clips at crf 18 and 23; bench/order.py prints how well it holds.
_BIAS, _MARGIN, _BAND = 4.46, 2.18, -2.48
_MOST = 3.0


def join_confidence(ordered: OrderResult) -> list[float]:
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


_SURE = 0.9

_EACH_SIDE, _IN_ALL = 2, 3


@dataclass(frozen=True)
class JoinReview:
    """The price of every join in multiples of the film's median join, and the weak joins, least sure first."""

    prices: list[float]
    weak: list[WeakJoin]


def review_joins(
    order: Sequence[int],
    confidence: Sequence[float],
    shots: Sequence[Shot],
    row_of: Mapping[int, int],
    costs: JoinCosts,
    most: int,
    alike: Collection[int] = (),
) -> JoinReview:
    """What the joins of an order of frames cost and, for at most so many weak ones, the cheapest alternatives.

    `row_of` names the row of `costs` that stands for a frame; of frames that look the same the first stands
    for all. A cut is weak only where a frame of another shot was at hand: between shots nothing tells. Joins whose
    alternatives are as good, the places `alike`, are never weak: there is nothing to choose.
    """
    film = _film(order, shots, row_of, costs)
    joins = list(pairwise(film.rows))
    prices = [0.0 if a == b else film.price(a, b) for a, b in joins]
    cuts = {shot.start - 1 for shot in shots[1:]}
    weak: list[WeakJoin] = []
    for sure, at in sorted((sure, at) for at, sure in enumerate(confidence) if sure < _SURE and at not in alike):
        if len(weak) >= most:
            break
        others = _alternatives(film, *joins[at], at in cuts)
        if others or at not in cuts:
            left, right = order[at], order[at + 1]
            weak.append(WeakJoin(at=at, left=left, right=right, confidence=sure, price=prices[at], alternatives=others))
    return JoinReview(prices, weak)


def count_weak(plan: Plan) -> int:
    """How many weak joins a plan has, the ones that it does not name included."""
    unnamed = {shot.start - 1 for shot in plan.shots} | set(plan.undetermined)
    unnamed -= {join.at for join in plan.weak}
    return sum(sure < _SURE and at not in unnamed for at, sure in enumerate(plan.confidence))


@dataclass(frozen=True)
class _Film:
    """The rows as they play, what lies beside each and in which shot, and the frame that stands for it."""

    rows: list[int]
    beside: dict[int, set[int]]
    shot: dict[int, int]
    frame: dict[int, int]
    costs: JoinCosts
    typical: float

    def price(self, a: int, b: int) -> float:
        return round(self.costs.rows[a][b] / self.typical, 3)


def _film(order: Sequence[int], shots: Sequence[Shot], row_of: Mapping[int, int], costs: JoinCosts) -> _Film:
    rows = [row_of[frame] for frame in order]
    beside: dict[int, set[int]] = defaultdict(set)
    for a, b in pairwise(rows):
        beside[a].add(b)
        beside[b].add(a)
    shot = {rows[at]: number for number, one in enumerate(shots) for at in range(one.start, one.start + one.length)}
    frame = {row_of[frame]: frame for frame in sorted(order, reverse=True)}
    typical = median([costs.rows[a][b] for a, b in pairwise(rows) if a != b] or [1])
    return _Film(rows, beside, shot, frame, costs, max(1.0, typical))


def _alternatives(film: _Film, left: int, right: int, cut: bool) -> list[Alternative]:
    """The cheapest of both sides, with something from each where each has something."""
    found = [*_others(film, "after", left, right, cut), *_others(film, "before", right, left, cut)]
    return sorted(found, key=lambda other: other.price)[:_IN_ALL]


def _others(film: _Film, side: Literal["after", "before"], end: int, partner: int, cut: bool) -> list[Alternative]:
    """Frames that look likely beside one end of a join: neither its partner nor what lies on its other side."""
    taken = {end, partner} | film.beside[end]
    near = [row for row in film.costs.neighbours[end] if row in film.shot and row not in taken]
    fit = [row for row in near if not (cut and film.shot[row] == film.shot[end])]
    priced = sorted((film.price(end, row), film.frame[row]) for row in fit)
    return [Alternative(side=side, frame=frame, price=price) for price, frame in priced[:_EACH_SIDE]]
