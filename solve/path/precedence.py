"""Search for a path on which given rows come before others, by moves that keep that order."""

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

from ...media.types import Ints
from ..constraints import Pair
from ..cost.prices import JoinCosts
from ..stop import StopCondition

_PIECE_COUNTS = (12, 60)
"""Numbers of cuts that are tried before single rows."""
_MAX_OPENINGS = 40
"""Dearest joins at which a path is opened, and as many places next to pairs."""
_MATRIX_LIMIT = 1500
"""Longest path for which reversals and moves are compared in matrices of all pairs."""
_LONGEST_MOVE = 3
"""Most rows moved together."""
_EXCHANGES = ((1, -2), (-1, 2), (-1, -2), (2, 1), (2, -1), (-2, 1), (-2, -1))
"""How two adjacent stretches, 1 and 2, can be rearranged; a minus sign reverses one."""

_Mask = npt.NDArray[np.bool_]
_Move = tuple[int, list[int]]
"""The change in cost, and the path after the move."""


def enforce_precedence(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair], stop: StopCondition) -> list[int]:
    """Return the cheapest path found on which the first row of each pair comes before the second.

    It starts from the given path, cut at its most expensive joins, with the pieces reordered as little as the pairs
    require: in few pieces, in more, and in single rows, which always works.
    """
    starts = [
        reordered for count in (*_PIECE_COUNTS, len(path)) if (reordered := _reorder_pieces(path, costs, before, count))
    ]
    return min((_local_search(start, costs, before, stop) for start in starts), key=costs.of)


def _reorder_pieces(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair], count: int) -> list[int] | None:
    """Return the path's pieces in the nearest order that satisfies the pairs; None if there is no such order."""
    joins = [costs.rows[a][b] for a, b in pairwise(path)]
    cuts = sorted(sorted((at for at, join in enumerate(joins) if join >= 0), key=lambda at: -joins[at])[:count])
    edges = [0, *(cut + 1 for cut in cuts), len(path)]
    pieces = [list(path[start:end]) for start, end in pairwise(edges)]
    piece_of = {row: number for number, piece in enumerate(pieces) for row in piece}
    for number, piece in enumerate(pieces):
        inside = [pair for pair in before if piece_of[pair[0]] == piece_of[pair[1]] == number]
        if not _holds(piece, inside):
            pieces[number] = piece[::-1]
            if not _holds(pieces[number], inside):
                return None
    order = _topological_order(
        len(pieces), [(piece_of[a], piece_of[b]) for a, b in before if piece_of[a] != piece_of[b]]
    )
    return None if order is None else [row for number in order for row in pieces[number]]


def _holds(path: Sequence[int], before: Sequence[Pair]) -> bool:
    return all(a < b for a, b in _placed(path, before))


def _topological_order(count: int, before: Sequence[Pair]) -> list[int] | None:
    """Return the numbers 0 to count - 1, each as early as the pairs allow; None if the pairs form a cycle."""
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


def _local_search(path: list[int], costs: JoinCosts, before: Sequence[Pair], stop: StopCondition) -> list[int]:
    """Apply the best move until no reversal, move of a few rows or exchange of two stretches gains."""
    matrix = _matrix(costs) if len(path) <= _MATRIX_LIMIT else None
    while not stop.reached():
        better = None
        if matrix is not None:
            better = _best_reversal(path, matrix, before) or _best_move(path, matrix, before)
        better = better or _best_exchange(path, costs, before)
        if better is None:
            break
        path = better
    return path


def _matrix(costs: JoinCosts) -> Ints:
    """Return the costs with the dummy as the last row and column, so that the ends of a path have neighbours too."""
    size = len(costs)
    lists = [[costs.rows[a][b] if a != b else 0 for b in range(size)] for a in range(size)]
    return np.pad(np.array(lists, np.int64).reshape(size, size), (0, 1))


def _best_reversal(path: Sequence[int], matrix: Ints, before: Sequence[Pair]) -> list[int] | None:
    """Return the path after the best reversal of a stretch that contains no pair."""
    count = len(path)
    padded = np.array([count, *path, count])
    here, left, right = padded[1:-1], padded[:-2], padded[2:]
    steps = matrix[padded[:-1], padded[1:]]
    change = matrix[left[:, None], here[None, :]] + matrix[here[:, None], right[None, :]]
    change -= steps[:-1][:, None] + steps[1:][None, :]
    change[np.tril_indices(count)] = 0
    for a, b in _placed(path, before):
        change[: a + 1, b:] = 0
    start, end = (int(at) for at in np.unravel_index(int(change.argmin()), change.shape))
    if change[start, end] >= 0:
        return None
    return [*path[:start], *reversed(path[start : end + 1]), *path[end + 1 :]]


def _best_move(path: Sequence[int], matrix: Ints, before: Sequence[Pair]) -> list[int] | None:
    """Return the path after the best move of one to three rows to another place, in either direction."""
    lengths = range(1, min(_LONGEST_MOVE, len(path) - 1) + 1)
    moves = [move for length in lengths for move in _moves_of_length(path, matrix, before, length)]
    change, reordered = min(moves, key=lambda move: move[0], default=(0, []))
    return reordered if change < 0 else None


def _moves_of_length(path: Sequence[int], matrix: Ints, before: Sequence[Pair], length: int) -> Iterator[_Move]:
    """Yield the best move of `length` rows as they are, and the best with them reversed."""
    count = len(path)
    padded = np.array([count, *path, count])
    left, first = padded[: count - length + 1], padded[1 : count - length + 2]
    last, right = padded[length : count + 1], padded[length + 1 :]
    leaving = matrix[left, right] - matrix[left, first] - matrix[last, right]
    opening = matrix[padded[:-1], padded[1:]]
    forbidden, no_reversal = _forbidden_moves(count, length, _placed(path, before))
    for head, tail, turned in ((first, last, False), (last, first, True)):
        joined = matrix[np.ix_(head, padded[:-1])] + matrix[np.ix_(tail, padded[1:])]
        change = leaving[:, None] - opening[None, :] + joined
        change[forbidden] = 0
        if turned:
            change[no_reversal] = 0
        start, gap = (int(at) for at in np.unravel_index(int(change.argmin()), change.shape))
        stretch = list(path[start : start + length])[:: -1 if turned else 1]
        rest = [*path[:start], *path[start + length :]]
        at = gap if gap < start else gap - length
        yield int(change[start, gap]), [*rest[:at], *stretch, *rest[at:]]


def _forbidden_moves(count: int, length: int, placed: Sequence[Pair]) -> tuple[_Mask, _Mask]:
    """Return the (start, gap) moves that break a pair or change nothing, and the starts that may not be reversed."""
    starts, gaps = np.arange(count - length + 1)[:, None], np.arange(count + 1)[None, :]
    forbidden = (gaps >= starts) & (gaps <= starts + length)
    no_reversal = np.zeros(len(starts), bool)
    for a, b in placed:
        holds_a = (starts <= a) & (a < starts + length)
        holds_b = (starts <= b) & (b < starts + length)
        forbidden |= (holds_a & ~holds_b & (gaps > b)) | (holds_b & ~holds_a & (gaps <= a))
        no_reversal |= (holds_a & holds_b)[:, 0]
    return forbidden, no_reversal


def _best_exchange(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair]) -> list[int] | None:
    """Return the path after the best rearrangement of two adjacent stretches, bounded by the most expensive joins."""
    openings = _openings(path, costs, before)
    x, y, z = np.array(list(combinations(openings, 3)), np.int64).reshape(-1, 3).T
    known, ends = _between_ends(path, costs, openings)
    p, a, b, c, d, q = (ends[at] for at in (x, x + 1, y, y + 1, z, z + 1))
    sides = {1: (a, b), -1: (b, a), 2: (c, d), -2: (d, c)}
    now = known[p, a] + known[b, c] + known[d, q]
    best: _Move = 0, []
    for one, other in _EXCHANGES if len(x) else ():
        (head, left), (right, tail) = sides[one], sides[other]
        change = known[p, head] + known[left, right] + known[tail, q] - now
        change[_forbidden_exchanges((one, other), x, y, z, _placed(path, before))] = 0
        at = int(change.argmin())
        if change[at] < best[0]:
            start, middle, end = int(x[at]), int(y[at]), int(z[at])
            stretch = {1: path[start:middle], 2: path[middle:end]}
            reordered = [row for part in (one, other) for row in stretch[abs(part)][:: 1 if part > 0 else -1]]
            best = int(change[at]), [*path[:start], *reordered, *path[end:]]
    return best[1] or None


def _forbidden_exchanges(way: Pair, x: Ints, y: Ints, z: Ints, placed: Sequence[Pair]) -> _Mask:
    forbidden = np.zeros(len(x), bool)
    for a, b in placed:
        both_first, both_other = (x <= a) & (b < y), (y <= a) & (b < z)
        if -1 in way:
            forbidden |= both_first
        if -2 in way:
            forbidden |= both_other
        if abs(way[0]) == 2:
            forbidden |= (x <= a) & (a < y) & (y <= b) & (b < z)
    return forbidden


def _openings(path: Sequence[int], costs: JoinCosts, before: Sequence[Pair]) -> list[int]:
    """Return where to open the path: at its ends, at its most expensive joins, and next to the rows of the pairs."""
    joins = [costs.rows[a][b] for a, b in pairwise(path)]
    costliest = sorted(range(1, len(path)), key=lambda at: -joins[at - 1])[:_MAX_OPENINGS]
    next_to_pairs = [place + step for pair in _placed(path, before) for place in pair for step in (0, 1)][
        :_MAX_OPENINGS
    ]
    return sorted({0, len(path), *costliest, *next_to_pairs})


def _between_ends(path: Sequence[int], costs: JoinCosts, openings: Sequence[int]) -> tuple[Ints, Ints]:
    """Return the costs between the rows on either side of the openings, and those rows' numbers in that matrix.

    The numbers are by position on the path padded with the dummy at both ends.
    """
    dummy = len(costs)
    padded = np.array([dummy, *path, dummy])
    sides = sorted({*openings, *(at + 1 for at in openings)})
    rows, number = np.unique(padded[sides], return_inverse=True)
    numbers = np.zeros(len(padded), np.int64)
    numbers[sides] = number
    listed = [[costs.rows[a][b] if a != b else 0 for b in rows.tolist()] for a in rows.tolist()]
    return np.array(listed, np.int64), numbers


def _placed(path: Sequence[int], before: Sequence[Pair]) -> list[Pair]:
    place = {row: number for number, row in enumerate(path)}
    return [(place[a], place[b]) for a, b in before]
