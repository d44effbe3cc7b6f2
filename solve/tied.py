"""Costs under which the cheapest path has the user's frames side by side and at its ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .costs import JoinCosts, dense_rows
from .wishes import Pair, Wishes

_FAR = 1 << 45
"""More than any whole path costs."""


@dataclass(frozen=True)
class Ties:
    """What must hold of a path, in its own rows."""

    first: int | None = None
    last: int | None = None
    before: tuple[Pair, ...] = ()
    adjacent: tuple[Pair, ...] = ()

    @property
    def ends(self) -> list[int]:
        return [row for row in (self.first, self.last) if row is not None]


def tied_rows(said: Wishes | Ties, row: Mapping[int, int]) -> Ties:
    """The same of rows, given the row of each frame or the new number of each row."""
    return Ties(
        first=None if said.first is None else row[said.first],
        last=None if said.last is None else row[said.last],
        before=tuple((row[a], row[b]) for a, b in said.before),
        adjacent=tuple((row[a], row[b]) for a, b in said.adjacent),
    )


def tied_costs(costs: JoinCosts, ties: Ties) -> JoinCosts:
    """The same costs, but a tied join costs less than nothing, and each given end has a guard, a row more.

    A guard costs nothing beside its end and very much beside any other row: so it can only stand at the
    end of a path, with its row beside it.
    """
    count = len(costs)
    guards = list(enumerate(ties.ends, count))
    size = count + len(guards)
    rows: list[dict[int, int]] = [_TiedRow(row, costs, size) for row in range(count)]
    near = [list(neighbours) for neighbours in costs.neighbours]
    for a, b in ties.adjacent:
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
    return JoinCosts([*rows, _Nowhere()], near, costs.scale, None)


class _TiedRow(dict[int, int]):
    """A row's costs as they were, but for those set."""

    def __init__(self, row: int, costs: JoinCosts, nowhere: int) -> None:
        super().__init__({nowhere: 0})
        self._known = costs.rows[row]

    def __missing__(self, other: int) -> int:
        value = self[other] = self._known[other]
        return value


class _PartRow(dict[int, int]):
    """A row's costs under new numbers."""

    def __init__(self, known: Sequence[int] | dict[int, int], rows: Sequence[int]) -> None:
        super().__init__({len(rows): 0})
        self._known, self._rows = known, rows

    def __missing__(self, other: int) -> int:
        value = self[other] = self._known[self._rows[other]]
        return value


class _Nowhere(dict[int, int]):
    def __missing__(self, other: int) -> int:
        return 0


def part_of(costs: JoinCosts, rows: Sequence[int]) -> JoinCosts:
    """The costs of some rows alone, numbered from 0 in the order given."""
    new = {row: number for number, row in enumerate(rows)}
    near = [[new[b] for b in costs.neighbours[row] if b in new] for row in rows]
    if costs.matrix is None:
        return JoinCosts([*(_PartRow(costs.rows[row], rows) for row in rows), _Nowhere()], near, costs.scale, None)
    matrix = costs.matrix[np.ix_(rows, rows)]
    return JoinCosts(dense_rows(matrix), near, costs.scale, matrix)
