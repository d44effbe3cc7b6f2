"""How sure each join of the path is, from how its price compares with those it was chosen over."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .costs import JoinCosts

_SLOPE, _OFFSET = 6.0, 0.0


def join_confidence(path: Sequence[int], costs: JoinCosts) -> list[float]:
    """For each join the chance that it is right, between 0 and 1.

    A join is as sure as its price is low against the cheapest that either end could have had instead.
    """
    place = {row: position for position, row in enumerate(path)}
    return [
        _sure(costs.rows[a][b], min(_alternative(a, place, costs), _alternative(b, place, costs)))
        for a, b in pairwise(path)
    ]


def _alternative(row: int, place: dict[int, int], costs: JoinCosts) -> int:
    """The cheapest join of a row to one that is not beside it on the path."""
    others = (costs.rows[row][c] for c in costs.neighbours[row] if abs(place[c] - place[row]) > 1)
    return min(others, default=0)


def _sure(price: int, alternative: int) -> float:
    if alternative <= 0:
        return 1.0 if price == 0 else 0.5
    margin = float(np.log((alternative + 1) / (price + 1)))
    return float(1 / (1 + np.exp(-(_SLOPE * margin + _OFFSET))))
