"""Measure the frame rate of a source from the timestamps of its frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

_PAUSE_FACTOR = 4
"""A frame of more than so many median durations is a pause; one or two dropped frames stay below."""

_MAX_PAUSE_SHARE = 0.1
"""Where more of the frames are pauses, they are the rhythm of the film, as in a slide show."""

_RATE_TOLERANCE = 0.01
"""A stated rate is used if the measured one differs by no more: the stated one is exact, and times are rounded."""

_MAX_OFFSET = 0.5
"""Frame durations that a frame may be off a constant rate; rounding to milliseconds and 3:2 pulldown stay below."""

_MIN_RATE, _MAX_RATE = 1e-5, 1e6
"""Frames a second between which plans and truths can hold a rate."""


@dataclass(frozen=True)
class FrameRate:
    """A constant rate for a source, and whether its timestamps vary from it."""

    fps: float
    varies: bool = False

    def losses(self, played: float) -> list[str]:
        """Describe what a film that plays at a constant rate loses."""
        if not self.varies:
            return []
        return [
            f"its frame rate varies; a film made from it plays at a constant {played:.5g} frames a second, "
            "so the original timing is lost."
        ]


def exact_rate(fps: float) -> Fraction:
    """Restore the fraction that a rate was rounded from: 30000/1001 from 29.97002997."""
    # The first form would be 0 for a picture an hour or fewer.
    return Fraction(fps).limit_denominator(1001) or Fraction(fps).limit_denominator(1_000_000)


def is_rate(fps: float | Fraction) -> bool:
    """Tell whether a film can have this rate; a damaged header may state any."""
    return _MIN_RATE <= fps <= _MAX_RATE


def is_steady(indices: Sequence[int], times: Sequence[float], fps: float | Fraction) -> bool:
    """Tell whether frames are shown when a constant rate says, as well as containers can state it."""
    frames, seconds = np.asarray(indices, np.int64), np.asarray(times, np.float64)
    offset = (seconds - seconds[0]) * float(fps) - (frames - frames[0])
    return bool(np.abs(offset).max() <= _MAX_OFFSET)


def measured_rate(times: Sequence[float], stated: Sequence[Fraction]) -> FrameRate:
    """Measure the mean rate without pauses, and prefer a stated rate that agrees with it.

    A pause of seconds in a recording would otherwise slow down all of its motion.
    """
    rising = np.maximum.accumulate(np.asarray(times, np.float64))
    steps = np.diff(rising)
    if not len(steps) or not (steps > 0).any():
        return FrameRate(float(stated[0]))
    pauses = steps > _PAUSE_FACTOR * np.median(steps[steps > 0])
    counted = steps if pauses.mean() > _MAX_PAUSE_SHARE else steps[~pauses]
    mean = len(counted) / float(counted.sum())
    if not is_rate(mean):
        return FrameRate(float(stated[0]))
    fps = next((float(rate) for rate in stated if abs(float(rate) - mean) <= _RATE_TOLERANCE * mean), mean)
    offset = np.abs(rising - rising[0] - np.arange(len(rising)) / mean).max() * mean
    return FrameRate(fps, bool(offset > _MAX_OFFSET))
