"""What two pictures have in common, by SIFT's local features."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints

if TYPE_CHECKING:
    import cv2


_MOST = 128
_CONTRAST = 0.02
"""Half of OpenCV's own, since the stored pictures are small."""
_RATIO = 0.8
_FEWEST = 3
_PIXELS = 2.0
_LENGTH = 512.0
"""Of OpenCV's descriptors."""


@dataclass(frozen=True)
class _Features:
    places: Floats
    descriptors: npt.NDArray[np.uint8]


def sift_matches(luma: npt.NDArray[np.uint8], pairs: Ints) -> Iterator[float]:
    """For each pair the share of features that are found again, and lie where one move of the picture puts them.

    A feature is found again where its nearest in the other picture is clearly nearer than the second-nearest; it
    counts by how alike the two are, so that equal counts seldom make equal prices.
    """
    import cv2

    finder = cv2.SIFT.create(nfeatures=_MOST, contrastThreshold=_CONTRAST)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    seen: dict[int, _Features] = {}
    for a, b in pairs.tolist():
        for row in (a, b):
            if row not in seen:
                seen[row] = _features(luma[row], finder)
        yield _shared(seen[a], seen[b], matcher)


def _features(plane: npt.NDArray[np.uint8], finder: "cv2.SIFT") -> _Features:
    points, descriptors = finder.detectAndCompute(np.ascontiguousarray(plane), None)
    if not points:
        return _Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    places = np.array([point.pt for point in points], np.float32)
    # They are whole numbers up to 255, kept in a quarter of the room that they come in.
    return _Features(places, np.asarray(descriptors).astype(np.uint8))


def _shared(left: _Features, right: _Features, matcher: "cv2.BFMatcher") -> float:
    import cv2

    fewer = min(len(left.places), len(right.places))
    if fewer < _FEWEST:
        return 0.0
    near = matcher.knnMatch(left.descriptors.astype(np.float32), right.descriptors.astype(np.float32), k=2)
    sure = [best for best, second in near if best.distance < _RATIO * second.distance]
    if len(sure) < _FEWEST:
        return 0.0
    here = left.places[[match.queryIdx for match in sure]]
    there = right.places[[match.trainIdx for match in sure]]
    fits = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=_PIXELS)[1]
    alike = 1 - np.square([match.distance / _LENGTH for match in sure]) / 2
    return float(min(1.0, alike[fits.ravel() > 0].sum() / fewer))
