"""Compare groups of frames by their colours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints

Yuv: TypeAlias = Callable[[int], npt.NDArray[np.uint8]]
"""Return a row's small picture as three planes of one size: luma and two chroma planes."""

_LEVELS = 8
"""Histogram bins of luma."""
_TINTS = 32
"""Histogram bins of each chroma plane."""
_COLOURLESS = 2.0
"""Spread of chroma below which a film is black and white; the palest colour clip tried has 5."""
_SAMPLE = 1000
"""Most frames of a group that are compared; more add little."""


@dataclass(frozen=True)
class ColourProfile:
    """The colour histogram of a group of frames, and the spread of its chroma."""

    shares: npt.NDArray[np.float64]
    spread: float


def colour_profile(yuv: Yuv, rows: Ints) -> ColourProfile:
    """Measure the colours of some rows together."""
    counts = np.zeros(_LEVELS * _TINTS**2, np.int64)
    sums = np.zeros((2, 2))
    for row in sample_rows(rows).tolist():
        y, u, v = (plane.ravel().astype(np.int64) for plane in yuv(row))
        cells = (y * _LEVELS // 256 * _TINTS + u * _TINTS // 256) * _TINTS + v * _TINTS // 256
        counts += np.bincount(cells, minlength=len(counts))
        sums += [[u.mean(), v.mean()], [np.square(u).mean(), np.square(v).mean()]]
    mean, squares = sums / min(len(rows), _SAMPLE)
    return ColourProfile(counts / counts.sum(), float(np.sqrt(np.maximum(squares - mean**2, 0).sum())))


def hellinger(a: ColourProfile, b: ColourProfile) -> float:
    """Return the Hellinger distance of two profiles: 0 is the same, 1 is nothing in common."""
    return float(np.sqrt(max(0.0, 1 - np.sqrt(a.shares * b.shares).sum())))


def colour_distance(a: ColourProfile, b: ColourProfile) -> float:
    """Return the Hellinger distance of two profiles (0 to 1), plus 1 if either is black and white.

    The extra 1 keeps black-and-white films apart from other films, with which they share their greys.
    """
    return hellinger(a, b) + (min(a.spread, b.spread) < _COLOURLESS)


def colour_roots(yuv: Yuv, rows: Ints) -> Floats:
    """Return the square roots of each row's colour histogram, whose scalar products tell the Hellinger distance."""
    roots = [np.sqrt(colour_profile(yuv, row[None]).shares) for row in rows]
    return np.array(roots, np.float32).reshape(len(rows), -1)


def is_colourless(yuv: Yuv, rows: Ints) -> bool:
    """Return whether the rows are black and white."""
    return colour_profile(yuv, rows).spread < _COLOURLESS


def sample_rows(rows: Ints) -> Ints:
    """Return at most `_SAMPLE` rows, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64)]
