"""Where frames that were taken out of an order belong: told by what is whole of them, and by where the film leaps."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats

Grey: TypeAlias = npt.NDArray[np.uint8]

_TILE = 8
_WHOLE = 0.5
"""The share of the picture, where it fits best, by which a broken frame is compared: most damage is a part of it."""
_FLAT = 3.0
"""Spread in grey levels under which a picture shows nothing to compare."""
_LACKS = 1.5
"""How many usual steps long a step is in which a frame is lacking."""
_LACKS_SURELY = 1.6
"""The same for frames that show nothing, of which nothing else tells where they belong."""
_AROUND = 10
_NEAR, _WIDEST = 12, 60
_AS_GOOD, _GREY_LEVEL = 1.3, 1.0


@dataclass(frozen=True)
class Stretch:
    """Frames that lay side by side, and the frames next to them, where there were any, that are not taken out."""

    frames: list[int]
    beside: tuple[int, ...] = ()


@dataclass
class OrderedFrames:
    """An order and its steps; join k lies before the frame at k, and so there is one more than frames."""

    order: Sequence[int]
    picture: Callable[[int], Grey]
    lacking: Floats = field(init=False)
    """How many usual steps long each join is, less what was put there; 0 at both ends."""

    def __post_init__(self) -> None:
        pictures: Iterator[Grey] = map(self.picture, self.order)
        steps = np.array([float(_tiles(a, b).mean()) for a, b in pairwise(pictures)], np.float32)
        self.lacking = np.pad(steps / (_usual(steps) + 0.5), 1) if len(steps) else np.zeros(2, np.float32)

    def place(self, stretch: Stretch, *, only_lacking: bool = False) -> int | None:
        """The join where the frames belong, which from then on lacks so many fewer; None where nothing tells."""
        flat = all(float(self.picture(frame).std()) < _FLAT for frame in stretch.frames)
        joins = self._candidates(stretch)
        found = self._lacking(joins, stretch) if flat else self._fitting(joins, stretch)
        if only_lacking and found is not None and self.lacking[found] < _LACKS:
            return None
        if found is not None:
            self.lacking[found] -= len(stretch.frames)
        return found

    def _candidates(self, stretch: Stretch) -> list[int]:
        """The joins around where the frames lay, and the widest of all."""
        count = len(self.order)
        near = {k for at in self._beside(stretch) for k in range(at - _NEAR, at + _NEAR + 2) if 0 <= k <= count}
        widest = np.argsort(-self.lacking, kind="stable")[:_WIDEST].tolist()
        return sorted(near | {k for k in widest if self.lacking[k] >= _LACKS} | ({0, count} if not near else set()))

    def _beside(self, stretch: Stretch) -> list[int]:
        return [self.order.index(frame) for frame in stretch.beside if frame in self.order]

    def _fitting(self, joins: Sequence[int], stretch: Stretch) -> int:
        """Where the frames look most like those on both sides; of places that are about as good, where some lack."""
        first, last = self.picture(stretch.frames[0]), self.picture(stretch.frames[-1])
        misfit = {k: self._misfit(k, first, last) for k in joins}
        best = min(misfit.values())
        good = [k for k in joins if self.lacking[k] >= _LACKS and misfit[k] <= _AS_GOOD * best + _GREY_LEVEL]
        if not good:
            return min(joins, key=lambda k: misfit[k])
        return min(good, key=lambda k: misfit[k] / (best + _GREY_LEVEL) + self._mismatch(k, stretch))

    def _misfit(self, join: int, first: Grey, last: Grey) -> float:
        sides = [self.picture(self.order[k]) for k in (join - 1, join) if 0 <= k < len(self.order)]
        before, after = sides[0], sides[-1]
        return min(_unlike(first, before) + _unlike(last, after), _unlike(last, before) + _unlike(first, after)) / 2

    def _lacking(self, joins: Sequence[int], stretch: Stretch) -> int | None:
        """Where as many lack as there are; the places next to where they lay come first."""
        lacking = [k for k in joins if self.lacking[k] >= _LACKS_SURELY]
        beside = {k for at in self._beside(stretch) for k in (at, at + 1)}
        here = [k for k in lacking if k in beside]
        return min(here or lacking, key=lambda k: self._mismatch(k, stretch), default=None)

    def _mismatch(self, join: int, stretch: Stretch) -> float:
        """How far the step there is from that which so many frames would leave, in doublings."""
        return abs(float(np.log2(max(float(self.lacking[join]), 0.5) / (len(stretch.frames) + 1))))

    def arranged(self, join: int, stretches: Sequence[Stretch]) -> list[int]:
        """The frames of stretches that belong there, from those like what comes before to those like what comes after.

        Each of them is turned round where it fits better so.
        """
        found = [self._turned(join, stretch.frames) for stretch in stretches]
        return [frame for frames in sorted(found, key=lambda one: self._lateness(join, one)) for frame in frames]

    def _turned(self, join: int, frames: list[int]) -> list[int]:
        first, last = self._late(join, frames[0]), self._late(join, frames[-1])
        return frames if first <= last else frames[::-1]

    def _lateness(self, join: int, frames: Sequence[int]) -> float:
        return (self._late(join, frames[0]) + self._late(join, frames[-1])) / 2

    def _late(self, join: int, frame: int) -> float:
        """How much more a frame is like what comes after than like what comes before."""
        picture, order, late = self.picture(frame), self.order, 0.0
        if join > 0:
            late += _unlike(picture, self.picture(order[join - 1]))
        if join < len(order):
            late -= _unlike(picture, self.picture(order[join]))
        return late


def _tiles(one: Grey, other: Grey) -> Floats:
    """The mean difference of each tile of two pictures, in grey levels."""
    import cv2

    apart = np.asarray(cv2.absdiff(one, other), np.float32)
    size = max(1, apart.shape[1] // _TILE), max(1, apart.shape[0] // _TILE)
    return np.asarray(cv2.resize(apart, size, interpolation=cv2.INTER_AREA), np.float32)


def _unlike(one: Grey, other: Grey) -> float:
    """How far two pictures are apart where they are most alike."""
    tiles = np.sort(_tiles(one, other), axis=None)
    return float(tiles[: max(1, round(tiles.size * _WHOLE))].mean())


def _usual(steps: Floats) -> Floats:
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(steps, size=2 * _AROUND + 1, mode="nearest"), np.float32)
