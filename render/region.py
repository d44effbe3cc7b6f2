"""Replace a part of a broken frame: the rest stays to the bit, and no seam shows."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from ..media.types import Floats, Mask
from .interpolate import GapEnds
from .planes import Planes

FindBroken: TypeAlias = Callable[[Planes, GapEnds, float, Planes], Mask | None]
"""Find the broken pixels of a picture, given the clean ones around its gap, its moment, and the interpolated picture.

None means that the whole picture is to be replaced.
"""

_SEAMS = 120
"""A seam is as wide as this part of the longer side: 16 pixels at 1080p, which no eye finds."""
_LEAST_SEAM = 3.0
"""Pixels of a seam in a small picture."""


def seam_width(luma: Floats) -> float:
    """Return over how many pixels the replacement fades in, from the border of the mask inwards."""
    return max(_LEAST_SEAM, float(max(luma.shape)) / _SEAMS)


def patched(broken: Planes, made: Planes, mask: Mask) -> Planes:
    """Replace the masked pixels, fading in from the border of the mask."""
    weights = _weights(mask, seam_width(broken[0]))
    return tuple(one + _subsampled(weights, one.shape) * (other - one) for one, other in zip(broken, made, strict=True))


def _weights(mask: Mask, seam: float) -> Floats:
    """Return the share of the replacement at each pixel: 0 outside the mask, 1 from a seam's width inside it on."""
    import cv2

    if mask.all():
        return np.ones(mask.shape, np.float32)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    return np.asarray(np.minimum(1, inside / seam), np.float32)


def _subsampled(weights: Floats, shape: tuple[int, ...]) -> Floats:
    """Return the smallest of the weights that each sample of chroma covers, so that intact pixels keep their colour."""
    down, across = weights.shape[0] // shape[0], weights.shape[1] // shape[1]
    return np.asarray(weights.reshape(shape[0], down, shape[1], across).min(axis=(1, 3)), np.float32)
