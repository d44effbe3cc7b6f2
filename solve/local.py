"""Local search on candidate joins: 2-opt and segment moves, shaken by small double bridges."""

import random
from collections import deque
from collections.abc import Iterable
from itertools import pairwise
from time import monotonic

from .costs import JoinCosts

_SEGMENT = 3
_REACH = 50
_CHECK_EVERY = 64


def improve(
    path: list[int], costs: JoinCosts, *, kicks: int, seed: int, target: float = 0.0, deadline: float = float("inf")
) -> list[int]:
    """A path no dearer than the given one. Stops at `target`, after `kicks`, or at the deadline.

    The number of kicks, not the clock, is what normally ends it, so that the same film gives the same path.
    """
    count = len(path)
    if count < 4:
        return path
    tour = _Tour(path, costs)
    tour.settle(range(count + 1))
    chance = random.Random(seed)
    for kick in range(kicks):
        if tour.cost <= target or (kick % _CHECK_EVERY == 0 and monotonic() > deadline):
            break
        tour.shake(chance)
    return tour.path()


class _Tour:
    """The path closed through nowhere, which is row `count`; every move is a chain of reversals."""

    def __init__(self, path: list[int], costs: JoinCosts) -> None:
        self._rows = costs.rows
        self._near = [*costs.neighbours, []]
        self._at = [*path, len(path)]
        self._count = len(self._at)
        self._place = [0] * self._count
        for place, row in enumerate(self._at):
            self._place[row] = place
        self.cost = costs.of(path)
        self._dearest = 1 + max(self._rows[row][near[-1]] for row, near in enumerate(costs.neighbours) if near)
        self._done: list[tuple[int, int]] = []

    def path(self) -> list[int]:
        start = self._place[self._count - 1]
        return self._at[start + 1 :] + self._at[:start]

    def settle(self, rows: Iterable[int]) -> None:
        """Improve around the given rows until nothing near them can be."""
        waiting = deque(rows)
        queued = set(waiting)
        while waiting:
            row = waiting.popleft()
            queued.discard(row)
            while touched := self._improve(row):
                fresh = [other for other in touched if other not in queued]
                waiting.extend(fresh)
                queued.update(fresh)

    def shake(self, chance: random.Random) -> None:
        """Swap two neighbouring stretches, settle, and take it all back if the path got dearer."""
        reach = min(_REACH, (self._count - 2) // 2)
        start, first, second = chance.randrange(self._count), chance.randint(1, reach), chance.randint(1, reach)
        a, b, c, d, e, f = (
            self._at[(start + step) % self._count]
            for step in (0, 1, first, first + 1, first + second, first + second + 1)
        )
        before = self.cost
        self._done.clear()
        self.cost += self._gap(a, d) + self._gap(e, b) + self._gap(c, f)
        self.cost -= self._gap(a, b) + self._gap(c, d) + self._gap(e, f)
        self._move(a, b, c, d, e, f)
        self._turn(e, c, b, f)
        self.settle(dict.fromkeys((a, b, c, d, e, f)))
        if self.cost > before:
            for left, right in reversed(self._done):
                self._reverse(left, right)
            self.cost = before

    def _gap(self, a: int, b: int) -> int:
        return self._rows[a][b]

    def _next(self, row: int) -> int:
        place = self._place[row] + 1
        return self._at[place if place < self._count else 0]

    def _before(self, row: int) -> int:
        return self._at[self._place[row] - 1]

    def _improve(self, row: int) -> tuple[int, ...]:
        """Make one improving move at a row; the rows it touched, or none."""
        if row == self._count - 1:
            return self._rotate(row)
        return self._two_opt(row) or self._carry(row)

    def _rotate(self, nowhere: int) -> tuple[int, ...]:
        """Join the ends of the path and open it at its dearest join instead."""
        first, last = self._next(nowhere), self._before(nowhere)
        path = self.path()
        a, b = max(pairwise(path), key=lambda join: self._rows[join[0]][join[1]])
        gain = self._gap(a, b) - self._gap(first, last)
        if gain <= 0:
            return ()
        self._move(last, nowhere, nowhere, first, a, b)
        self.cost -= gain
        return a, b, first, last

    def _two_opt(self, a: int) -> tuple[int, ...]:
        rows, own = self._rows, self._rows[a]
        after, before = self._next(a), self._before(a)
        to_after, to_before = own[after], own[before]
        at_end = self._count - 1 in (after, before)
        limit = self._dearest if at_end else max(to_after, to_before)
        for c in self._near[a]:
            joined = own[c]
            if joined >= limit:
                break
            d = self._next(c)
            gain = to_after + rows[c][d] - joined - rows[after][d]
            if gain > 0:
                self._turn(a, after, c, d)
                self.cost -= gain
                return a, after, c, d
            d = self._before(c)
            gain = to_before + rows[c][d] - joined - rows[before][d]
            if gain > 0:
                self._turn(d, c, before, a)
                self.cost -= gain
                return a, before, c, d
        return ()

    def _carry(self, a: int) -> tuple[int, ...]:
        """Carry a stretch of up to three rows that ends in `a` to a candidate neighbour of `a`."""
        for step, back in ((self._next, self._before), (self._before, self._next)):
            last = a
            outer = back(a)
            stretch = {a}
            for _ in range(_SEGMENT):
                follow = step(last)
                if follow == outer:
                    break
                if touched := self._carry_stretch(a, last, outer, follow, stretch):
                    return touched
                last = follow
                stretch.add(last)
        return ()

    def _carry_stretch(self, a: int, last: int, outer: int, follow: int, stretch: set[int]) -> tuple[int, ...]:
        rows, own = self._rows, self._rows[a]
        saved = own[outer] + rows[last][follow] - rows[outer][follow]
        if saved <= 0:
            return ()
        for c in self._near[a]:
            joined = own[c]
            if joined >= saved:
                break
            if c in stretch:
                continue
            for d in (self._next(c), self._before(c)):
                if d in stretch:
                    continue
                gain = saved + rows[c][d] - joined - rows[last][d]
                if gain > 0:
                    self._place_stretch(a, last, outer, follow, c, d)
                    self.cost -= gain
                    return a, last, outer, follow, c, d
        return ()

    def _place_stretch(self, a: int, last: int, outer: int, follow: int, c: int, d: int) -> None:
        """Put the stretch a..last between c and d, with a beside c."""
        p, s1, s2, q = (outer, a, last, follow) if self._next(outer) == a else (follow, last, a, outer)
        left, right = (c, d) if self._next(c) == d else (d, c)
        self._move(p, s1, s2, q, left, right)
        # The move leaves s2 beside left and s1 beside right.
        if (s2 == a) != (left == c) and a != last:
            self._turn(left, s2, s1, right)

    def _move(self, p: int, s1: int, s2: int, q: int, left: int, right: int) -> None:
        """p [s1..s2] q ... left right becomes p q ... left [s2..s1] right, wherever on the cycle that is."""
        ahead = (self._place[left] - self._place[q]) % self._count
        behind = (self._place[p] - self._place[right]) % self._count
        if ahead <= behind:
            self._turn(p, s1, left, right)
            self._turn(p, left, q, s2)
        else:
            self._turn(left, right, s2, q)
            self._turn(s1, p, right, q)

    def _turn(self, a: int, b: int, c: int, d: int) -> None:
        """Replace the joins a-b and c-d by a-c and b-d, in whichever sense the cycle is walked."""
        if b == c or a == d:
            return
        if self._next(a) == b:
            left, right = self._place[b], self._place[c]
        else:
            left, right = self._place[c], self._place[b]
        self._reverse(left, right)
        self._done.append((left, right))

    def _reverse(self, left: int, right: int) -> None:
        """Reverse the places left..right of the cycle, or the rest of it, whichever is shorter."""
        at, place, count = self._at, self._place, self._count
        inside = (right - left) % count + 1
        if inside * 2 > count:
            left, right, inside = (right + 1) % count, (left - 1) % count, count - inside
        for _ in range(inside // 2):
            x, y = at[left], at[right]
            at[left], at[right] = y, x
            place[x], place[y] = right, left
            left = left + 1 if left + 1 < count else 0
            right = right - 1 if right else count - 1
