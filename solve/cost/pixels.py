"""Prices that compare small grey pictures patch by patch: by squared differences, or by how many pixels changed.

Sums of differences let a large change of few pixels, or the coding noise of all, outweigh what moves. Counting changed
pixels does not: each counts at most once, and a difference well below the threshold hardly counts.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .prices import PATCH_PIXELS, Masks, part_weights, small_pictures

_CHUNK = 64
"""Pairs compared at a time: their differences fit the cache of a processor."""
_CALM = 8.0
"""Contrast, in grey levels, added to that of a patch where small changes are counted."""
_SMALL = 0.15
"""Change of a pixel, in contrasts of its patch, that counts half where small changes are counted."""
_CALMER = 12.0
"""Contrast added where clear changes are counted."""
_CLEAR = 0.4
"""Change that counts half where clear changes are counted."""
_MID_GREY = 128
"""Brightness that levelled pictures are given."""


class PatchPrice(Protocol):
    """A price made of the prices of patches, so that parts of the picture can be priced alone."""

    @property
    def name(self) -> str: ...

    def pairs(self, left: Ints, right: Ints) -> Floats:
        """Return the price of each pair (left[i], right[i])."""
        ...

    def by_patch(self, left: Ints, right: Ints) -> Floats:
        """Return the price of each patch of the picture separately."""
        ...

    def by_part(self, left: Ints, right: Ints, parts: Masks) -> Floats:
        """Return the price of each part of the picture, one row for each pair."""
        ...


class SmallPicturesPrice:
    """Features of small grey pictures, compared patch by patch."""

    def __init__(self, features: Floats) -> None:
        self._features = features

    def pairs(self, left: Ints, right: Ints) -> Floats:
        found = [patches.mean(axis=-1) for patches in self._patches(left, right)]
        return np.asarray(np.concatenate([np.zeros(0, np.float32), *found]), np.float32)

    def by_part(self, left: Ints, right: Ints, parts: Masks) -> Floats:
        weights = part_weights(parts).T
        return np.asarray(np.concatenate([pixels @ weights for pixels in self._pixels(left, right)]), np.float32)

    def by_patch(self, left: Ints, right: Ints) -> Floats:
        none = np.zeros((0, self._features.shape[1] // PATCH_PIXELS), np.float32)
        return np.concatenate([none, *self._patches(left, right)])

    def _patches(self, left: Ints, right: Ints) -> Iterator[Floats]:
        """Yield the price of each patch of some pairs."""
        for pixels in self._pixels(left, right):
            yield np.asarray(pixels.reshape(len(pixels), -1, PATCH_PIXELS).mean(axis=2), np.float32)

    def _pixels(self, left: Ints, right: Ints) -> Iterator[Floats]:
        """Yield what each pixel of some pairs adds to the price."""
        for start in range(0, len(left), _CHUNK):
            part = slice(start, start + _CHUNK)
            squares = self._features[left[part]] - self._features[right[part]]
            np.square(squares, out=squares)
            yield self._of_pixels(squares)

    def _of_pixels(self, squares: Floats) -> Floats:
        return squares


class DifferencePrice(SmallPicturesPrice):
    """Root of the mean squared difference in grey levels."""

    def __init__(self, luma: npt.NDArray[np.uint8], name: str = "difference", coarse: bool = False) -> None:
        super().__init__(small_pictures(luma, coarse=coarse))
        self.name = name

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(np.sqrt(super().pairs(left, right)), np.float32)

    def by_patch(self, left: Ints, right: Ints) -> Floats:
        return np.sqrt(super().by_patch(left, right))

    def by_part(self, left: Ints, right: Ints, parts: Masks) -> Floats:
        return np.sqrt(super().by_part(left, right, parts))


class ChangesPrice(SmallPicturesPrice):
    """Share of pixels that changed, in units of the contrast of their patch."""

    def __init__(self, luma: npt.NDArray[np.uint8], name: str, calm: float, half: float) -> None:
        super().__init__(small_pictures(luma, calm))
        self.name, self._half = name, half**2

    def _of_pixels(self, squares: Floats) -> Floats:
        return np.asarray(squares / (squares + self._half), np.float32)


def levelled(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return pictures of equal brightness and contrast."""
    means, spreads = luma.mean(axis=(1, 2)), luma.std(axis=(1, 2))
    scales = np.median(spreads) / np.maximum(spreads, 1.0)
    found = np.empty_like(luma)
    for row, plane in enumerate(luma):
        found[row] = np.clip(np.rint((plane - means[row]) * scales[row] + _MID_GREY), 0, 255)
    return found


def coarse_difference(luma: npt.NDArray[np.uint8]) -> DifferencePrice:
    """Compare blocks of 2 x 2 pixels, for what moves farther than its detail is large: a page that scrolls."""
    return DifferencePrice(luma, "coarse-difference", coarse=True)


def changes(luma: npt.NDArray[np.uint8]) -> ChangesPrice:
    """Count clear changes."""
    return ChangesPrice(luma, "changes", _CALMER, _CLEAR)


def small_changes(luma: npt.NDArray[np.uint8]) -> ChangesPrice:
    """Count small changes too, for scenes in which little moves."""
    return ChangesPrice(luma, "small-changes", _CALM, _SMALL)
