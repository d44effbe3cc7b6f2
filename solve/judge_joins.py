"""Rate every join of a film, and say which joins and shots nothing decides."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from .confidence import join_confidence
from .constraints import Constraints
from .exchanges import exchangeable_joins, order_is_shared
from .order import OrderResult
from .plan.model import Shot, UndeterminedReason
from .undetermined import chance_confidence, interchangeable_joins

_MOSTLY = 0.5
"""Share of undetermined joins above which the order of a shot is undetermined."""

_T = TypeVar("_T")


def user_joins(order: Sequence[int], constraints: Constraints) -> list[bool]:
    """Mark the joins that the user set; in a film of two frames, giving the direction sets the only join."""
    pairs = {frozenset(pair) for pair in constraints.adjacent}
    if len(order) == 2 and constraints.fixes_direction:
        return [True]
    return [frozenset(join) in pairs for join in pairwise(order)]


def undecided_joins(played: Sequence[Sequence[int]], ordered: OrderResult) -> list[bool]:
    """Mark the joins around which another order is as cheap; joins between repeats always are."""
    path, orderless = ordered.path.order, ordered.orderless
    only = sum(map(len, played)) == 2
    joins = [
        only or same or (a in orderless and b in orderless)
        for (a, b), same in zip(pairwise(path), interchangeable_joins(path, ordered.costs), strict=True)
    ]
    return _expand_repeats(played, joins, True)


def joins_confidence(
    played: Sequence[Sequence[int]], ordered: OrderResult, by_user: Sequence[bool], undecided: Sequence[bool]
) -> list[float]:
    """Rate joins set by the user as certain, and joins between indistinguishable frames at chance level."""
    joins = _expand_repeats(played, join_confidence(ordered), 1.0)
    chances = chance_confidence(undecided)
    return [
        1.0 if known else round(chance if tied else sure, 4)
        for sure, chance, tied, known in zip(joins, chances, undecided, by_user, strict=True)
    ]


def torn_joins(played: Sequence[Sequence[int]], ordered: OrderResult, by_user: Sequence[bool]) -> set[int]:
    """Return the joins that most paths by halves tear apart; the user knows others, or the file had all of them."""
    if ordered.path.in_file_order:
        return set()
    torn = _expand_repeats(played, exchangeable_joins(ordered.path.order, ordered.halves), False)
    return {at for at, (apart, known) in enumerate(zip(torn, by_user, strict=True)) if apart and not known}


def judged_shot(
    shot: Shot, played: Sequence[Sequence[int]], ordered: OrderResult, undecided: Sequence[bool], torn: set[int]
) -> Shot:
    """Say why the order within a shot is undetermined, if it is."""
    tied = [undecided[at] for at in shot.joins]
    if tied and sum(tied) > _MOSTLY * len(tied):
        return shot.model_copy(update={"undetermined": _reason_of_ties(ordered)})
    if torn.isdisjoint(shot.joins) or order_is_shared(_rows_of(shot, played, ordered), ordered.halves):
        return shot
    return shot.model_copy(update={"undetermined": "exchangeable"})


def _reason_of_ties(ordered: OrderResult) -> UndeterminedReason:
    if ordered.recurring:
        return "recurring"
    if ordered.orderless:
        return "equal"
    return "direction" if len(ordered.path.order) == 2 else "same"


def _rows_of(shot: Shot, played: Sequence[Sequence[int]], ordered: OrderResult) -> list[int]:
    """Return the rows of a shot in play order; repeats count once."""
    starts = np.cumsum([0, *map(len, played)])[:-1]
    within = (shot.start <= starts) & (starts < shot.start + shot.length)
    return [row for row, inside in zip(ordered.path.order, within, strict=True) if inside]


def _expand_repeats(played: Sequence[Sequence[int]], joins: Sequence[_T], between: _T) -> list[_T]:
    """Expand values of joins between rows to joins between frames; joins between repeats get `between`."""
    values: list[_T] = []
    for place, group in enumerate(played):
        values += joins[place - 1 : place] if place else []
        values += [between] * (len(group) - 1)
    return values
