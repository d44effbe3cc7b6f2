"""Find where removed frames belong in an order: by their intact parts, and by the jumps of the film."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ..media.types import Floats
from .measures import Grey

_TILE = 8
"""Pixels on a side of the tiles that are compared."""
INTACT = 0.5
"""The best fitting share of the picture, by which a broken frame is compared: most damage covers a part only."""
_FLAT = 3.0
"""Deviation in grey levels under which a picture has nothing to compare."""
_MISSING = 1.5
"""Length of a step, in usual steps, at which a frame is missing."""
_MISSING_FLAT = 1.6
"""The same for flat frames, whose place nothing else determines."""
_AROUND = 10
"""Steps on either side whose median is the usual step."""
_NEAR = 12
"""Joins on either side of the original position that are tried."""
_WIDEST = 60
"""Bounds the widest joins that are tried."""
_AS_GOOD = 1.3
"""A fit up to this factor of the best counts as similar."""
_BESIDE = 1.6
"""The same for the join of frames that were adjacent to these. Damaged alike, they may show too little of the film to
find it each by itself. Chosen by what is found in eight clips of the tuning half of bench/clips.toml."""
_GREY_LEVEL = 1.0
"""Keeps ratios of nearly perfect fits from being noise."""


@dataclass(frozen=True)
class Stretch:
    """Frames that were adjacent, and the frames next to them that stay in the order."""

    frames: list[int]
    neighbours: tuple[int, ...] = ()
    compared: float = INTACT
    """The best fitting share of the picture by which they are compared."""


@dataclass
class OrderedFrames:
    """An order and the steps between its frames. Join k lies before frame k, so there is one more than frames."""

    order: Sequence[int]
    picture: Callable[[int], Grey]
    missing: Floats = field(init=False)
    """The length of each join in usual steps, less what was placed there; 0 at both ends."""

    def __post_init__(self) -> None:
        steps = steps_along(self.order, self.picture)
        self.missing = np.pad(steps / (_usual(steps) + 0.5), 1) if len(steps) else np.zeros(2, np.float32)

    def place(self, stretch: Stretch, *, beside: int | None = None, only_missing: bool = False) -> int | None:
        """Choose the join where the frames belong, and count them as placed there.

        Args:
            stretch: The frames to place.
            beside: The join of frames that they were adjacent to, which they share if they fit there nearly as well.
            only_missing: Accept only a join where a frame is missing.

        Returns:
            The join, or None where nothing determines it.
        """
        flat = all(float(self.picture(frame).std()) < _FLAT for frame in stretch.frames)
        joins = self._candidates(stretch)
        found = self._join_missing(joins, stretch) if flat else self._best_join(joins, stretch, beside)
        if only_missing and found is not None and self.missing[found] < _MISSING:
            return None
        if found is not None:
            self.missing[found] -= len(stretch.frames)
        return found

    def _candidates(self, stretch: Stretch) -> list[int]:
        """Return the joins around the original position, and the widest joins of all."""
        count = len(self.order)
        near = {
            k for at in self._original_places(stretch) for k in range(at - _NEAR, at + _NEAR + 2) if 0 <= k <= count
        }
        widest = np.argsort(-self.missing, kind="stable")[:_WIDEST].tolist()
        return sorted(near | {k for k in widest if self.missing[k] >= _MISSING} | ({0, count} if not near else set()))

    def _original_places(self, stretch: Stretch) -> list[int]:
        return [self.order.index(frame) for frame in stretch.neighbours if frame in self.order]

    def _best_join(self, joins: Sequence[int], stretch: Stretch, beside: int | None) -> int:
        """Choose the join whose sides look most like the frames; among similar ones, one where frames are missing."""
        first, last = self.picture(stretch.frames[0]), self.picture(stretch.frames[-1])
        misfit = {k: self._misfit(k, first, last, stretch.compared) for k in joins}
        best = min(misfit.values())
        if beside is not None:
            there = self._misfit(beside, first, last, stretch.compared)
            if there <= _BESIDE * best + _GREY_LEVEL:
                return beside
        good = [k for k in joins if self.missing[k] >= _MISSING and misfit[k] <= _AS_GOOD * best + _GREY_LEVEL]
        if not good:
            return min(joins, key=lambda k: misfit[k])
        return min(good, key=lambda k: misfit[k] / (best + _GREY_LEVEL) + self._mismatch(k, stretch))

    def _misfit(self, join: int, first: Grey, last: Grey, share: float) -> float:
        sides = [self.picture(self.order[k]) for k in (join - 1, join) if 0 <= k < len(self.order)]
        before, after = sides[0], sides[-1]
        forwards = _distance(first, before, share) + _distance(last, after, share)
        return min(forwards, _distance(last, before, share) + _distance(first, after, share)) / 2

    def _join_missing(self, joins: Sequence[int], stretch: Stretch) -> int | None:
        """Choose the join where as many frames are missing, first next to the original position."""
        missing = [k for k in joins if self.missing[k] >= _MISSING_FLAT]
        original = {k for at in self._original_places(stretch) for k in (at, at + 1)}
        here = [k for k in missing if k in original]
        return min(here or missing, key=lambda k: self._mismatch(k, stretch), default=None)

    def _mismatch(self, join: int, stretch: Stretch) -> float:
        """Return how far the step differs from the one that so many missing frames leave, in doublings."""
        return abs(float(np.log2(max(float(self.missing[join]), 0.5) / (len(stretch.frames) + 1))))

    def arrange(self, join: int, stretches: Sequence[Stretch]) -> list[int]:
        """Order the stretches that belong to a join, from those like the frame before to those like the frame after.

        Each stretch is reversed where that fits better.
        """
        found = [self._oriented(join, stretch.frames) for stretch in stretches]
        found.sort(key=lambda frames: self._lateness(join, frames[0]) + self._lateness(join, frames[-1]))
        return [frame for frames in found for frame in frames]

    def _oriented(self, join: int, frames: list[int]) -> list[int]:
        first, last = self._lateness(join, frames[0]), self._lateness(join, frames[-1])
        return frames if first <= last else frames[::-1]

    def _lateness(self, join: int, frame: int) -> float:
        """Return how much more a frame looks like the frame after the join than like the frame before."""
        picture, order, late = self.picture(frame), self.order, 0.0
        if join > 0:
            late += _distance(picture, self.picture(order[join - 1]))
        if join < len(order):
            late -= _distance(picture, self.picture(order[join]))
        return late


def steps_along(order: Sequence[int], picture: Callable[[int], Grey]) -> Floats:
    """Return the difference of each two adjacent frames, in grey levels."""
    pictures: Iterator[Grey] = map(picture, order)
    return np.array([float(_tiles(a, b).mean()) for a, b in pairwise(pictures)], np.float32)


def _tiles(one: Grey, other: Grey) -> Floats:
    """Return the mean difference of each tile of two pictures, in grey levels."""
    import cv2

    apart = np.asarray(cv2.absdiff(one, other), np.float32)
    size = max(1, apart.shape[1] // _TILE), max(1, apart.shape[0] // _TILE)
    return np.asarray(cv2.resize(apart, size, interpolation=cv2.INTER_AREA), np.float32)


def _distance(one: Grey, other: Grey, share: float = INTACT) -> float:
    """Return the difference of two pictures in the part where they are most alike."""
    tiles = np.sort(_tiles(one, other), axis=None)
    return float(tiles[: max(1, round(tiles.size * share))].mean())


def _usual(steps: Floats) -> Floats:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(steps, size=2 * _AROUND + 1, mode="nearest"), np.float32)
