"""Measure the content that two pictures share by matching SIFT features."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints

if TYPE_CHECKING:
    import cv2


_MAX_FEATURES = 128
"""Features per picture."""
_CONTRAST = 0.02
"""Half of OpenCV's default, because the stored pictures are small."""
_RATIO = 0.8
"""Lowe's ratio test: the best match must be nearer than this share of the second-best distance."""
_MIN_MATCHES = 3
"""Fewer matches than this count as none."""
_MAX_ERROR = 2.0
"""Pixels by which a match may miss the transform."""
_DESCRIPTOR_LENGTH = 512.0
"""Norm of OpenCV's SIFT descriptors."""


@dataclass(frozen=True)
class _Features:
    places: Floats
    descriptors: npt.NDArray[np.uint8]


def sift_matches(luma: npt.NDArray[np.uint8], pairs: Ints) -> Iterator[float]:
    """Yield for each pair the share of features found in both pictures that agree with one similarity transform.

    A match counts only if it passes the ratio test. It is weighted by the similarity of its descriptors, so that equal
    counts rarely give equal prices.
    """
    import cv2

    detector = cv2.SIFT.create(nfeatures=_MAX_FEATURES, contrastThreshold=_CONTRAST)
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    features: dict[int, _Features] = {}
    for a, b in pairs.tolist():
        for row in (a, b):
            if row not in features:
                features[row] = _features(luma[row], detector)
        yield _shared(features[a], features[b], matcher)


def _features(plane: npt.NDArray[np.uint8], detector: "cv2.SIFT") -> _Features:
    points, descriptors = detector.detectAndCompute(np.ascontiguousarray(plane), None)
    if not points:
        return _Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.uint8))
    places = np.array([point.pt for point in points], np.float32)
    # OpenCV returns integers up to 255 as floats; bytes take a quarter of the memory.
    return _Features(places, np.asarray(descriptors).astype(np.uint8))


def _shared(left: _Features, right: _Features, matcher: "cv2.BFMatcher") -> float:
    import cv2

    fewer = min(len(left.places), len(right.places))
    if fewer < _MIN_MATCHES:
        return 0.0
    near = matcher.knnMatch(left.descriptors.astype(np.float32), right.descriptors.astype(np.float32), k=2)
    good = [best for best, second in near if best.distance < _RATIO * second.distance]
    if len(good) < _MIN_MATCHES:
        return 0.0
    left_points = left.places[[match.queryIdx for match in good]]
    right_points = right.places[[match.trainIdx for match in good]]
    inliers = cv2.estimateAffinePartial2D(
        left_points, right_points, method=cv2.RANSAC, ransacReprojThreshold=_MAX_ERROR
    )[1]
    similarity = 1 - np.square([match.distance / _DESCRIPTOR_LENGTH for match in good]) / 2
    return float(min(1.0, similarity[inliers.ravel() > 0].sum() / fewer))
