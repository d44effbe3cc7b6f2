"""Find joins that no evidence decides: between identical frames, at cuts, and where all frames differ equally."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .cost.prices import JoinCosts
from .plan.model import PlanFields

UndeterminedReason: TypeAlias = Literal["same", "cuts", "equal", "direction"]

_STRETCH = 20
"""Rows of a path that are compared at a time; a shorter film is compared as a whole. In stretches of 12, real
frames of a still scene in their right order failed the test.
"""
EQUAL = 0.9
"""No order stands out if the mean price of a stretch's joins exceeds this share of the mean over all its pairs.
Pure noise measures .93 to .99, stretches of 20 frames of real clips at most .72.
"""


def orderless_rows(path: Sequence[int], prices: npt.NDArray[Any], equal: float = EQUAL) -> set[int]:
    """Return rows of stretches in which any two rows cost nearly as much as two that are joined."""
    length = min(_STRETCH, len(path))
    found: set[int] = set()
    if length < 3:
        return found
    along = prices[np.ix_(path, path)].astype(np.float64)
    upper = np.triu_indices(length, 1)
    for start in range(len(path) - length + 1):
        part = along[start : start + length, start : start + length]
        usual = part[upper].mean()
        if usual > 0 and np.diagonal(part, 1).mean() > equal * usual:
            found.update(path[start : start + length])
    return found


def interchangeable_joins(path: Sequence[int], costs: JoinCosts) -> list[bool]:
    """Return for each join whether it costs nothing and swapping its two rows changes no cost."""
    return [costs.rows[a][b] == 0 and _swap_cost(path, at, costs) == 0 for at, (a, b) in enumerate(pairwise(path))]


def chance_confidence(undetermined: Sequence[bool]) -> list[float]:
    """Return 1/m for each join of a run of m indistinguishable frames: how often a random order contains it."""
    values: list[float] = []
    for undecided, run in groupby(undetermined):
        joins = len(list(run))
        values += [1 / (joins + 1) if undecided else 1.0] * joins
    return values


def reasons(plan: PlanFields) -> dict[UndeterminedReason, int]:
    """Count the undetermined joins of a plan by the reason for it."""
    cuts = {shot.start - 1 for shot in plan.shots}
    return dict(Counter(_reason(plan, at, cuts) for at in plan.undetermined))


def _reason(plan: PlanFields, at: int, cuts: set[int]) -> UndeterminedReason:
    if at in cuts:
        return "cuts"
    if plan.prices and plan.prices[at] == 0:
        return "same"
    return "direction" if len(plan.order) == 2 else "equal"


def _swap_cost(path: Sequence[int], at: int, costs: JoinCosts) -> int:
    """Return how much more expensive the path gets when the two rows of a join change places."""
    a, b = path[at], path[at + 1]
    more = 0
    if at:
        before = costs.rows[path[at - 1]]
        more += before[b] - before[a]
    if at + 2 < len(path):
        after = path[at + 2]
        more += costs.rows[a][after] - costs.rows[b][after]
    return more
