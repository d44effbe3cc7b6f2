"""Joins that nothing decides: between frames that look the same, at cuts, and where all frames differ equally."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .costs import JoinCosts
from .plan import PlanFields

Why: TypeAlias = Literal["same", "cuts", "equal", "direction"]

_STRETCH = 20
"""Rows of a path that are compared at a time; a shorter film is compared as a whole.

In stretches of 12, real frames of a still scene that were in their right order failed the test below."""
_EQUAL = 0.9
"""The mean price of a stretch's joins over that of all its pairs, above which no order stands out.

Pictures of pure noise come to .93 to .99, stretches of 20 frames of real clips to .72 at most."""


def orderless_rows(path: Sequence[int], prices: npt.NDArray[Any]) -> set[int]:
    """Rows of stretches of the path in which any two rows cost nearly as much as two that are joined."""
    length = min(_STRETCH, len(path))
    found: set[int] = set()
    if length < 3:
        return found
    along = prices[np.ix_(path, path)].astype(np.float64)
    upper = np.triu_indices(length, 1)
    for start in range(len(path) - length + 1):
        part = along[start : start + length, start : start + length]
        usual = part[upper].mean()
        if usual > 0 and np.diagonal(part, 1).mean() > _EQUAL * usual:
            found.update(path[start : start + length])
    return found


def same_rows(path: Sequence[int], costs: JoinCosts) -> list[bool]:
    """For each join whether it is free, and its two rows could change places without changing the path's price."""
    return [costs.rows[a][b] == 0 and _swap(path, at, costs) == 0 for at, (a, b) in enumerate(pairwise(path))]


def by_chance(undetermined: Sequence[bool]) -> list[float]:
    """For each join of a run of m frames that nothing tells apart 1/m: how often a random order of them has it."""
    values: list[float] = []
    for is_open, run in groupby(undetermined):
        joins = len(list(run))
        values += [1 / (joins + 1) if is_open else 1.0] * joins
    return values


def reasons(plan: PlanFields) -> dict[Why, int]:
    """How many joins of a plan are undetermined, by what keeps them so."""
    cuts = {shot.start - 1 for shot in plan.shots}
    return dict(Counter(_reason(plan, at, cuts) for at in plan.undetermined))


def _reason(plan: PlanFields, at: int, cuts: set[int]) -> Why:
    if at in cuts:
        return "cuts"
    if plan.prices and plan.prices[at] == 0:
        return "same"
    return "direction" if len(plan.order) == 2 else "equal"


def _swap(path: Sequence[int], at: int, costs: JoinCosts) -> int:
    """What the path would cost more with the two rows of a join in each other's place."""
    a, b = path[at], path[at + 1]
    more = 0
    if at:
        before = costs.rows[path[at - 1]]
        more += before[b] - before[a]
    if at + 2 < len(path):
        after = path[at + 2]
        more += costs.rows[a][after] - costs.rows[b][after]
    return more
