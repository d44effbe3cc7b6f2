"""Place frames in the space of what the film shows, so that steps between them can be compared like vectors.

Pictures far apart all differ equally, so only small differences measure how far something moved. Distances are
therefore summed along chains of the most similar pictures, and positions are found that have these distances (Isomap).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...media.types import Floats
from .prices import SMALL_SIZE

Doubles = npt.NDArray[np.float64]

_SOFT = 2.0
"""Blur in pixels of a stored picture. Without it an edge that crosses a pixel moves in jerks: in a drawn pendulum the
third difference of positions was .08 of a step without, .04 with.
"""
_AROUND = 16.0
"""Pixels over which the light is averaged, so that it cancels out where it changes."""
_DARK = 16.0
"""Added to the light in grey levels, so that noise in the dark is not amplified."""
_NEAREST = 3
"""Most similar pictures that chains go through. Over more, chains take shortcuts: with 4, second differences along
sorted orders of three drawn pendulums were 3.5 to 5.4 times as large as along the true ones, with 8 only 2.0 to 2.8.
"""
_FLOOR = 0.02
"""Quantile of the smallest differences that is taken for noise."""
_SHARE = 0.15
"""Dimensions that spread less than this share of the first hold noise."""
_MOST_DIMENSIONS = 6


def steady_pictures(luma: npt.NDArray[np.uint8]) -> Floats:
    """Return small blurred pictures, one row each, from which the light was divided out."""
    import cv2

    found = np.empty((len(luma), SMALL_SIZE[0] * SMALL_SIZE[1]), np.float32)
    for row, plane in enumerate(luma):
        picture = plane.astype(np.float32)
        light = cv2.GaussianBlur(picture, (0, 0), _AROUND)
        steady = (cv2.GaussianBlur(picture, (0, 0), _SOFT) - light) / (light + _DARK)
        found[row] = cv2.resize(steady, SMALL_SIZE[::-1], interpolation=cv2.INTER_AREA).ravel()
    return found


def positions(pictures: Floats) -> Doubles:
    """Return the position of each picture; distances between them are those along chains of similar pictures."""
    squares = _chain_distances(_squared_distances(pictures)) ** 2
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean()
    spread, axes = np.linalg.eigh(-centred / 2)
    spread, axes = spread[::-1][:_MOST_DIMENSIONS], axes[:, ::-1][:, :_MOST_DIMENSIONS]
    kept = spread > _SHARE * max(spread[0], 0.0)
    return np.asarray(axes[:, kept] * np.sqrt(spread[kept]), np.float64)


def _squared_distances(pictures: Floats) -> Doubles:
    exact = pictures.astype(np.float64)
    squares = np.square(exact).sum(axis=1)
    found: Doubles = np.maximum(squares[:, None] + squares - 2 * exact @ exact.T, 0.0)
    return found


def _chain_distances(squares: Doubles) -> Doubles:
    """Return distances summed along chains of the most similar pictures."""
    from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path

    apart = squares + np.diag(np.full(len(squares), np.inf))
    noise = np.quantile(apart.min(axis=1), _FLOOR)
    # Never 0, which would mean that there is no link.
    lengths = np.sqrt(np.maximum(squares - noise, 0.01 * noise + 1e-12))
    np.fill_diagonal(lengths, 0.0)
    near = np.zeros(squares.shape, bool)
    np.put_along_axis(near, np.argsort(apart, axis=1)[:, :_NEAREST], True, axis=1)
    near |= minimum_spanning_tree(lengths).toarray() > 0
    links: Any = np.where(near | near.T, lengths, 0.0)
    return np.asarray(shortest_path(links, directed=False), np.float64)
