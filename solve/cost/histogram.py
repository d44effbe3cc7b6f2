"""Price joins by the difference of colour histograms, wherever in the picture the colours are."""

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .prices import CosinePrice

_BINS = 8
"""Bins of luma and of each chroma plane."""
_CHROMA_FROM = 64
"""Lower end of the chroma bins: films rarely have stronger colours, which fall into the first bin."""
_CHROMA_TO = 192
"""Upper end of the chroma bins; stronger colours fall into the last bin."""


class HistogramPrice:
    """Hellinger distance of colour histograms: 8 bins of luma by 8 by 8 of chroma."""

    name = "histogram"

    def __init__(self, luma: npt.NDArray[np.uint8], chroma: npt.NDArray[np.uint8]) -> None:
        roots = [_roots(*planes) for planes in zip(luma, chroma, strict=True)]
        self._squares = CosinePrice(np.stack(roots) if roots else np.zeros((0, _BINS**3), np.float32))

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(np.sqrt(self._squares.pairs(left, right)), np.float32)


def _roots(luma: npt.NDArray[np.uint8], chroma: npt.NDArray[np.uint8]) -> Floats:
    """Return the square root of each bin's share of the picture; chroma has half the sides of luma."""
    luma_bin = luma[::2, ::2].astype(np.int64) * _BINS // 256
    u_bin, v_bin = (np.clip(chroma.astype(np.int64), _CHROMA_FROM, _CHROMA_TO - 1) - _CHROMA_FROM) // (
        (_CHROMA_TO - _CHROMA_FROM) // _BINS
    )
    counts = np.bincount(((luma_bin * _BINS + u_bin) * _BINS + v_bin).ravel(), minlength=_BINS**3)
    return np.asarray(np.sqrt(counts / counts.sum()), np.float32)
