"""Taking the codec's echo out of a price.

An encoder predicts each frame from its neighbours in the file, so frames that lie side by side in a
shuffled file share coding errors and look more alike than they are. In a still film that is all the
difference there is, and it gets sorted back into file order.
"""

from dataclasses import dataclass

import numpy as np

from ...media.types import Floats, Ints
from .prices import HuberPrice, typical_best

_REACH = 8
_FAR = 20
_SAMPLES = 4000
_FEWEST = 50
_STILLEST = 0.3
_ALIVE = 0.3
_SHUFFLED = 0.5


@dataclass(frozen=True)
class EchoCorrectedPrice:
    """A price plus what the echo took off it, which depends on how near two frames lie in the file."""

    price: HuberPrice
    files: Ints
    share: Floats
    """By gap in the file, the part of a best join that the echo takes off."""
    level: float
    """What a best join costs."""
    name: str = "huber"

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(self.price.pairs(left, right) + self.level * self.taken_off(left, right), np.float32)

    def taken_off(self, left: Ints, right: Ints) -> Floats:
        gap = np.minimum(np.abs(self.files[left] - self.files[right]), _REACH + 1)
        return np.asarray(self.share[gap], np.float32)


def echo_corrected(price: HuberPrice, files: Ints, joins: Ints) -> HuberPrice | EchoCorrectedPrice:
    """The price corrected by what its own film shows; unchanged where the file is not really shuffled.

    `files` are the rows' places in the file, `joins` pairs of rows that look alike.
    """
    count = len(files)
    if count < _FEWEST:
        return price
    chance = np.random.default_rng(0)
    left, right = chance.integers(0, count, (2, _SAMPLES))
    far = np.abs(files[left] - files[right]) > _FAR
    left, right = left[far], right[far]
    beside = np.flatnonzero(np.diff(files) == 1)
    if len(left) < _FEWEST or len(beside) < _FEWEST // 2:
        return price
    if np.median(price.pairs(beside, beside + 1)) < _SHUFFLED * np.median(price.pairs(left, right)):
        return price
    share, floor = _echo(price, files, price.by_patch(left, right))
    level = _level(price, files, joins)
    weight = min(1.0, floor / level) if level > 0 else 0.0
    return EchoCorrectedPrice(price, files, np.asarray(share * weight, np.float32), level)


def _echo(price: HuberPrice, files: Ints, far: Floats) -> tuple[Floats, float]:
    """For each gap in the file the share by which still patches look too alike, and the noise those patches have.

    Patches without any detail have no noise to compare, and are left out.
    """
    activity = far.mean(axis=0)
    alive = np.flatnonzero(activity > _ALIVE * np.median(activity))
    still = alive[np.argsort(activity[alive], kind="stable")[: max(4, int(_STILLEST * len(alive)))]]
    noise = np.maximum(np.quantile(far[:, still], 0.1, axis=0), 1e-9)
    share = np.zeros(_REACH + 2, np.float32)
    for gap in range(1, _REACH + 1):
        rows = np.flatnonzero(np.isin(files + gap, files))
        others = np.searchsorted(files, files[rows] + gap)
        if len(rows) >= _FEWEST // 2:
            near = np.quantile(price.by_patch(rows, others)[:, still], 0.1, axis=0)
            share[gap] = max(0.0, float(np.median(1 - near / noise)))
    return share, float(np.median(noise))


def _level(price: HuberPrice, files: Ints, joins: Ints) -> float:
    """The median price of a row's best join to one that does not lie near it in the file."""
    apart = joins[np.abs(files[joins[:, 0]] - files[joins[:, 1]]) > _REACH]
    return typical_best(price.pairs(apart[:, 0], apart[:, 1]), apart, len(files))
