"""The price of a join by colours: how differently they are spread, wherever in the picture they are."""

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints

_BINS = 8
_CHROMA_FROM, _CHROMA_TO = 64, 192
"""Where the colours of films lie; what is stronger counts with the strongest."""


class HistogramPrice:
    """The Hellinger distance of colour histograms: 8 steps of brightness by 8 by 8 of colour."""

    name = "histogram"

    def __init__(self, luma: npt.NDArray[np.uint8], chroma: npt.NDArray[np.uint8]) -> None:
        made = [_roots(*planes) for planes in zip(luma, chroma, strict=True)]
        self._roots = np.stack(made) if made else np.zeros((0, _BINS**3), np.float32)

    def pairs(self, left: Ints, right: Ints) -> Floats:
        result = np.empty(len(left), np.float32)
        for start in range(0, len(left), 256):
            part = slice(start, start + 256)
            result[part] = np.square(self._roots[left[part]] - self._roots[right[part]]).sum(axis=1)
        return np.asarray(np.sqrt(result / 2), np.float32)


def _roots(luma: npt.NDArray[np.uint8], chroma: npt.NDArray[np.uint8]) -> Floats:
    """The root of each bin's share of the picture; chroma has half the sides of luma."""
    bright = luma[::2, ::2].astype(np.int64) * _BINS // 256
    across, down = (np.clip(chroma.astype(np.int64), _CHROMA_FROM, _CHROMA_TO - 1) - _CHROMA_FROM) // (
        (_CHROMA_TO - _CHROMA_FROM) // _BINS
    )
    counts = np.bincount(((bright * _BINS + across) * _BINS + down).ravel(), minlength=_BINS**3)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)
