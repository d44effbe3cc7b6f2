"""Compare a stretch of frames with the frames before and after it, on tiny pictures of the film.

Damage comes and goes: behind it the film goes on. The frames on both sides of a damaged stretch therefore agree with
each other where the stretch differs from them. The two sides of a shot between two cuts do not.
"""

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Self

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from .measures import Grey, evened, worst

Pictures = npt.NDArray[np.uint8]
"""One tiny grey picture for each frame."""

_SHRUNK = 4
"""Pixels of the small picture on a side of a pixel of the tiny one."""
_NEAR = np.ones((3, 3), np.uint8)
"""How far a pixel of the tiny picture moves between the two sides of a stretch: a sixteenth of its height."""
_SPOT = (2, 2)
"""Pixels over which differences are averaged against noise."""
_REGION = 0.3
"""The share of the strongest difference from which a pixel belongs to the region that differs."""
_COVERED = 0.2
"""The same for the area that a stretch replaces, which may be weaker in dark parts,"""
_COVERED_LEAST = 6.0
"""and the grey levels that noise explains there."""
_USUAL = 12
"""Frames on either side that show how much the film changes from frame to frame: half a second."""
_SAME_LAG = 30
"""Frames on either side that show how much the film changes over the length of a stretch: a second or two."""
_EVERY = 3
"""One in so many of these pairs is compared."""
_KEPT = 512
"""Bounds the pictures that are kept ready for comparison."""
_BIN = 8
"""Grey levels of a bin of the histogram."""


@dataclass(frozen=True)
class Fit:
    """How the frames from `start` up to `end` fit between the frame before and the frame after them."""

    returns: float
    """The share of the difference, where the stretch differs from both sides, by which the sides agree."""
    excess: float
    """Grey levels by which the stretch differs from both sides beyond their own difference, in the worst part."""
    cover: float
    """The share of the picture that differs from both sides."""
    abrupt: float
    """The share of the difference that appears with the first frame, or disappears after the last one."""


class Surroundings:
    """Compare stretches of a film with what surrounds them."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._even = lru_cache(_KEPT)(self._evened)
        self._fits: dict[tuple[int, int], Fit | None] = {}

    def fit(self, start: int, end: int) -> Fit | None:
        """Return how a stretch fits between its two sides; None at the ends of the film."""
        if (start, end) not in self._fits:
            inside = start > 0 and end < len(self._pictures)
            self._fits[start, end] = self._compared(start, end) if inside else None
        return self._fits[start, end]

    def usual_change(self, start: int, end: int) -> float:
        """Return how much the worst part of the film changes from frame to frame around a stretch."""
        around = range(max(0, start - _USUAL), min(len(self._pictures) - 1, end + _USUAL))
        changes = [worst(self.difference(at, at + 1)) for at in around if at + 1 < start or at >= end]
        return median(changes) if changes else 0.0

    def goes_on(self, start: int, end: int) -> float:
        """Return the difference of the two sides over the usual one of frames that are as far apart."""
        lag = end - start + 1
        first, last = max(0, start - _SAME_LAG), min(len(self._pictures), end + _SAME_LAG) - lag
        apart = [at for at in range(first, last) if at + lag < start or at >= end][::_EVERY]
        usual = median([float(self.difference(at, at + lag).mean()) for at in apart]) if apart else 0.0
        across = float(self.difference(start - 1, end).mean())
        return across / usual if usual else float("inf")

    def shade_change(self, start: int, end: int) -> float:
        """Return how far the shades of the two sides are apart, in bins of the histogram."""
        one, other = (self._shades(at) for at in (start - 1, end))
        return float(np.abs(np.cumsum(one - other)).sum())

    def one_shade(self, start: int, end: int) -> tuple[float, float]:
        """Return the share of the picture with one shade, and by how much this exceeds that on both sides."""
        middle, sides = (start + end - 1) // 2, [at for at in (start - 1, end) if 0 <= at < len(self._pictures)]
        counts = self._similar(middle)
        shade = int(counts.argmax())
        return float(counts[shade]), float(counts[shade] - max((self._similar(at)[shade] for at in sides), default=0))

    def difference(self, one: int, other: int) -> Floats:
        """Return the grey levels by which two frames differ beyond small movements."""
        import cv2

        (first, low, high), (second, lowest, highest) = self._even(one), self._even(other)
        forth = np.maximum(cv2.subtract(first, highest), cv2.subtract(lowest, first))
        back = np.maximum(cv2.subtract(second, high), cv2.subtract(low, second))
        return np.asarray(cv2.blur(np.maximum(forth, back).astype(np.float32), _SPOT), np.float32)

    def _compared(self, start: int, end: int) -> Fit:
        across = self.difference(start - 1, end)
        steps = self.difference(start - 1, start), self.difference(end - 1, end)
        frames = sorted({start, (start + end - 1) // 2, end - 1})
        inner = [np.minimum(self.difference(at, start - 1), self.difference(at, end)) for at in frames]
        return max((_fit(differs, across, steps) for differs in inner), key=lambda fit: fit.excess)

    def _evened(self, frame: int) -> tuple[Grey, Grey, Grey]:
        import cv2

        plain = self._pictures[frame]
        even = evened(plain, float(plain.mean()), float(plain.std()))
        return even, np.asarray(cv2.erode(even, _NEAR), np.uint8), np.asarray(cv2.dilate(even, _NEAR), np.uint8)

    def _shades(self, frame: int) -> Floats:
        counts = np.bincount(self._pictures[frame].ravel() // _BIN, minlength=256 // _BIN)
        return np.asarray(counts / counts.sum(), np.float32)

    def _similar(self, frame: int) -> Floats:
        """Return for each shade the share of the picture that has it, give or take one grey level."""
        counts = np.bincount(self._pictures[frame].ravel(), minlength=256)
        return np.asarray(np.convolve(counts, np.ones(3), "same") / counts.sum(), np.float32)


class PictureFile:
    """Collects the tiny pictures of a film in a temporary file, which holds 100 MB of two hours."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the context manager that this is
        self._shape: tuple[int, ...] = ()

    def add(self, picture: Grey) -> None:
        """Add the picture of the next frame."""
        self._shape = picture.shape
        self._file.write(picture.tobytes())

    def read(self) -> Pictures:
        """Return all pictures, which are read as they are needed."""
        self._file.flush()
        return np.memmap(self._file, np.uint8, "r").reshape(-1, *self._shape)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def tiny(plain: Grey) -> Grey:
    """Shrink the small picture of a frame."""
    import cv2

    size = max(1, plain.shape[1] // _SHRUNK), max(1, plain.shape[0] // _SHRUNK)
    return np.asarray(cv2.resize(plain, size, interpolation=cv2.INTER_AREA), np.uint8)


def _fit(differs: Floats, across: Floats, steps: tuple[Floats, Floats]) -> Fit:
    excess, most = np.maximum(0, differs - across), worst(differs)
    region = differs >= _REGION * most
    total = float(differs[region].sum())
    covered = differs >= max(_COVERED_LEAST, _COVERED * most)
    if not total:
        return Fit(0.0, 0.0, 0.0, 0.0)
    abrupt = max(float(step[region].sum()) for step in steps) / total
    return Fit(float(excess[region].sum()) / total, worst(excess), float(covered.mean()), abrupt)
