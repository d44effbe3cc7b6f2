"""Turn and exchange long stretches of a path where the frames around its joins tell more than the joins."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from ..cost.surroundings import evidence_weights, join_evidence

Doubles = npt.NDArray[np.float64]

_FEWEST = 8
"""Frames of a stretch that is moved, and of what is left on either side of it, unless that is nothing."""
_GAIN = 0.3
"""Least gain, as a logarithm of odds. The first moves in four clips, all of them right, gained .4 to 2.3. In clips that
were right already no move gained; in a game on a map, whose order is doubtful, moves gained up to .2 and did not help.
"""
_EASIER = 0.01
"""Share by which a move must lower the loss. Five right moves in four clips lowered it by 2 to 6 %; wrong ones in drawn
films of a ball that retraces its way raised it by 1 to 2 %.
"""
_DOUBTED = 24
"""Joins at which stretches are exchanged: those that stand out least from others."""
_MOST_MOVES = 5
"""Most moves in one film."""


@dataclass(frozen=True)
class _Moves:
    """Ways to play one stretch, or two neighbouring ones, differently."""

    bounds: tuple[Ints, ...]
    """Where the stretches begin, and where the last one ends."""
    played: tuple[tuple[int, bool], ...]
    """The stretches in their new order, and whether each is turned."""

    def gains(self, score: Doubles) -> Doubles:
        """Return by how much each move raises the score of the joins."""
        as_it_is = tuple((number, False) for number in range(len(self.played)))
        return self._joins(score, self.played) - self._joins(score, as_it_is)

    def applied(self, which: int, count: int) -> list[int]:
        """Return the places of a path in the order that a move leads to."""
        bounds = [int(bound[which]) for bound in self.bounds]
        parts = [range(bounds[number], bounds[number + 1])[:: -1 if turned else 1] for number, turned in self.played]
        return [*range(bounds[0]), *(at for part in parts for at in part), *range(bounds[-1], count)]

    def _joins(self, score: Doubles, played: tuple[tuple[int, bool], ...]) -> Doubles:
        count = len(score) // 2
        first, last = self.bounds[0], self.bounds[-1]
        ends = [self._ends(number, turned, count) for number, turned in played]
        total = np.where(first > 0, score[first - 1, ends[0][0]], 0.0)
        for (_, left), (right, _) in pairwise(ends):
            total = total + score[left, right]
        return total + np.where(last < count, score[ends[-1][1], count + np.minimum(last, count - 1)], 0.0)

    def _ends(self, number: int, turned: bool, count: int) -> tuple[Ints, Ints]:
        """Return the ends at which a stretch is entered and left."""
        begin, end = count + self.bounds[number], self.bounds[number + 1] - 1
        return (end, begin) if turned else (begin, end)


def moved_stretches(path: list[int], prices: Doubles, pictures: Floats) -> list[int]:
    """Return a path with long stretches turned or exchanged where the frames around the new joins fit clearly better.

    A move must also make it easier to tell the joins of the path from others, by weights that are learned again.

    Args:
        path: The cheapest path.
        prices: The price of every pair of rows.
        pictures: Small pictures of the rows.
    """
    if len(path) < 2 * _FEWEST:
        return path
    known = _Learned.of(path, prices, pictures)
    for _ in range(_MOST_MOVES):
        moved = known.best_move()
        if moved is None:
            break
        tried = _Learned.of(moved, prices, pictures)
        if tried.loss > known.loss * (1 - _EASIER):
            break
        known = tried
    return known.path


@dataclass(frozen=True)
class _Learned:
    """A path, and what its own joins tell about joins."""

    path: list[int]
    price: Doubles
    score: Doubles
    """Price and score of each join between two ends, as logarithms of odds; see `join_evidence`."""
    loss: float

    @classmethod
    def of(cls, path: list[int], prices: Doubles, pictures: Floats) -> "_Learned":
        along = prices[np.ix_(path, path)]
        evidence = join_evidence(along, pictures[path])
        learned = evidence_weights(evidence, along)
        return cls(path, learned.weights[0] * evidence[..., 0], evidence @ learned.weights, learned.loss)

    def best_move(self) -> list[int] | None:
        """Return the path after the move that gains most, if one does."""
        best, found = _GAIN, None
        for moves in [_turns(len(self.path)), *_exchanges(self.score)]:
            cheaper, gains = moves.gains(self.price), moves.gains(self.score)
            # The path is the cheapest one, so that what is cheaper by one of its joins is no new evidence.
            gains = np.minimum(gains, gains - cheaper)
            if len(gains) and gains.max() > best:
                best, found = float(gains.max()), moves.applied(int(gains.argmax()), len(self.path))
        return None if found is None else [self.path[at] for at in found]


def _turns(count: int) -> _Moves:
    begin, end = np.triu_indices(count + 1, _FEWEST)
    valid = _leaves_enough(begin, end, count) & (end - begin < count)
    return _Moves((begin[valid], end[valid]), ((0, True),))


def _exchanges(score: Doubles) -> Iterator[_Moves]:
    """Exchange neighbouring stretches that begin and end at joins which stand out least."""
    count = len(score) // 2
    cuts = sorted({0, count, *(_doubted(score) + 1).tolist()})
    bounds = np.array(list(combinations(cuts, 3)), np.int64).reshape(-1, 3)
    long = (np.diff(bounds, axis=1) >= _FEWEST).all(axis=1)
    begin, middle, end = bounds[long & _leaves_enough(bounds[:, 0], bounds[:, 2], count)].T
    for one, other in product((False, True), repeat=2):
        yield _Moves((begin, middle, end), ((1, one), (0, other)))


def _leaves_enough(begin: Ints, end: Ints, count: int) -> npt.NDArray[np.bool_]:
    enough = ((begin == 0) | (begin >= _FEWEST)) & ((end == count) | (end <= count - _FEWEST))
    return np.asarray(enough, np.bool_)


def _doubted(score: Doubles) -> Ints:
    """Return the joins whose score is least above the best of others at their ends."""
    count = len(score) // 2
    at = np.arange(count - 1)
    place = np.tile(np.arange(count), 2)
    near = np.abs(place[:, None] - place) <= _FEWEST
    others = np.where(near, -np.inf, score).max(axis=1)
    margin = 2 * score[at, count + at + 1] - others[at] - others[count + at + 1]
    return np.argsort(margin, kind="stable")[:_DOUBTED]
