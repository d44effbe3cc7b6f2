"""Build costs whose cheapest path has the user's adjacent frames side by side and the pinned frames at its ends."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..constraints import Constraints, Pair
from ..cost.prices import JoinCosts

_FAR = 1 << 45
"""More than any path costs."""


@dataclass(frozen=True)
class PinnedRows:
    """Constraints on a path, in row numbers."""

    first: int | None = None
    last: int | None = None
    before: tuple[Pair, ...] = ()
    adjacent: tuple[Pair, ...] = ()

    @property
    def ends(self) -> list[int]:
        return [row for row in (self.first, self.last) if row is not None]


def pinned_rows(constraints: Constraints | PinnedRows, row: Mapping[int, int]) -> PinnedRows:
    """Convert constraints to rows, given the row of each frame or the new number of each row."""
    return PinnedRows(
        first=None if constraints.first is None else row[constraints.first],
        last=None if constraints.last is None else row[constraints.last],
        before=tuple((row[a], row[b]) for a, b in constraints.before),
        adjacent=tuple((row[a], row[b]) for a, b in constraints.adjacent),
    )


def pinned_costs(costs: JoinCosts, pins: PinnedRows) -> JoinCosts:
    """Return the costs with a negative cost for pinned joins, and with a guard row for each pinned end.

    A guard costs nothing next to its end and very much next to any other row, so it can only stand at the end of a
    path, next to its row.
    """
    count = len(costs)
    guards = list(enumerate(pins.ends, count))
    size = count + len(guards)
    rows: list[dict[int, int]] = [_LazyRow(size, costs.rows[row].__getitem__) for row in range(count)]
    near = [list(neighbours) for neighbours in costs.neighbours]
    for a, b in pins.adjacent:
        rows[a][b] = rows[b][a] = -_FAR
        near[a].append(b)
        near[b].append(a)
    for guard, row in guards:
        for other in rows:
            other[guard] = _FAR
        rows.append({**dict.fromkeys(range(size), _FAR), size: 0, row: 0})
        rows[row][guard] = 0
        near.append([row])
        near[row].append(guard)
    for row, known in enumerate(rows):
        near[row] = [other for _, other in sorted((known[other], other) for other in set(near[row]))]
    return JoinCosts(near, costs.scale, None, [*rows, defaultdict(int)])


def cost_subset(costs: JoinCosts, rows: Sequence[int]) -> JoinCosts:
    """Return the costs of some rows, renumbered from 0 in the given order."""
    new = {row: number for number, row in enumerate(rows)}
    near = [[new[b] for b in costs.neighbours[row] if b in new] for row in rows]
    if costs.matrix is None:
        lazy = [_LazyRow(len(rows), partial(_renumbered, costs.rows[row], rows)) for row in rows]
        return JoinCosts(near, costs.scale, None, [*lazy, defaultdict(int)])
    matrix = costs.matrix[np.ix_(rows, rows)]
    return JoinCosts(near, costs.scale, matrix)


class _LazyRow(dict[int, int]):
    """A row's costs, looked up on demand except for those set; the dummy is free."""

    def __init__(self, dummy: int, price: Callable[[int], int]) -> None:
        super().__init__({dummy: 0})
        self._price = price

    def __missing__(self, other: int) -> int:
        value = self[other] = self._price(other)
        return value


def _renumbered(known: Sequence[int] | dict[int, int], rows: Sequence[int], other: int) -> int:
    return known[rows[other]]
