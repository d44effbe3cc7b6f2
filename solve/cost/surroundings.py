"""Judge a join by the frames around it, where its own price fits others as well.

Where a scene returns to nearly the same picture, a stretch of the film can be turned at nearly no cost. The frames
before and after a join tell more: their mean pictures should be alike where noise hides what moves, and where things
move they should go on moving in the same way. Which of these holds is learned from the joins of the film.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from .learned import fitted_weights

Doubles = npt.NDArray[np.float64]

_ALIKE = 4
"""Frames on each side whose mean pictures are compared. Those of 8 and 16 frames got hardly any weight."""
_MOVING = (4, 8, 16)
"""Frames on each side whose motion is compared: between both halves of them, a picture changes by a few frames' way."""
_SOFTEN = 1e-3
"""Added to prices before the logarithm, in usual joins."""
_NOISE = 0.02
"""Quantile of the differences between mean pictures that is added to them, as noise."""
_SLOW = 0.3
"""Added to the length of a motion, in usual ones: the direction of a small one is noise."""
_OTHERS = 6
"""Cheapest other joins of each end from which a join of the path should stand out."""
_APART = 8
"""Steps up to which two frames are too near for a join between them to count as wrong."""

_SIZE = (18, 32)
"""Height and width of the pictures that are compared."""
_AROUND = 7
"""Side in pixels of the square by whose mean and contrast each pixel is normalised. Patches of 4 x 4 of a picture twice
as large led to the same orders, but the gains were smaller, and comparing them takes three times as long.
"""
_FLAT = 4.0
"""Added to the contrast, so that noise in flat parts is not amplified."""


def steadied_pictures(luma: npt.NDArray[np.uint8]) -> Floats:
    """Return small pictures, one row each, whose light and contrast are the same everywhere."""
    import cv2

    found = np.empty((len(luma), _SIZE[0] * _SIZE[1]), np.float32)
    for row, picture in enumerate(luma.astype(np.float32)):
        small = cv2.resize(picture, _SIZE[::-1], interpolation=cv2.INTER_AREA)
        mean = cv2.blur(small, (_AROUND, _AROUND))
        contrast = np.sqrt(np.maximum(cv2.blur(small * small, (_AROUND, _AROUND)) - mean * mean, 0.0))
        found[row] = ((small - mean) / (contrast + _FLAT)).ravel()
    return found


def join_evidence(prices: Doubles, pictures: Floats) -> Doubles:
    """Return evidence for joins between the ends of stretches, for each pair of ends; the more, the likelier.

    An end is a frame with those on one side of it: of `n` frames, end `i` is frame `i` with the frames before it, and
    end `n + i` is frame `i` with those after it.

    Args:
        prices: The price of every pair of frames, in the order of the path.
        pictures: Small pictures in the same order, one row each.
    """
    usual = np.median(np.diagonal(prices, 1))
    found = [-np.log(np.tile(prices, (2, 2)) + _SOFTEN * usual + 1e-12)]
    sums = np.concatenate([np.zeros((1, pictures.shape[1])), pictures.cumsum(axis=0, dtype=np.float64)])
    found.append(_likeness(_means(sums, _ALIKE)))
    found += [_same_motion(_motion(sums, frames)) for frames in _MOVING]
    return np.stack(found, axis=-1)


@dataclass(frozen=True)
class EvidenceWeights:
    """How much each kind of evidence tells joins of the path from cheap joins that it does not have."""

    weights: Doubles
    loss: float
    """Mean logistic loss of telling them apart. It needs no ground truth, and is lower for a better path."""


def evidence_weights(evidence: Doubles, prices: Doubles) -> EvidenceWeights:
    """Learn weights from the joins of a path."""
    count = len(prices)
    place = np.tile(np.arange(count), 2)
    contrasts, shares = [], []
    for end, other in _joined(count):
        apart = np.minimum(np.abs(place - place[end]), np.abs(place - place[other])) > _APART
        others = np.flatnonzero(apart)
        cheap = others[np.argsort(prices[place[end], place[others]], kind="stable")[:_OTHERS]]
        contrasts.append(evidence[end, other] - evidence[end, cheap])
        shares.append(np.full(len(cheap), 1 / max(1, len(cheap))))
    differ, share = np.concatenate(contrasts), np.concatenate(shares) / sum(map(np.sum, shares))
    weights = fitted_weights(differ, share)
    return EvidenceWeights(weights, float(share @ np.logaddexp(0.0, -(differ @ weights))))


def _joined(count: int) -> Sequence[tuple[int, int]]:
    """Return the ends at each join of the path, in both directions."""
    forth = [(at, count + at + 1) for at in range(count - 1)]
    return forth + [(b, a) for a, b in forth]


def _motion(sums: Doubles, frames: int) -> Doubles:
    """Return what changes on the way to each end: its nearer frames less those before them."""
    half = frames // 2
    return _means(sums, half) - _means(sums, half, skip=half)


def _means(sums: Doubles, frames: int, skip: int = 0) -> Doubles:
    """Return the mean picture of some frames of each end, `skip` frames away from it."""
    count = len(sums) - 1
    at = np.arange(count)
    before = _mean(sums, at - skip - frames + 1, at - skip)
    after = _mean(sums, at + skip, at + skip + frames - 1)
    return np.concatenate([before, after])


def _mean(sums: Doubles, first: Ints, last: Ints) -> Doubles:
    first, last = (np.clip(at, 0, len(sums) - 2) for at in (first, last))
    return np.asarray((sums[last + 1] - sums[first]) / (last + 1 - first)[:, None])


def _likeness(means: Doubles) -> Doubles:
    squares = np.square(means).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * means @ means.T, 0.0)
    return np.asarray(-0.5 * np.log(apart + np.quantile(apart, _NOISE) + 1e-12))


def _same_motion(towards: Doubles) -> Doubles:
    """Return how far motion towards one end goes on as motion away from another."""
    length = np.sqrt(np.square(towards).sum(axis=1))
    unit = towards / (length + _SLOW * np.median(length) + 1e-12)[:, None]
    return np.asarray(-(unit @ unit.T))
