"""A price that forgives a small shift of the picture and a change of light: the tangent distance.

Worn film jumps in the gate and flickers, and a camera shakes. That changes every pixel, and outweighs what moves; both
halves of a picture see it, and may agree on an order by it. To first order, a shifted picture differs by its gradients,
and one in another light by its own grey levels and a constant. So the part of the difference that these four explain is
taken away. Zoom is none of them, so a drive keeps its direction.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .pixels import SmallPicturesPrice
from .prices import in_patches, in_rows, small_pictures

_BLUR = 0.8
"""Pixels of a small picture by which it is blurred, so that its gradients hold for shifts of about as much."""
_CLEAR = 24.0
"""Grey levels at which what is left of a pixel's difference counts half, so that dust counts little."""
_RIDGE = 1e-6
"""Share of their total added to the products of tangents, so that pictures without detail have a solution."""
_CHUNK = 16
"""Pairs compared at a time: what is computed of them fits the cache of a processor."""


class TangentPrice(SmallPicturesPrice):
    """Share of pixels that changed by more than a shift and a change of light explain."""

    name = "tangent"

    def __init__(self, luma: npt.NDArray[np.uint8]) -> None:
        tangents = _tangents(in_rows(small_pictures(luma)))
        super().__init__(tangents[:, 0])
        self._tangents = tangents

    def explained(self, left: Ints, right: Ints) -> float:
        """Return which share of a squared difference is explained, as the median over at least one pair."""
        left_over, whole = (
            np.concatenate([np.square(part).sum(axis=1) for part in parts])
            for parts in zip(*self._compared(left, right), strict=True)
        )
        return float(np.median(1 - left_over / np.maximum(whole, 1e-9)))

    def _pixels(self, left: Ints, right: Ints) -> Iterator[Floats]:
        """Yield what each pixel of some pairs adds to the price."""
        for rest, _ in self._compared(left, right):
            np.square(rest, out=rest)
            yield np.asarray(rest / (rest + _CLEAR**2), np.float32)

    def _compared(self, left: Ints, right: Ints) -> Iterator[tuple[Floats, Floats]]:
        """Yield what is left of differences, and the differences.

        The tangents are those of the mean of two pictures, so that neither comes first.
        """
        for start in range(0, len(left), _CHUNK):
            one, other = (self._tangents[side[start : start + _CHUNK]] for side in (left, right))
            difference = one[:, :1] - other[:, :1]
            yield _unexplained(difference, one + other)[:, 0], difference[:, 0]


def _unexplained(difference: Floats, tangents: Floats) -> Floats:
    """Return what is left of differences after the best combination of tangents is taken away."""
    products = tangents @ tangents.swapaxes(1, 2)
    products += _RIDGE * (np.trace(products, axis1=1, axis2=2)[:, None, None] + 1) * np.eye(3, dtype=np.float32)
    shares = np.linalg.solve(products, tangents @ difference.swapaxes(1, 2)).swapaxes(1, 2)
    return np.asarray(difference - shares @ tangents, np.float32)


def _tangents(rows: Floats) -> Floats:
    """Return each picture without its mean, by which it changes in another light, and the gradients by which it shifts.

    Without means no picture is brighter than another. Pixels are ordered patch by patch.
    """
    import cv2

    blurred = np.array([cv2.GaussianBlur(picture, (0, 0), _BLUR) for picture in rows]).reshape(rows.shape)
    found = np.stack([blurred, *np.gradient(blurred, axis=(1, 2))], axis=1)
    found -= found.mean(axis=(2, 3), keepdims=True)
    return in_patches(found.reshape(-1, *rows.shape[1:])).reshape(len(rows), 3, -1)
