"""Replace a part of a broken frame: the rest stays to the bit, and no seam shows."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..media.types import Floats, Mask
from .interpolate import GapEnds
from .planes import Planes


@dataclass(frozen=True)
class Parts:
    """The pixels whose luma and those whose chroma are replaced, and to what share each; without shares, altogether."""

    luma: Mask
    chroma: Mask
    shares: Floats | None = None

    @property
    def share(self) -> float:
        """The share of the picture of which anything is replaced."""
        return float(self.joined.luma.mean())

    @property
    def joined(self) -> "Parts":
        """The same pixels for both, as planes of red, green and blue need it."""
        either = self.luma | self.chroma
        return Parts(either, either, self.shares)

    def weights(self, mask: Mask, seam: float) -> Floats:
        """Return the share of the replacement at each pixel of a mask, which fades in over a seam."""
        faded = _weights(mask, seam)
        return faded if self.shares is None or mask.all() else faded * self.shares


class FindBroken(Protocol):
    """Finds what to replace in a picture, given the clean ones around its gap, its moment and the interpolated one."""

    def __call__(self, broken: Planes, sides: GapEnds, at: float, made: Planes) -> Mask | None:
        """Return the broken pixels; None means that the whole picture is to be replaced."""
        ...

    def worth_replacing(self, broken: Planes, sides: GapEnds, at: float, made: Planes) -> Parts:
        """Return what is likely to be better replaced than left, which may be nothing."""
        ...


_SEAMS = 170
"""A seam is as wide as this part of the longer side: 11 pixels at 1080p."""
_GRID = (64, 36)
"""Cells across and down of the grid that reports show: 288 bytes a frame, few enough for a long film."""
_LEAST_SEAM = 2.0
"""Pixels of a seam in a small picture."""


def packed_grid(mask: Mask) -> str:
    """Return where a mask has pixels, on a coarse grid for reports, as bits in hexadecimal."""
    import cv2

    cells = cv2.resize(mask.astype(np.float32), _GRID, interpolation=cv2.INTER_AREA) > 0
    return np.packbits(cells).tobytes().hex()


def unpacked_grid(packed: str) -> Mask:
    """Return the grid that `packed_grid` packed."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(packed), np.uint8))
    return bits.reshape(_GRID[::-1]).astype(bool)


def seam_width(luma: Floats) -> float:
    """Return over how many pixels the replacement fades in, from the border of the mask inwards."""
    return max(_LEAST_SEAM, float(max(luma.shape)) / _SEAMS)


def patched(broken: Planes, made: Planes, mask: Mask | Parts) -> Planes:
    """Replace the masked pixels, fading in from the border of the mask."""
    parts = mask if isinstance(mask, Parts) else Parts(mask, mask)
    seam = seam_width(broken[0])
    luma = parts.weights(parts.luma, seam)
    chroma = luma if parts.chroma is parts.luma else parts.weights(parts.chroma, seam)
    return tuple(
        one + _subsampled(weights, one.shape) * (other - one)
        for one, other, weights in zip(broken, made, (luma, chroma, chroma), strict=True)
    )


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
