"""Local search on candidate joins: exchanges of two and three joins, shaken by small double bridges."""

import itertools
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import nsmallest

from ..cost.prices import JoinCosts
from ..stop import StopCondition

_BREADTH = 10
_REACH = 50
_CHECK_EVERY = 64
_BRIDGES = 10
_BRIDGED_AT_MOST = 1000
_LEAPS_UP_TO = 5000
_LEAPS, _STROLLS = 0.25, 0.375
"""Shares of the kicks that go for a dear join, and for rows that look alike; the rest swap stretches anywhere.

Chosen on one hard walk of 1,000 rows.
"""
_TRIED = 30
_STEPS = 3
_LIKELY = 8


def improve(
    path: list[int],
    costs: JoinCosts,
    *,
    kicks: int,
    seed: int,
    target: float = float("-inf"),
    watch: StopCondition = StopCondition(),  # noqa: B008 - it is frozen
) -> list[int]:
    """A path no dearer than the given one. Stops at `target`, after `kicks`, or when the watch says so.

    The number of kicks, not the clock, is what normally ends it, so that the same film gives the same path.
    """
    count = len(path)
    if count < 4:
        return path
    tour = _Tour(path, costs)
    tour.settle(range(count + 1), watch)
    if tour.cost > target:
        tour.settle(tour.bridge(costs.neighbours), watch)
    chance = random.Random(seed)
    for kick in range(kicks):
        if kick % _CHECK_EVERY == 0:
            watch.report(tour.cost)
            if watch.over():
                break
        if tour.cost <= target:
            break
        tour.shake(chance)
    return tour.path()


@dataclass(frozen=True)
class _Sense:
    """One of the two ways round the cycle."""

    step: Callable[[int], int]
    back: Callable[[int], int]
    sign: int


class _Tour:
    """The path closed through nowhere, which is row `count`; every move is a chain of reversals."""

    def __init__(self, path: list[int], costs: JoinCosts) -> None:
        self._rows = costs.rows
        self._near = [*(near[:_BREADTH] for near in costs.neighbours), []]
        self._at = [*path, len(path)]
        self._count = len(self._at)
        self._nowhere = len(path)
        self._place = [0] * self._count
        for place, row in enumerate(self._at):
            self._place[row] = place
        self.cost = costs.of(path)
        self._senses = _Sense(self._next, self._before, 1), _Sense(self._before, self._next, -1)
        self._done: list[tuple[int, int]] = []

    def path(self) -> list[int]:
        start = self._place[self._nowhere]
        return self._at[start + 1 :] + self._at[:start]

    def settle(self, rows: Iterable[int], watch: StopCondition | None = None) -> None:
        """Improve around the given rows until nothing near them can be."""
        waiting = deque(rows)
        queued = set(waiting)
        for turn in itertools.count():
            if not waiting or (watch and turn % _CHECK_EVERY == 0 and watch.over()):
                break
            row = waiting.popleft()
            queued.discard(row)
            while touched := self._improve(row):
                fresh = [other for other in touched if other not in queued]
                waiting.extend(fresh)
                queued.update(fresh)

    def bridge(self, neighbours: list[list[int]]) -> list[int]:
        """Let the ends of joins that no candidate list foresaw, as between shots, be candidates of each other."""
        path = self.path()
        leaps = [(a, b) for a, b in itertools.pairwise(path) if b not in neighbours[a] and a not in neighbours[b]]
        ends = sorted({path[0], path[-1], *(row for leap in leaps for row in leap)})
        if len(ends) > _BRIDGED_AT_MOST:
            return []
        for row in ends:
            price = self._rows[row].__getitem__
            nearest = nsmallest(_BRIDGES, (end for end in ends if end != row), key=price)
            self._near[row] = sorted({*self._near[row], *nearest}, key=lambda other: (price(other), other))
        return ends

    def shake(self, chance: random.Random) -> None:
        """Swap two stretches, settle, and take it all back if the path got dearer."""
        joins = self._joins_to_cut(chance)
        if len(joins) < 3:
            return
        (a, b), (c, d), (e, f) = joins
        before = self.cost
        self._done.clear()
        self.cost += self._gap(a, d) + self._gap(e, b) + self._gap(c, f)
        self.cost -= self._gap(a, b) + self._gap(c, d) + self._gap(e, f)
        self._swap(a, b, c, d, e, f)
        self.settle(dict.fromkeys((a, b, c, d, e, f)))
        if self.cost > before:
            for left, right in reversed(self._done):
                self._reverse(left, right)
            self.cost = before

    def _joins_to_cut(self, chance: random.Random) -> list[tuple[int, int]]:
        """Three joins, as they follow one another round the cycle; fewer where chance met the same one twice."""
        kind = chance.random()
        if kind < _LEAPS and self._count <= _LEAPS_UP_TO:
            places = self._around_a_leap(chance)
        elif kind < _LEAPS + _STROLLS:
            row = chance.randrange(self._count)
            places = [self._place[other] for other in (row, self._stroll(row, chance), self._stroll(row, chance))]
        else:
            return self._side_by_side(chance)
        return [(self._at[place], self._at[(place + 1) % self._count]) for place in sorted(set(places))]

    def _side_by_side(self, chance: random.Random) -> list[tuple[int, int]]:
        reach = min(_REACH, (self._count - 2) // 2)
        start, first, second = chance.randrange(self._count), chance.randint(1, reach), chance.randint(1, reach)
        cut = ((start + step) % self._count for step in (0, first, first + second))
        return [(self._at[place], self._at[(place + 1) % self._count]) for place in cut]

    def _around_a_leap(self, chance: random.Random) -> list[int]:
        """A dear join, a row that looks like one of its ends, and an end of the path or anywhere.

        What keeps a settled path from the best is mostly a wrong end or leap, far from what would mend it.
        """
        places = [chance.randrange(self._count) for _ in range(_TRIED)]
        leap = max(places, key=lambda place: self._gap(self._at[place], self._at[(place + 1) % self._count]))
        end = self._at[(leap + chance.randrange(2)) % self._count]
        third = self._place[self._nowhere] if chance.random() < 0.5 else chance.randrange(self._count)
        near = self._near[end]
        like = near[chance.randrange(min(len(near), _LIKELY))] if near else end
        return [leap, self._place[like], (third - chance.randrange(2)) % self._count]

    def _stroll(self, row: int, chance: random.Random) -> int:
        """A row a few steps away along likely joins."""
        for _ in range(_STEPS):
            near = self._near[row]
            if near:
                row = near[chance.randrange(min(len(near), _LIKELY))]
        return row

    def _gap(self, a: int, b: int) -> int:
        return self._rows[a][b]

    def _next(self, row: int) -> int:
        place = self._place[row] + 1
        return self._at[place if place < self._count else 0]

    def _before(self, row: int) -> int:
        return self._at[self._place[row] - 1]

    def _improve(self, row: int) -> tuple[int, ...]:
        """Make one improving move at a row; the rows it touched, or none."""
        if row == self._nowhere and (touched := self._rotate(row)):
            return touched
        ahead, behind = self._senses
        return self._exchange(row, ahead) or self._exchange(row, behind)

    def _rotate(self, nowhere: int) -> tuple[int, ...]:
        """Join the ends of the path and open it at its dearest join instead."""
        first, last = self._next(nowhere), self._before(nowhere)
        a, b = max(itertools.pairwise(self.path()), key=lambda join: self._rows[join[0]][join[1]])
        gain = self._gap(a, b) - self._gap(first, last)
        if gain <= 0:
            return ()
        self._swap(last, nowhere, nowhere, first, a, b)
        self.cost -= gain
        return a, b, first, last

    def _exchange(self, a: int, sense: _Sense) -> tuple[int, ...]:
        """Give up the joins a-b, c-d and perhaps e-f for b-c, d-e and f-a, if that is cheaper.

        Of any exchange that gains, some reading gains after each pair of joins (Lin and Kernighan), so the
        search follows only those; but joins to nowhere are free, so that from there it follows all.
        """
        b = sense.step(a)
        own = self._rows[b]
        before = own[a]
        for c in self._near[b]:
            gain = before - own[c]
            if gain <= 0 and a != self._nowhere:
                break
            if touched := self._by_reversal(a, b, c, gain, sense) or self._by_cycle(a, b, c, gain, sense):
                return touched
        return ()

    def _by_reversal(self, a: int, b: int, c: int, gain: int, sense: _Sense) -> tuple[int, ...]:
        """With d before c: turning b..d around joins b to c, and turning once more joins d to some e."""
        rows, home = self._rows, self._rows[a]
        d = sense.back(c)
        gain += rows[c][d]
        if gain > home[d]:
            self._turn(a, b, d, c)
            self.cost -= gain - home[d]
            return a, b, c, d
        own, start, reversed_to = rows[d], self._place[b], (self._place[c] - self._place[b]) * sense.sign % self._count
        for e in self._near[d]:
            left = gain - own[e]
            if left <= 0:
                break
            turned = (self._place[e] - start) * sense.sign % self._count < reversed_to
            f = sense.step(e) if turned else sense.back(e)
            if left + rows[e][f] > home[f]:
                self._turn(a, b, d, c)
                self._turn(a, d, f, e)
                self.cost -= left + rows[e][f] - home[f]
                return a, b, c, d, e, f
        return ()

    def _by_cycle(self, a: int, b: int, c: int, gain: int, sense: _Sense) -> tuple[int, ...]:
        """With d after c: joining b to c leaves a cycle b..c, which opens again at e-f to join d."""
        if c == a:
            return ()
        rows, home = self._rows, self._rows[a]
        d = sense.step(c)
        gain += rows[c][d]
        own, start, length = rows[d], self._place[b], (self._place[c] - self._place[b]) * sense.sign % self._count
        for e in self._near[d]:
            left = gain - own[e]
            if left <= 0:
                break
            if (self._place[e] - start) * sense.sign % self._count > length:
                continue
            f = sense.step(e)
            if e != c and left + rows[e][f] > home[f]:
                self._swap(a, b, e, f, c, d)
                self.cost -= left + rows[e][f] - home[f]
                return a, b, c, d, e, f
            f = sense.back(e)
            if e != b and left + rows[e][f] > home[f]:
                self._turn(a, b, f, e)
                self._turn(b, e, c, d)
                self.cost -= left + rows[e][f] - home[f]
                return a, b, c, d, e, f
        return ()

    def _swap(self, p: int, s1: int, s2: int, q: int, left: int, right: int) -> None:
        """p s1..s2 q..left right becomes p q..left s1..s2 right, in whichever sense the cycle is walked."""
        self._turn(p, s1, left, right)
        self._turn(p, left, q, s2)
        self._turn(left, s2, s1, right)

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
