"""Correct a price for codec echo.

An encoder predicts each frame from its neighbours in the file. Frames adjacent in a shuffled file therefore share
coding errors and look more alike than they are. In a static film that is the largest difference there is, and the
solver would restore the file order.
"""

from dataclasses import dataclass

import numpy as np

from ...media.types import Floats, Ints
from .pixels import PatchPrice
from .prices import typical_best

_REACH = 8
"""Largest distance in the file at which an echo is measured."""
_FAR = 20
"""Frames farther apart in the file than this share no echo."""
_SAMPLES = 4000
"""Random pairs that stand for unrelated frames."""
_FEWEST = 50
"""Fewest rows, or pairs, from which an echo is estimated."""
_STATIC_SHARE = 0.3
"""Share of the active patches, those that change least, on which the echo is measured."""
_MIN_ACTIVITY = 0.3
"""A patch is active if its mean price exceeds this share of the median patch."""
_SHUFFLED = 0.5
"""A file is shuffled if adjacent frames differ by at least this share of the difference of unrelated frames."""


@dataclass(frozen=True)
class EchoCorrectedPrice:
    """A price plus a correction that depends on how near two frames are in the file."""

    price: PatchPrice
    files: Ints
    share: Floats
    """By distance in the file, the share of a typical best join that the echo hides."""
    level: float
    """The price of a typical best join."""

    @property
    def name(self) -> str:
        return self.price.name

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(self.price.pairs(left, right) + self.level * self.correction(left, right), np.float32)

    def correction(self, left: Ints, right: Ints) -> Floats:
        """Return the correction in units of `level`."""
        gap = np.minimum(np.abs(self.files[left] - self.files[right]), _REACH + 1)
        return np.asarray(self.share[gap], np.float32)


def echo_corrected(
    price: PatchPrice, files: Ints, joins: Ints, shuffled: bool = False
) -> PatchPrice | EchoCorrectedPrice:
    """Return the price with an echo correction measured on the film itself.

    The price is returned unchanged if the film is short, or the file is not really shuffled.

    Args:
        price: The price to correct.
        files: The rows' positions in the file.
        joins: Pairs of rows that look alike.
        shuffled: Whether another price has shown that the file is shuffled. In a still scene a price that counts small
            changes sees mostly shared coding errors, and would take the file for one in order.
    """
    count = len(files)
    if count < _FEWEST:
        return price
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, count, (2, _SAMPLES))
    far = np.abs(files[left] - files[right]) > _FAR
    left, right = left[far], right[far]
    adjacent = np.flatnonzero(np.diff(files) == 1)
    if len(left) < _FEWEST or len(adjacent) < _FEWEST // 2:
        return price
    if not shuffled and _in_order(price, adjacent, left, right):
        return price
    share, floor = _echo(price, files, price.by_patch(left, right))
    level = _level(price, files, joins)
    weight = min(1.0, floor / level) if level > 0 else 0.0
    return EchoCorrectedPrice(price, files, np.asarray(share * weight, np.float32), level)


def _in_order(price: PatchPrice, adjacent: Ints, left: Ints, right: Ints) -> bool:
    """Return whether frames adjacent in the file differ much less than unrelated ones."""
    near, far = price.pairs(adjacent, adjacent + 1), price.pairs(left, right)
    return bool(np.median(near) < _SHUFFLED * np.median(far))


def _echo(price: PatchPrice, files: Ints, far: Floats) -> tuple[Floats, float]:
    """Return for each distance in the file the share by which static patches look too alike, and those patches' noise.

    Patches without detail have no noise to compare and are left out.
    """
    activity = far.mean(axis=0)
    active = np.flatnonzero(activity > _MIN_ACTIVITY * np.median(activity))
    static = active[np.argsort(activity[active], kind="stable")[: max(4, int(_STATIC_SHARE * len(active)))]]
    noise = np.maximum(np.quantile(far[:, static], 0.1, axis=0), 1e-9)
    share = np.zeros(_REACH + 2, np.float32)
    for gap in range(1, _REACH + 1):
        rows = np.flatnonzero(np.isin(files + gap, files))
        others = np.searchsorted(files, files[rows] + gap)
        if len(rows) >= _FEWEST // 2:
            near = np.quantile(price.by_patch(rows, others)[:, static], 0.1, axis=0)
            share[gap] = max(0.0, float(np.median(1 - near / noise)))
    return share, float(np.median(noise))


def _level(price: PatchPrice, files: Ints, joins: Ints) -> float:
    """Return the median price of each row's best join to a row that is not near it in the file."""
    apart = joins[np.abs(files[joins[:, 0]] - files[joins[:, 1]]) > _REACH]
    return typical_best(price.pairs(apart[:, 0], apart[:, 1]), apart, len(files))
