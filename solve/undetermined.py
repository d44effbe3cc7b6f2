"""Find joins that no evidence decides: between identical frames, at cuts, where all frames differ equally or recur."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from .cost.prices import JoinCosts
from .plan.model import PlanFields, UndeterminedReason

_STRETCH = 20
"""Rows of a path that are compared at a time; a shorter film is compared as a whole. In stretches of 12, real
frames of a still scene in their right order failed the test.
"""
EQUAL = 0.9
"""No order stands out if the mean price of a stretch's joins exceeds this share of the mean over all its pairs.
Pure noise measures .93 to .99, stretches of 20 frames of real clips at most .72.
"""

_APART = range(2, 5)
"""Steps to the frames from which the length of a step is measured. Nearer ones show more noise than motion, and the
prices of farther ones hardly grow any more.
"""
_UNSTEADY = 0.8
"""Steps that change by this share of a step are those of pictures sorted by what they show: random steps measure 1.
Of 29 orders of clips, .7 is the most, of one that was converted to another frame rate; drawn pendulums, wheels and
strings measure .95 to 2.4. What recurs in noise, as a turntable does, measures less and is not found.
"""
_HELD = 0.25
"""Steps below this share of the larger ones are those of held drawings or repeated frames, which are left out once."""
_UNSTEADY_MOVES = 0.4
"""The same limit without those: a film that repeats every fourth frame measures .1, nine of ten drawn films that recur
.5 to 2.4.
"""
_CLEARLY = 1.25
"""Factor of both limits for paths that neither go straight nor close. Of a hand-held film in the dark, .82 and .41 were
measured, of a drawn wheel 1.4 and 1.1.
"""
_CUT = 20.0
"""A step of so many usual ones is a cut; the steps around it say nothing."""

_CLOSES = 1.2
"""The ends of a loop differ by at most so many times the path's most expensive join. Drawn wheels and turntables
measure 1.05 to 1.1. Of 51 orders of clips and films cut together, one is called a loop: a talk that ends in its first
pose.
"""
_NEAR = 0.6
"""Limit of their difference, between a usual join (0) and a usual pair (1): wheels measure .2, turntables in noise .58,
pans in noise 1.
"""


def is_loop(path: Sequence[int], prices: npt.NDArray[Any]) -> bool:
    """Return whether the ends of a path fit together like its other frames, so that nothing tells where it begins."""
    if len(path) <= _STRETCH:
        return False
    along = prices[np.ix_(path, path)].astype(np.float64)
    joins, ends = np.diagonal(along, 1), along[0, -1]
    usual, unrelated = np.median(joins), np.median(along[np.triu_indices(len(path), 1)])
    return bool(ends <= _CLOSES * joins.max() and ends < usual + _NEAR * (unrelated - usual))


def pictures_recur(path: Sequence[int], prices: npt.NDArray[Any], clearly: bool = False) -> bool:
    """Return whether a path goes by what frames show where the same things show again and again, as of a pendulum.

    Pictures of several passes are then sorted into one. Motion is steady from one frame to the next, but the steps
    between pictures that were sorted by chance are not. `clearly` asks for steps that change a quarter more.
    """
    if len(path) <= _STRETCH:
        return False
    steps = _steps(prices[np.ix_(path, path)].astype(np.float64))
    cuts = np.flatnonzero(steps > _CUT * np.median(steps))
    steps = np.delete(steps, [at for at in range(len(steps)) if len(cuts) and np.abs(cuts - at).min() <= _APART[-1]])
    if len(steps) < _STRETCH:
        return False
    moves = steps[steps > _HELD * np.quantile(steps, 0.75)]
    more = _CLEARLY if clearly else 1.0
    return _unsteadiness(steps) > more * _UNSTEADY and _unsteadiness(moves) > more * _UNSTEADY_MOVES


def _unsteadiness(steps: npt.NDArray[np.float64]) -> float:
    """Return how much a step usually differs from the next, in usual steps."""
    usual = float(np.median(steps)) if len(steps) > 1 else 0.0
    return float(np.median(np.abs(np.diff(steps)))) / usual if usual > 0 else 0.0


def _steps(along: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each join by how much its step takes the path away from frames a few steps before and after it."""
    joins = len(along) - 1
    found = np.full((2 * len(_APART), joins), np.nan)
    for at, apart in enumerate(_APART):
        nearer, farther = np.diagonal(along, apart), np.diagonal(along, apart + 1)
        found[2 * at, apart:] = farther - nearer[:-1]
        found[2 * at + 1, : joins - apart] = farther - nearer[1:]
    return np.asarray(np.nanmedian(found, axis=0))


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
    exchangeable = {at for shot in plan.shots if shot.undetermined == "exchangeable" for at in shot.joins}
    return dict(Counter(_reason(plan, at, cuts, exchangeable) for at in plan.undetermined))


def _reason(plan: PlanFields, at: int, cuts: set[int], exchangeable: set[int]) -> UndeterminedReason:
    if at in cuts:
        return "cuts"
    if plan.prices and plan.prices[at] == 0:
        return "same"
    if plan.path.recurring:
        return "recurring"
    if at in exchangeable:
        return "exchangeable"
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
