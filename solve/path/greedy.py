"""Build a first path from the cheapest joins."""

from collections.abc import Iterable

from ..cost.prices import JoinCosts

_MAX_ENDS_COMPARED = 2000
"""Most piece ends whose joins are all compared: their number grows quadratically."""


def greedy_path(costs: JoinCosts) -> list[int]:
    """Join greedily: the candidate joins by cost, then the ends of the remaining pieces."""
    count = len(costs)
    pieces = _Pieces(count)
    pieces.join_cheapest(
        (costs.rows[a][b], a, b)
        for a in range(count)
        for b in costs.neighbours[a]
        if a < b or a not in costs.neighbours[b]
    )
    ends = pieces.ends()
    if len(ends) <= _MAX_ENDS_COMPARED:
        pieces.join_cheapest((costs.rows[a][b], a, b) for i, a in enumerate(ends) for b in ends[i + 1 :])
    return pieces.in_line()


class _Pieces:
    """Path pieces under construction: each row has at most two links, and no cycle closes."""

    def __init__(self, count: int) -> None:
        self._links: list[list[int]] = [[] for _ in range(count)]
        self._root = list(range(count))

    def join_cheapest(self, joins: Iterable[tuple[int, int, int]]) -> None:
        for _, a, b in sorted(joins):
            if len(self._links[a]) < 2 and len(self._links[b]) < 2 and self._find(a) != self._find(b):
                self._links[a].append(b)
                self._links[b].append(a)
                self._root[self._find(a)] = self._find(b)

    def ends(self) -> list[int]:
        return [row for row, links in enumerate(self._links) if len(links) < 2]

    def in_line(self) -> list[int]:
        """Return all pieces one after another, each from its first end."""
        seen: set[int] = set()
        line: list[int] = []
        for end in self.ends():
            while end not in seen:
                seen.add(end)
                line.append(end)
                end = next((row for row in self._links[end] if row not in seen), end)
        return line

    def _find(self, row: int) -> int:
        while self._root[row] != row:
            self._root[row] = self._root[self._root[row]]
            row = self._root[row]
        return row
