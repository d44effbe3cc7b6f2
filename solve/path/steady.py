"""Search for the path along which the motion is steadiest, whatever its steps cost.

Where the same pictures recur, the cheapest path sorts them. Positions of frames that follow each other in time change
smoothly: of four in a row, the third difference is small beside the steps. Sorted pictures, of which each was taken on
another pass, are at random distances.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...media.types import Ints
from ..stop import Stopped, never

Doubles = npt.NDArray[np.float64]

_STILL = 1 / 60
"""Step, as a share of the film's extent, below which motion counts as noise. A pass of 15 frames has steps of four
times as much; a half or twice that changed little.
"""
_WORST = 6.0
"""Limits the cost of four frames: a cut, or a frame left over, must not outweigh the rest."""
_CANDIDATES = 25
"""Nearest frames that may follow a frame."""
_WIDTH = 8000
"""Partial paths that the beam search extends at a time. With 2,000, four of five drawn films got a worse path."""
_ALIKE = 6
"""How many of them may end with the same join. Without this limit most differ only in how they begin."""
_KICKS = 15
"""Random exchanges of stretches that are tried on the path found."""
_LONGEST = 3
"""Longest stretch that is moved to any candidate."""
_LEAST_GAIN = 1e-7
"""Smaller gains are rounding errors."""


@dataclass(frozen=True)
class _Moves:
    """Exchanges of neighbouring stretches: what follows `left` up to before `begin`, and `begin` to `end`.

    The second stretch may be turned; if the first is empty, that is all that happens.
    """

    left: Ints
    begin: Ints
    end: Ints
    turned: bool

    def applied(self, path: Ints, which: int) -> Ints:
        left, begin, end = int(self.left[which]), int(self.begin[which]), int(self.end[which])
        moved = path[begin : end + 1][:: -1 if self.turned else 1]
        return np.concatenate([path[: left + 1], moved, path[left + 1 : begin], path[end + 1 :]])


class SmoothPaths:
    """Paths whose cost is a sum over four rows in a row, the same in either direction."""

    def __init__(self, squares: Doubles, near: Ints, width: int = _WIDTH) -> None:
        """Take distances of rows, infinite on the diagonal, the rows that may follow each row, and the beam's width."""
        self.count, self._squares, self._near, self._width = len(squares), squares, near, width

    def unsteadiness(self, path: Ints) -> float:
        """Return the cost of a path. The row `count`, of which nothing is known, stands for what is around it."""
        ends = np.full(3, self.count)
        padded = np.concatenate([ends, path, ends])
        return float(self._fours(padded[:-3], padded[1:-2], padded[2:-1], padded[3:]).sum())

    def search(self, stopped: Stopped = never, starts: Sequence[Ints] = (), kicks: int = _KICKS) -> Ints:
        """Return the steadiest path found by a beam search and by exchanges of stretches, some of them at random.

        Args:
            stopped: Whether to end early.
            starts: Paths to begin with besides the one of the beam search.
            kicks: How many random exchanges to try.
        """
        settled = [self._settled(start) for start in (self._beam_search(), *starts)]
        best = min(settled, key=self.unsteadiness)
        least, rng = self.unsteadiness(best), np.random.default_rng(0)
        for _ in range(kicks):
            if stopped():
                break
            tried = self._settled(self._kicked(best, rng))
            if (rated := self.unsteadiness(tried)) < least:
                best, least = tried, rated
        return best

    def _fours(self, a: Ints, b: Ints, c: Ints, d: Ints) -> Doubles:
        """Return the costs of four rows in a row."""
        raise NotImplementedError

    def _beam_search(self) -> Ints:
        """Extend the best partial paths, row by row, until they hold all rows."""
        near, rows = self._near, np.arange(self.count)
        paths = np.stack([np.repeat(rows, near.shape[1]), near.ravel()], axis=1)
        paths = np.concatenate([np.full((len(paths), 1), self.count), paths], axis=1)
        used = np.zeros((len(paths), self.count), bool)
        np.put_along_axis(used, paths[:, 1:], True, axis=1)
        costs = np.zeros(len(paths))
        while paths.shape[1] <= self.count:
            following, total = self._continued(paths, used, costs)
            kept = self._kept(paths[:, -1], following, total)
            origin, row = kept // following.shape[1], following.ravel()[kept]
            paths = np.concatenate([paths[origin], row[:, None]], axis=1)
            used, costs = used[origin], total.ravel()[kept]
            used[np.arange(len(row)), row] = True
        return np.asarray(paths[costs.argmin(), 1:], np.int64)

    def _continued(self, paths: Ints, used: npt.NDArray[np.bool_], costs: Doubles) -> tuple[Ints, Doubles]:
        """Return for each partial path the rows that may follow, and its cost with each."""
        a, b, c = paths[:, -3:].T
        following = self._near[c]
        total = costs[:, None] + self._fours(a[:, None], b[:, None], c[:, None], following)
        total[np.take_along_axis(used, following, axis=1)] = np.inf
        ended = np.flatnonzero(np.isinf(total).all(axis=1))
        if len(ended):
            # Go on at the nearest row that is left over.
            following[ended, 0] = np.where(used[ended], np.inf, self._squares[c[ended]]).argmin(axis=1)
            total[ended, 0] = costs[ended] + _WORST
        return following, total

    def _kept(self, last: Ints, following: Ints, total: Doubles) -> Ints:
        """Return the cheapest continuations, of which few end with the same join."""
        flat = total.ravel()
        count = min(_ALIKE * self._width, int(np.isfinite(flat).sum()))
        cheap = np.argpartition(flat, count - 1)[:count]
        cheap = cheap[np.argsort(flat[cheap], kind="stable")]
        join = last[cheap // following.shape[1]] * self.count + following.ravel()[cheap]
        by_join = np.argsort(join, kind="stable")
        begins = np.flatnonzero(np.diff(join[by_join], prepend=-1))
        nth = np.empty(count, np.int64)
        nth[by_join] = np.arange(count) - np.repeat(begins, np.diff(begins, append=count))
        return np.asarray(cheap[nth < _ALIKE][: self._width], np.int64)

    def _settled(self, path: Ints) -> Ints:
        """Make the best exchange until none gains; look at wider ones only where simple ones do not."""
        kinds: tuple[Callable[[Ints], list[_Moves]], ...] = (self._turns, self._short_moves, self._long_moves)
        kind = 0
        while kind < len(kinds):
            better = self._improved(path, kinds[kind])
            path, kind = (path, kind + 1) if better is None else (better, 0)
        return path

    def _improved(self, path: Ints, kind: Callable[[Ints], list[_Moves]]) -> Ints | None:
        """Return the path after the best move of a kind, played in either direction."""
        best, found = -_LEAST_GAIN, None
        for way in (path, path[::-1]):
            for moves in kind(way):
                changes = self._changes(way, moves)
                if len(changes) and changes.min() < best:
                    best, found = float(changes.min()), moves.applied(way, int(changes.argmin()))
        return found

    def _turns(self, path: Ints) -> list[_Moves]:
        begin, end = np.triu_indices(len(path), 1)
        return [_Moves(begin - 1, begin, end, turned=True)]

    def _short_moves(self, path: Ints) -> list[_Moves]:
        """Move short stretches to an earlier place, where a candidate of their end is."""
        place, found = _places(path), []
        for length in range(1, _LONGEST + 1):
            begin = np.arange(len(path) - length + 1)[:, None]
            for turned in (False, True):
                joined = begin + length - 1 if turned else begin
                found.append(_valid(place[self._near[path[joined[:, 0]]]], begin, begin + length - 1, turned=turned))
        return found

    def _long_moves(self, path: Ints) -> list[_Moves]:
        """Exchange stretches of any length if a candidate follows where the first begins and where it is put."""
        place, left = _places(path), np.arange(len(path) - 2)[:, None, None]
        begin, end = place[self._near[path[:-2]]][:, :, None], place[self._near[path[1:-1]]][:, None, :]
        return [_valid(left, begin, end, turned=False)]

    def _changes(self, path: Ints, moves: _Moves) -> Doubles:
        """Return by how much each move changes the unsteadiness; only rows near its three joins matter."""
        ends = np.full(3, self.count)
        padded = np.concatenate([ends, path, ends])
        fours = self._fours(padded[:-3], padded[1:-2], padded[2:-1], padded[3:])
        sums = np.concatenate([[0.0], np.cumsum(fours)])
        left, begin, end = moves.left, moves.begin, moves.end
        middle = left + end - begin + 1

        def row(at: Ints) -> Ints:
            second = end - (at - left - 1) if moves.turned else begin + at - left - 1
            moved = np.where(at <= middle, second, at - (end - begin + 1))
            return np.asarray(padded[np.where((at > left) & (at <= end), moved, at) + 3], np.int64)

        def between(first: Ints, last: Ints) -> Doubles:
            return np.asarray(sums[last + 4] - sums[first + 3], np.float64)

        inner = np.where(begin > left + 1, between(np.maximum(begin - 3, left + 1), begin - 1), 0.0)
        change = -between(left - 2, left) - inner - between(np.maximum(end - 2, begin), end)
        for joint, before in ((left, None), (middle, left), (end, middle)):
            for at in (joint - 2, joint - 1, joint):
                added = self._fours(row(at), row(at + 1), row(at + 2), row(at + 3))
                change += added if before is None else np.where(at > before, added, 0.0)
        return np.asarray(change, np.float64)

    def _kicked(self, path: Ints, rng: np.random.Generator) -> Ints:
        """Exchange or turn two neighbouring stretches that begin where the path is unsteady."""
        rough = self._fours(path[:-3], path[1:-2], path[2:-1], path[3:]) + 0.05
        a, b, c = np.sort(rng.choice(np.arange(2, len(path) - 1), 3, replace=False, p=rough / rough.sum()))
        one, other = path[a:b], path[b:c]
        middle = [other, one] if rng.random() < 0.5 else [one[::-1], other[::-1]]
        return np.concatenate([path[:a], *middle, path[c:]])


class SteadyPaths(SmoothPaths):
    """Paths over some positions, rated by how unsteadily they move."""

    def __init__(self, positions: Doubles) -> None:
        # One more row, of which nothing is known, stands for what is before and after the path.
        self._positions = np.concatenate([positions, np.full((1, positions.shape[1]), np.nan)])
        squares = np.square(positions[:, None] - positions[None]).sum(axis=2)
        self._still = squares.max() * _STILL**2 + 1e-12
        apart = squares + np.diag(np.full(len(squares), np.inf))
        near = np.argsort(apart, axis=1, kind="stable")[:, : min(_CANDIDATES, len(squares) - 1)]
        super().__init__(apart, near)

    def _fours(self, a: Ints, b: Ints, c: Ints, d: Ints) -> Doubles:
        """Return the squared third difference of four rows in units of their mean squared step."""
        at = self._positions
        first, second, third = at[b] - at[a], at[c] - at[b], at[d] - at[c]
        steps = (np.square(first).sum(-1) + np.square(second).sum(-1) + np.square(third).sum(-1)) / 3
        jerk = np.square(third - 2 * second + first).sum(-1)
        return np.asarray(np.nan_to_num(np.minimum(jerk / (steps + self._still), _WORST)), np.float64)


def _places(path: Ints) -> Ints:
    place = np.empty(len(path), np.int64)
    place[path] = np.arange(len(path))
    return place


def _valid(left: Ints, begin: Ints, end: Ints, *, turned: bool) -> _Moves:
    left, begin, end = np.broadcast_arrays(left, begin, end)
    valid = (left < begin - 1) & (begin <= end)
    return _Moves(left[valid], begin[valid], end[valid], turned)
