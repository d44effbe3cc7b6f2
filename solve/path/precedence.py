"""A path on which some rows come before others, searched by moves that keep them so."""

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from ...media.types import Ints
from ..constraints import Pair
from ..cost.prices import JoinCosts
from ..stop import StopCondition

_GRAINS = (12, 60)
_OPENED = 40
_MATRIX_LIMIT = 1500
_LONGEST_CARRIED = 3
_WAYS = ((1, -2), (-1, 2), (-1, -2), (2, 1), (2, -1), (-2, 1), (-2, -1))
"""What two stretches side by side, 1 and 2, can become; a minus turns one round."""

_Mask = npt.NDArray[np.bool_]
_Move = tuple[int, list[int]]
"""What it changes in the cost, and the path after it."""


def enforce_precedence(
    path: Sequence[int], costs: JoinCosts, before: Sequence[Pair], watch: StopCondition
) -> list[int]:
    """The cheapest path found on which the first of each pair comes before the second.

    It starts from the given path, cut at its dearest joins and its pieces moved as little as the pairs
    ask for: in few pieces, in more, and in single rows, which always works.
    """
    starts = [moved for grain in (*_GRAINS, len(path)) if (moved := _in_pieces(path, costs, before, grain))]
    return min((_settled(start, costs, before, watch) for start in starts), key=costs.of)


def _in_pieces(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair], grain: int) -> list[int] | None:
    """The path's pieces in the nearest order that suits the pairs; None where these pieces cannot be put so."""
    joins = [costs.rows[a][b] for a, b in pairwise(path)]
    cuts = sorted(sorted((at for at, join in enumerate(joins) if join >= 0), key=lambda at: -joins[at])[:grain])
    edges = [0, *(cut + 1 for cut in cuts), len(path)]
    pieces = [list(path[start:end]) for start, end in pairwise(edges)]
    home = {row: number for number, piece in enumerate(pieces) for row in piece}
    for number, piece in enumerate(pieces):
        inside = [pair for pair in before if home[pair[0]] == home[pair[1]] == number]
        if not _holds(piece, inside):
            pieces[number] = piece[::-1]
            if not _holds(pieces[number], inside):
                return None
    order = _least_moved(len(pieces), [(home[a], home[b]) for a, b in before if home[a] != home[b]])
    return None if order is None else [row for number in order for row in pieces[number]]


def _holds(path: Sequence[int], before: Sequence[Pair]) -> bool:
    return all(a < b for a, b in _placed(path, before))


def _least_moved(count: int, before: Sequence[Pair]) -> list[int] | None:
    """The numbers 0 to count - 1, each as early as the pairs let it come."""
    sorter: TopologicalSorter[int] = TopologicalSorter(dict.fromkeys(range(count), ()))
    for left, right in before:
        sorter.add(right, left)
    try:
        sorter.prepare()
    except CycleError:
        return None
    ready, order = set(sorter.get_ready()), list[int]()
    while ready:
        order.append(min(ready))
        ready.remove(order[-1])
        sorter.done(order[-1])
        ready.update(sorter.get_ready())
    return order


def _settled(path: list[int], costs: JoinCosts, before: Sequence[Pair], watch: StopCondition) -> list[int]:
    """No reversal, no carrying of a few rows and no exchange of two stretches would make it cheaper."""
    matrix = _matrix(costs) if len(path) <= _MATRIX_LIMIT else None
    while not watch.over():
        better = None
        if matrix is not None:
            better = _turned(path, matrix, before) or _carried(path, matrix, before)
        better = better or _exchanged(path, costs, before)
        if better is None:
            break
        path = better
    return path


def _matrix(costs: JoinCosts) -> Ints:
    """With nowhere as the last row and column, so that a path's ends have neighbours too."""
    size = len(costs)
    lists = [[costs.rows[a][b] if a != b else 0 for b in range(size)] for a in range(size)]
    return np.pad(np.array(lists, np.int64).reshape(size, size), (0, 1))


def _turned(path: Sequence[int], matrix: Ints, before: Sequence[Pair]) -> list[int] | None:
    """The best reversal of a stretch in which no pair lies whole."""
    count = len(path)
    around = np.array([count, *path, count])
    here, left, right = around[1:-1], around[:-2], around[2:]
    steps = matrix[around[:-1], around[1:]]
    change = matrix[left[:, None], here[None, :]] + matrix[here[:, None], right[None, :]]
    change -= steps[:-1][:, None] + steps[1:][None, :]
    change[np.tril_indices(count)] = 0
    for a, b in _placed(path, before):
        change[: a + 1, b:] = 0
    start, end = (int(at) for at in np.unravel_index(int(change.argmin()), change.shape))
    if change[start, end] >= 0:
        return None
    return [*path[:start], *reversed(path[start : end + 1]), *path[end + 1 :]]


def _carried(path: Sequence[int], matrix: Ints, before: Sequence[Pair]) -> list[int] | None:
    """The best move of one to three rows to another place, either way round."""
    lengths = range(1, min(_LONGEST_CARRIED, len(path) - 1) + 1)
    moves = [move for length in lengths for move in _carryings(path, matrix, before, length)]
    change, moved = min(moves, key=lambda move: move[0], default=(0, []))
    return moved if change < 0 else None


def _carryings(path: Sequence[int], matrix: Ints, before: Sequence[Pair], length: int) -> Iterator[_Move]:
    """The best carrying of so many rows as they stand, and the best turned round."""
    count = len(path)
    around = np.array([count, *path, count])
    left, first = around[: count - length + 1], around[1 : count - length + 2]
    last, right = around[length : count + 1], around[length + 1 :]
    leaving = matrix[left, right] - matrix[left, first] - matrix[last, right]
    opening = matrix[around[:-1], around[1:]]
    barred, whole = _carrying_barred(count, length, _placed(path, before))
    for head, tail, turned in ((first, last, False), (last, first, True)):
        joined = matrix[np.ix_(head, around[:-1])] + matrix[np.ix_(tail, around[1:])]
        change = leaving[:, None] - opening[None, :] + joined
        change[barred] = 0
        if turned:
            change[whole] = 0
        start, gap = (int(at) for at in np.unravel_index(int(change.argmin()), change.shape))
        stretch = list(path[start : start + length])[:: -1 if turned else 1]
        rest = [*path[:start], *path[start + length :]]
        at = gap if gap < start else gap - length
        yield int(change[start, gap]), [*rest[:at], *stretch, *rest[at:]]


def _carrying_barred(count: int, length: int, placed: Sequence[Pair]) -> tuple[_Mask, _Mask]:
    """By start and gap what would break a pair or move nothing, and by start what may not be turned round."""
    starts, gaps = np.arange(count - length + 1)[:, None], np.arange(count + 1)[None, :]
    barred = (gaps >= starts) & (gaps <= starts + length)
    whole = np.zeros(len(starts), bool)
    for a, b in placed:
        holds_a = (starts <= a) & (a < starts + length)
        holds_b = (starts <= b) & (b < starts + length)
        barred |= (holds_a & ~holds_b & (gaps > b)) | (holds_b & ~holds_a & (gaps <= a))
        whole |= (holds_a & holds_b)[:, 0]
    return barred, whole


def _exchanged(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair]) -> list[int] | None:
    """The best exchange or turn of two stretches that lie side by side, opened at the dearest joins."""
    openings = _openings(path, costs, before)
    x, y, z = np.array(list(combinations(openings, 3)), np.int64).reshape(-1, 3).T
    known, ends = _between_ends(path, costs, openings)
    p, a, b, c, d, q = (ends[at] for at in (x, x + 1, y, y + 1, z, z + 1))
    sides = {1: (a, b), -1: (b, a), 2: (c, d), -2: (d, c)}
    now = known[p, a] + known[b, c] + known[d, q]
    best: _Move = 0, []
    for one, other in _WAYS if len(x) else ():
        (head, left), (right, tail) = sides[one], sides[other]
        change = known[p, head] + known[left, right] + known[tail, q] - now
        change[_exchange_barred((one, other), x, y, z, _placed(path, before))] = 0
        at = int(change.argmin())
        if change[at] < best[0]:
            start, middle, end = int(x[at]), int(y[at]), int(z[at])
            stretch = {1: path[start:middle], 2: path[middle:end]}
            moved = [row for part in (one, other) for row in stretch[abs(part)][:: 1 if part > 0 else -1]]
            best = int(change[at]), [*path[:start], *moved, *path[end:]]
    return best[1] or None


def _exchange_barred(way: Pair, x: Ints, y: Ints, z: Ints, placed: Sequence[Pair]) -> _Mask:
    barred = np.zeros(len(x), bool)
    for a, b in placed:
        both_first, both_other = (x <= a) & (b < y), (y <= a) & (b < z)
        if -1 in way:
            barred |= both_first
        if -2 in way:
            barred |= both_other
        if abs(way[0]) == 2:
            barred |= (x <= a) & (a < y) & (y <= b) & (b < z)
    return barred


def _openings(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair]) -> list[int]:
    """Where to open the path: at its ends, at its dearest joins, and beside the rows of the pairs."""
    joins = [costs.rows[a][b] for a, b in pairwise(path)]
    dearest = sorted(range(1, len(path)), key=lambda at: -joins[at - 1])[:_OPENED]
    beside = [place + step for pair in _placed(path, before) for place in pair for step in (0, 1)][:_OPENED]
    return sorted({0, len(path), *dearest, *beside})


def _between_ends(path: Sequence[int], costs: JoinCosts, openings: Sequence[int]) -> tuple[Ints, Ints]:
    """The costs between the rows on either side of the openings, and the numbers of those rows in it.

    The numbers are by place on the path between a nowhere before it and one behind.
    """
    nowhere = len(costs)
    around = np.array([nowhere, *path, nowhere])
    sides = sorted({*openings, *(at + 1 for at in openings)})
    rows, number = np.unique(around[sides], return_inverse=True)
    numbers = np.zeros(len(around), np.int64)
    numbers[sides] = number
    listed = [[costs.rows[a][b] if a != b else 0 for b in rows.tolist()] for a in rows.tolist()]
    return np.array(listed, np.int64), numbers


def _placed(path: Sequence[int], before: Sequence[Pair]) -> list[Pair]:
    place = {row: number for number, row in enumerate(path)}
    return [(place[a], place[b]) for a, b in before]
