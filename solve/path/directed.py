"""Improve a path whose costs depend on direction, by moving and turning stretches of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...media.types import Ints

Matrix = npt.NDArray[np.float64]

_SHORT = 5
"""Stretches of up to so many rows are moved wherever they are."""
_DEAREST = 30
"""Longer stretches are moved if both their ends are among so many dearest joins: only such a move pays."""
_LEAST_GAIN = 1e-6
"""Smaller gains are rounding errors."""
_MOST_MOVES = 1000
"""Bounds the moves; real films of 300 frames took under 50."""


@dataclass(frozen=True)
class _Move:
    """Take out the stretch from `first` to `last`, and insert it after position `after`, where it is not in place."""

    gain: float
    first: int
    last: int
    after: int | None = None
    turned: bool = False

    def applied(self, path: Ints) -> Ints:
        taken = path[self.first - 1 : self.last]
        taken = taken[::-1] if self.turned else taken
        rest = np.concatenate([path[: self.first - 1], path[self.last :]])
        at = self.first - 1 if self.after is None else self.after
        at -= len(taken) * (at >= self.last)
        return np.concatenate([rest[:at], taken, rest[at:]])


def improve_directed(path: Sequence[int], costs: Matrix) -> list[int]:
    """Make the best move until none is left.

    Args:
        path: The rows.
        costs: `costs[a, b]` is the cost of playing row b right after row a.
    """
    if (count := len(path)) < 2:
        return list(path)
    # The ends of the path join to a dummy row for free.
    padded = np.zeros((count + 1, count + 1))
    padded[:count, :count] = costs
    found = np.asarray(path, np.int64)
    for _ in range(_MOST_MOVES):
        move = _best_move(np.concatenate([[count], found, [count]]), padded)
        if move.gain < _LEAST_GAIN:
            break
        found = move.applied(found)
    return [int(row) for row in found]


def _best_move(rows: Ints, costs: Matrix) -> _Move:
    """Return the best move on a path between two dummy rows."""
    links = costs[rows[:-1], rows[1:]]
    first, last = _stretches(links)
    forwards, backwards = (np.concatenate([[0.0], np.cumsum(one)]) for one in (links, costs[rows[1:], rows[:-1]]))
    before, begin, end, behind = rows[first - 1], rows[first], rows[last], rows[last + 1]
    turning = (backwards[last] - backwards[first]) - (forwards[last] - forwards[first])
    broken = links[first - 1] + links[last]
    in_place = costs[before, end] + costs[begin, behind] - broken + turning
    # Insert between each position and the next, unless that is within or beside the stretch.
    gaps = np.arange(len(links))
    outside = (gaps < first[:, None] - 1) | (gaps > last[:, None])
    closing = np.where(outside, (costs[before, behind] - broken)[:, None] - links, np.inf)
    straight = closing + costs[rows[:-1]][:, begin].T + costs[end][:, rows[1:]]
    turned = closing + costs[rows[:-1]][:, end].T + costs[begin][:, rows[1:]] + turning[:, None]
    best = int(in_place.argmin())
    moves = [_Move(-float(in_place[best]), int(first[best]), int(last[best]), turned=True)]
    for changes, is_turned in ((straight, False), (turned, True)):
        at, after = divmod(int(changes.argmin()), len(gaps))
        moves.append(_Move(-float(changes[at, after]), int(first[at]), int(last[at]), after, is_turned))
    return max(moves, key=lambda move: move.gain)


def _stretches(links: Matrix) -> tuple[Ints, Ints]:
    """Return the first and last position of each stretch that may move: short ones, and those between dear joins."""
    count = len(links) - 1
    dear = np.union1d(np.argsort(-links, kind="stable")[:_DEAREST], [0, count])
    left, right = (side.ravel() for side in np.meshgrid(dear, dear, indexing="ij"))
    pairs = [(left[left < right] + 1, right[left < right])]
    for length in range(1, min(_SHORT, count) + 1):
        first = np.arange(1, count - length + 2)
        pairs.append((first, first + length - 1))
    first, last = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return first, last
