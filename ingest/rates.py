"""Measure the frame rate of a source from the times of its frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

_GAP = 4
"""Median frame durations beyond which a frame is a pause: a frame or two that were dropped are none."""

_MOST_GAPS = 0.1
"""Where more of the frames last as long as pauses, they are the rhythm of the film, as in a slide show."""

_SAME = 0.01
"""A stated rate holds where the measured one differs by no more: it is exact, and times are rounded."""

_VARIES = 0.5
"""Frame durations by which a frame may be off a constant rate: rounding to milliseconds and 3:2 pulldown do less."""


_SLOWEST, _QUICKEST = 1e-5, 1e6
"""Frames a second between which plans and truths can hold a rate."""


@dataclass(frozen=True)
class FrameRate:
    """A constant rate for a source, and whether its own times agree with it."""

    fps: float
    varies: bool = False

    def losses(self, played: float) -> list[str]:
        """What a film that plays at a constant rate loses."""
        if not self.varies:
            return []
        return [
            f"its frame rate varies; a film made of it plays at a constant {played:.5g} frames a second, "
            "so that frames lose their own times."
        ]


def is_rate(fps: float | Fraction) -> bool:
    """Whether a film can have this rate; a damaged header may state any."""
    return _SLOWEST <= fps <= _QUICKEST


def measured_rate(times: Sequence[float], stated: Sequence[Fraction]) -> FrameRate:
    """The mean rate without the pauses, or the stated one that it confirms.

    A pause of seconds in a recording would slow all of its motion down if it counted.
    """
    seen = np.maximum.accumulate(np.asarray(times, np.float64))
    steps = np.diff(seen)
    if not len(steps) or not (steps > 0).any():
        return FrameRate(float(stated[0]))
    gaps = steps > _GAP * np.median(steps[steps > 0])
    counted = steps if gaps.mean() > _MOST_GAPS else steps[~gaps]
    mean = len(counted) / float(counted.sum())
    if not is_rate(mean):
        return FrameRate(float(stated[0]))
    fps = next((float(rate) for rate in stated if abs(float(rate) - mean) <= _SAME * mean), mean)
    off = np.abs(seen - seen[0] - np.arange(len(seen)) / mean).max() * mean
    return FrameRate(fps, bool(off > _VARIES))
