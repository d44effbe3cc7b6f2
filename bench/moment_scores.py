"""The measures of moment retrieval: R@1 at an overlap, and mean average precision, as QVHighlights computes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TypeAlias

Window: TypeAlias = tuple[float, float]

OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""The overlaps over which average precision is averaged."""
MOST = 10
"""Answers to a query that count."""


@dataclass(frozen=True)
class Scores:
    """Means over queries, in per cent."""

    queries: int
    r1_50: float
    """Queries whose first answer overlaps a true moment by half, as intersection over union."""
    r1_70: float
    map_50: float
    map_75: float
    map_mean: float
    """The mean over overlaps from .5 to .95."""


def overlap(one: Window, other: Window) -> float:
    """Return the intersection of two windows over their union."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    joined = max(one[1], other[1]) - min(one[0], other[0])
    return max(0.0, shared) / joined if joined > 0 else float(one == other)


def recall_at_first(found: Sequence[Window], true: Sequence[Window], least: float) -> bool:
    """Tell whether the first answer overlaps any true window enough."""
    return bool(found) and max(overlap(found[0], one) for one in true) >= least


def average_precision(found: Sequence[Window], true: Sequence[Window], least: float) -> float:
    """Return the average precision of ranked answers, each true window being found once; precision is interpolated."""
    left, right, precisions = list(true), 0, []
    for rank, window in enumerate(found[:MOST], 1):
        best = max(left, key=lambda one: overlap(window, one), default=None)
        if best is not None and overlap(window, best) >= least:
            left.remove(best)
            right += 1
            precisions.append(right / rank)
    return sum(max(precisions[at:]) for at in range(len(precisions))) / len(true)


def scored(answers: Sequence[tuple[Sequence[Window], Sequence[Window]]]) -> Scores:
    """Score pairs of ranked answers and true windows."""
    precision: Mapping[float, float] = {
        least: 100 * mean(average_precision(found, true, least) for found, true in answers) for least in OVERLAPS
    }
    first = [100 * mean(recall_at_first(found, true, least) for found, true in answers) for least in (0.5, 0.7)]
    return Scores(len(answers), first[0], first[1], precision[0.5], precision[0.75], mean(precision.values()))
