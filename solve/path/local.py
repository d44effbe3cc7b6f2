"""Local search on candidate joins: 2-opt and 3-opt moves, with small double bridges as kicks."""

import itertools
import random
from array import array
from collections import deque
from collections.abc import Iterable
from heapq import nsmallest

import numpy as np

from ..cost.prices import JoinCosts
from ..stop import StopCondition

_BREADTH = 10
"""Candidates tried for each row."""
_REACH = 50
"""Longest stretch that a double bridge swaps."""
_LONG = 20
"""Longest stretch that is reversed row by row; on longer ones numpy is faster."""
_CHECK_EVERY = 64
"""Kicks or moves between checks of the stop condition."""
_BRIDGE_CANDIDATES = 10
"""Extra candidates for each end of a join outside the candidate lists."""
_MAX_BRIDGED_ENDS = 1000
"""Most such ends: all pairs of them are priced."""
_MAX_JUMP_ROWS = 5000
"""Longest tour, in rows, in which kicks aim at expensive joins."""
_JUMP_SHARE = 0.25
"""Share of the kicks that aim at an expensive join; chosen on one hard walk of 1,000 rows."""
_WALK_SHARE = 0.375
"""Share of the kicks that cut at similar rows, chosen likewise; the others swap neighbouring stretches anywhere."""
_JUMP_SAMPLES = 30
"""Random joins of which a kick takes the most expensive."""
_STEPS = 3
"""Steps of the random walk along candidate joins."""
_LIKELY = 8
"""Nearest candidates from which kicks choose."""


def improve(
    path: list[int],
    costs: JoinCosts,
    *,
    kicks: int,
    seed: int,
    target: float = float("-inf"),
    stop: StopCondition = StopCondition(),  # noqa: B008 - frozen
) -> list[int]:
    """Return a path no more expensive than the given one.

    The search stops at `target`, after `kicks` kicks, or on the stop condition. The number of kicks, not the clock,
    normally ends it, so that the same film gives the same path.
    """
    count = len(path)
    if count < 4:
        return path
    tour = _Tour(path, costs)
    tour.settle(range(count + 1), stop)
    if tour.cost > target:
        tour.settle(tour.bridge(costs.neighbours), stop)
    rng = random.Random(seed)
    for kick in range(kicks):
        if kick % _CHECK_EVERY == 0:
            stop.report(tour.cost)
            if stop.reached():
                break
        if tour.cost <= target:
            break
        tour.perturb(rng)
    return tour.path()


class _Tour:
    """The path closed through the dummy row `count`; every move is a series of reversals."""

    def __init__(self, path: list[int], costs: JoinCosts) -> None:
        self._rows = costs.rows
        self._near = [*(near[:_BREADTH] for near in costs.neighbours), []]
        self._count, self._dummy = len(path) + 1, len(path)
        # Python reads an array about as fast as a list, and numpy can reverse long stretches of it.
        self._at = array("q", [*path, self._dummy])
        self._place = array("q", bytes(8 * self._count))
        self._at_view, self._place_view = np.frombuffer(self._at, np.int64), np.frombuffer(self._place, np.int64)
        self._place_view[self._at_view] = np.arange(self._count)
        self.cost = costs.of(path)
        self._undo_log: list[tuple[int, int]] = []

    def path(self) -> list[int]:
        start = self._place[self._dummy]
        return [*self._at[start + 1 :], *self._at[:start]]

    def settle(self, rows: Iterable[int], stop: StopCondition | None = None) -> None:
        """Improve around the given rows until no move near them gains."""
        queue = deque(rows)
        queued = set(queue)
        for turn in itertools.count():
            if not queue or (stop and turn % _CHECK_EVERY == 0 and stop.reached()):
                break
            row = queue.popleft()
            queued.discard(row)
            while touched := self._improve(row):
                fresh = [other for other in touched if other not in queued]
                queue.extend(fresh)
                queued.update(fresh)

    def bridge(self, neighbours: list[list[int]]) -> list[int]:
        """Make ends of joins outside the candidate lists, such as joins between shots, candidates of each other."""
        path = self.path()
        jumps = [(a, b) for a, b in itertools.pairwise(path) if b not in neighbours[a] and a not in neighbours[b]]
        ends = sorted({path[0], path[-1], *(row for jump in jumps for row in jump)})
        if len(ends) > _MAX_BRIDGED_ENDS:
            return []
        for row in ends:
            price = self._rows[row].__getitem__
            nearest = nsmallest(_BRIDGE_CANDIDATES, (end for end in ends if end != row), key=price)
            self._near[row] = sorted({*self._near[row], *nearest}, key=lambda other: (price(other), other))
        return ends

    def perturb(self, rng: random.Random) -> None:
        """Swap two stretches and settle; undo everything if the path got more expensive."""
        joins = self._joins_to_cut(rng)
        if len(joins) < 3:
            return
        (a, b), (c, d), (e, f) = joins
        before = self.cost
        self._undo_log.clear()
        self.cost += self._cost(a, d) + self._cost(e, b) + self._cost(c, f)
        self.cost -= self._cost(a, b) + self._cost(c, d) + self._cost(e, f)
        self._swap(a, b, c, d, e, f)
        self.settle(dict.fromkeys((a, b, c, d, e, f)))
        if self.cost > before:
            for left, right in reversed(self._undo_log):
                self._reverse(left, right)
            self.cost = before

    def _joins_to_cut(self, rng: random.Random) -> list[tuple[int, int]]:
        """Return three joins in cycle order, or fewer if the random choice hit the same one twice."""
        kind = rng.random()
        if kind < _JUMP_SHARE and self._count <= _MAX_JUMP_ROWS:
            places = self._around_a_jump(rng)
        elif kind < _JUMP_SHARE + _WALK_SHARE:
            row = rng.randrange(self._count)
            places = [self._place[other] for other in (row, self._random_walk(row, rng), self._random_walk(row, rng))]
        else:
            return self._side_by_side(rng)
        return [(self._at[place], self._at[(place + 1) % self._count]) for place in sorted(set(places))]

    def _side_by_side(self, rng: random.Random) -> list[tuple[int, int]]:
        reach = min(_REACH, (self._count - 2) // 2)
        start, first, second = rng.randrange(self._count), rng.randint(1, reach), rng.randint(1, reach)
        cut = ((start + step) % self._count for step in (0, first, first + second))
        return [(self._at[place], self._at[(place + 1) % self._count]) for place in cut]

    def _around_a_jump(self, rng: random.Random) -> list[int]:
        """Choose an expensive join, a row similar to one of its ends, and an end of the path or any place.

        What keeps a settled path from the optimum is mostly a wrong end or an expensive join, far from the row that
        belongs there.
        """
        places = [rng.randrange(self._count) for _ in range(_JUMP_SAMPLES)]
        jump = max(places, key=lambda place: self._cost(self._at[place], self._at[(place + 1) % self._count]))
        end = self._at[(jump + rng.randrange(2)) % self._count]
        third = self._place[self._dummy] if rng.random() < 0.5 else rng.randrange(self._count)
        near = self._near[end]
        like = near[rng.randrange(min(len(near), _LIKELY))] if near else end
        return [jump, self._place[like], (third - rng.randrange(2)) % self._count]

    def _random_walk(self, row: int, rng: random.Random) -> int:
        """Return a row a few steps away along candidate joins."""
        for _ in range(_STEPS):
            near = self._near[row]
            if near:
                row = near[rng.randrange(min(len(near), _LIKELY))]
        return row

    def _cost(self, a: int, b: int) -> int:
        return self._rows[a][b]

    def _next(self, row: int) -> int:
        place = self._place[row] + 1
        return self._at[place if place < self._count else 0]

    def _before(self, row: int) -> int:
        return self._at[self._place[row] - 1]

    def _improve(self, row: int) -> tuple[int, ...]:
        """Make one improving move at a row; return the rows it touched, or none."""
        if row == self._dummy and (touched := self._rotate(row)):
            return touched
        return self._exchange(row, 1) or self._exchange(row, -1)

    def _rotate(self, dummy: int) -> tuple[int, ...]:
        """Join the ends of the path and open it at its most expensive join instead."""
        first, last = self._next(dummy), self._before(dummy)
        joins = list(itertools.pairwise(self.path()))
        prices = [self._rows[a][b] for a, b in joins]
        a, b = joins[prices.index(max(prices))]
        gain = self._cost(a, b) - self._cost(first, last)
        if gain <= 0:
            return ()
        self._swap(last, dummy, dummy, first, a, b)
        self.cost -= gain
        return a, b, first, last

    def _exchange(self, a: int, sign: int) -> tuple[int, ...]:
        """Replace the joins a-b, c-d and perhaps e-f by b-c, d-e and f-a if that is cheaper; b is `sign` from a.

        Every gainful exchange has a reading in which each pair of joins gains (Lin and Kernighan), so the search
        follows only those. Joins to the dummy are free, so from there it follows all.
        """
        b = self._at[(self._place[a] + sign) % self._count]
        own = self._rows[b]
        before = own[a]
        for c in self._near[b]:
            gain = before - own[c]
            if gain <= 0 and a != self._dummy:
                break
            if touched := self._by_reversal(a, b, c, gain, sign) or self._by_cycle(a, b, c, gain, sign):
                return touched
        return ()

    def _by_reversal(self, a: int, b: int, c: int, gain: int, sign: int) -> tuple[int, ...]:
        """Try d before c: reversing b..d joins b to c, and a second reversal joins d to some e."""
        # Calls of functions would take most of the time here.
        rows, closing, at, place, count = self._rows, self._rows[a], self._at, self._place, self._count
        start, end = place[b], place[c]
        d = at[(end - sign) % count]
        gain += rows[c][d]
        if gain > closing[d]:
            self._turn(a, b, d, c)
            self.cost -= gain - closing[d]
            return a, b, c, d
        own, length = rows[d], (end - start) * sign % count
        for e in self._near[d]:
            left = gain - own[e]
            if left <= 0:
                break
            turned = (place[e] - start) * sign % count < length
            f = at[(place[e] + (sign if turned else -sign)) % count]
            if left + rows[e][f] > closing[f]:
                self._turn(a, b, d, c)
                self._turn(a, d, f, e)
                self.cost -= left + rows[e][f] - closing[f]
                return a, b, c, d, e, f
        return ()

    def _by_cycle(self, a: int, b: int, c: int, gain: int, sign: int) -> tuple[int, ...]:
        """Try d after c: joining b to c leaves a cycle b..c, which opens again at e-f to join d."""
        if c == a:
            return ()
        rows, closing, at, place, count = self._rows, self._rows[a], self._at, self._place, self._count
        start, end = place[b], place[c]
        d = at[(end + sign) % count]
        gain += rows[c][d]
        own, length = rows[d], (end - start) * sign % count
        for e in self._near[d]:
            left = gain - own[e]
            if left <= 0:
                break
            if (place[e] - start) * sign % count > length:
                continue
            f = at[(place[e] + sign) % count]
            if e != c and left + rows[e][f] > closing[f]:
                self._swap(a, b, e, f, c, d)
                self.cost -= left + rows[e][f] - closing[f]
                return a, b, c, d, e, f
            f = at[(place[e] - sign) % count]
            if e != b and left + rows[e][f] > closing[f]:
                self._turn(a, b, f, e)
                self._turn(b, e, c, d)
                self.cost -= left + rows[e][f] - closing[f]
                return a, b, c, d, e, f
        return ()

    def _swap(self, p: int, s1: int, s2: int, q: int, left: int, right: int) -> None:
        """Turn p s1..s2 q..left right into p q..left s1..s2 right, in either direction."""
        self._turn(p, s1, left, right)
        self._turn(p, left, q, s2)
        self._turn(left, s2, s1, right)

    def _turn(self, a: int, b: int, c: int, d: int) -> None:
        """Replace the joins a-b and c-d by a-c and b-d, in either direction."""
        if b == c or a == d:
            return
        if self._next(a) == b:
            left, right = self._place[b], self._place[c]
        else:
            left, right = self._place[c], self._place[b]
        self._reverse(left, right)
        self._undo_log.append((left, right))

    def _reverse(self, left: int, right: int) -> None:
        """Reverse the places left..right of the cycle, or the rest of it, whichever is shorter."""
        at, place, count = self._at, self._place, self._count
        inside = (right - left) % count + 1
        if inside * 2 > count:
            left, right, inside = (right + 1) % count, (left - 1) % count, count - inside
        if inside > _LONG:
            places = np.arange(left, left + inside) % count
            rows = self._at_view[places[::-1]]
            self._at_view[places], self._place_view[rows] = rows, places
            return
        for _ in range(inside // 2):
            x, y = at[left], at[right]
            at[left], at[right] = y, x
            place[x], place[y] = right, left
            left = left + 1 if left + 1 < count else 0
            right = right - 1 if right else count - 1
