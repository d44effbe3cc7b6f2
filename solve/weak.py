"""The joins worth a look, and what else could have been in their place."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

from .costs import JoinCosts
from .plan import Alternative, Plan, Shot, WeakJoin

_SURE = 0.9

_EACH_SIDE, _IN_ALL = 2, 3


@dataclass(frozen=True)
class Weighed:
    """The price of every join in multiples of the film's median join, and the weak joins, least sure first."""

    prices: list[float]
    weak: list[WeakJoin]


def weigh_joins(
    order: Sequence[int],
    confidence: Sequence[float],
    shots: Sequence[Shot],
    row_of: Mapping[int, int],
    costs: JoinCosts,
    most: int,
    alike: Collection[int] = (),
) -> Weighed:
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
    return Weighed(prices, weak)


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
