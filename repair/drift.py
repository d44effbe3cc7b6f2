"""Find runs in which spots change more than before until all at once they are right again.

A decoder that lost data predicts from wrong pictures. Its errors begin small, move with the film and grow from frame to
frame: there is no single moment at which the picture breaks, and where it was broken the film looks different by then.
But the next intact frame ends them all in one step. So the end is found first, as spots that jump in one frame and are
quiet in those around it, and the beginning is where these spots began to change more than before.
"""

from array import array
from collections import deque
from functools import reduce

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from .measures import Grey

RUN = ("drift", "drift_rise", "drift_share", "drift_borders", "drift_start", "drift_length")
"""The numbers that describe the run that a frame is part of, 0 outside of runs: how far spots jump as it ends, how
clearly it changes more than the frames before it, the share of the picture that jumps, how much sharper its borders of
macroblocks are than those behind it, where it starts, and its length."""
BACK = 45
"""Bounds the length of a run, in frames."""

_BEFORE = 15
"""Frames that show how much the spots changed before a run,"""
_BEFORE_LEAST = 4
"""and how many of them there are at least."""
_AROUND = 3
"""Frames on either side in which spots that jump are quiet."""
_NOISE = 4
"""Grey levels of change that coding explains."""
_MOST = 60
"""Bounds the change of a pixel, so that a few of them do not make a spot."""
_NEAR = np.ones((3, 3), np.uint8)
"""How far what moves in a spot gets in `_AROUND` frames, in spots."""
_ISOLATED = 1.5
"""The factor by which the jump of a spot exceeds what it changes by in the frames around it."""
_SPOTS = 4
"""Spots that represent a frame: a single one may be a glint."""
_LEAST = 0.3
"""Grey levels of a jump after which a run is looked for."""
_ALIKE = 0.5
"""The share of a jump from which an earlier one bounds the run: it may have ended another, intact frames between."""
_SHARE = 0.2
"""The share of the strongest jump from which a spot belongs to the region that was damaged,"""
_WIDER = np.ones((3, 3), np.uint8)
"""and how much wider this is: damage moves."""
_LAST = 6
"""Frames of a run whose borders of macroblocks are compared with those behind it."""
_STEADY = 0.15
"""Grey levels of change under which differences hardly count."""


class Drift:
    """Measure, as frames arrive, how abruptly the run that each frame is part of ends."""

    def __init__(self) -> None:
        # Arrays rather than lists: a film of two hours has 200,000 frames.
        self._jump = array("d")
        """How far spots jump into each frame."""
        self._runs = {name: array("d") for name in RUN}
        self._spots: deque[Floats] = deque(maxlen=BACK + _BEFORE + _AROUND + 1)
        self._wide: deque[Floats] = deque(maxlen=2 * _AROUND + 1)
        self._borders: deque[Floats] = deque(maxlen=_LAST + _AROUND + 1)

    def add(self, step: Grey, borders: Floats) -> None:
        """Add the next frame.

        Args:
            step: The change of each pixel of the fine picture into the frame, small movements allowed.
            borders: How sharp the borders of macroblocks are in each spot.
        """
        import cv2

        change = cv2.subtract(cv2.min(step, np.full_like(step, _NOISE + _MOST)), np.full_like(step, _NOISE))
        spots = cv2.resize(change.astype(np.float32), borders.shape[::-1], interpolation=cv2.INTER_AREA)
        self._spots.append(np.asarray(spots, np.float32))
        self._wide.append(np.asarray(cv2.dilate(spots, _NEAR), np.float32))
        self._borders.append(borders)
        for values in (self._jump, *self._runs.values()):
            values.append(0.0)
        if len(self._wide) > _AROUND:
            self._judge(_AROUND)

    def rows(self) -> Floats:
        """Return the jump and the run of all frames, after the last one was added."""
        for after in range(min(_AROUND, len(self._wide)) - 1, -1, -1):
            self._judge(after)
        return np.column_stack([np.array(column, np.float32) for column in (self._jump, *self._runs.values())])

    def _judge(self, after: int) -> None:
        """Look for a run that ends before the frame that `after` others have followed."""
        spots, wide = list(self._spots)[: len(self._spots) - after], list(self._wide)
        at = len(wide) - 1 - after
        around = wide[max(0, at - _AROUND) : at] + wide[at + 1 :]
        if len(spots) <= _BEFORE_LEAST or not around:
            return
        jumps = np.maximum(0, spots[-1] - _ISOLATED * reduce(np.maximum, around))
        end = len(self._jump) - 1 - after
        jump = self._jump[end] = _strongest(jumps)
        if jump < _LEAST:
            return
        region = jumps >= _SHARE * jumps.max()
        length, rise = _run_before(spots[:-1], region, self._since_another(end, jump))
        found = (jump, rise, float(region.mean()), self._borders_lost(region, length, after), end - length, length)
        for place in range(end - length, end):
            if jump > self._runs["drift"][place]:
                for name, value in zip(RUN, found, strict=True):
                    self._runs[name][place] = value

    def _since_another(self, end: int, jump: float) -> int:
        """Return for how many frames nothing else ended that jumped about as far."""
        least = max(_LEAST, _ALIKE * jump)
        earlier = (at for at in range(end - 1, max(0, end - BACK), -1) if self._jump[at] >= least)
        return end - next(earlier, end - BACK)

    def _borders_lost(self, region: npt.NDArray[np.bool_], length: int, after: int) -> float:
        """Return by what factor, as a logarithm, borders of macroblocks are sharper in a run than behind it."""
        borders = list(self._borders)
        end = len(borders) - 1 - after
        inside, behind = borders[max(0, end - min(length, _LAST)) : end], borders[end:]
        sharp, other = (float(np.stack(side)[:, region].mean()) for side in (inside, behind))
        return float(np.log((sharp + 1) / (other + 1)))


def _strongest(jumps: Floats) -> float:
    count = min(_SPOTS, jumps.size)
    return float(np.partition(jumps.ravel(), -count)[-count:].sum()) / count


def _run_before(spots: list[Floats], region: npt.NDArray[np.bool_], longest: int) -> tuple[int, float]:
    """Return the length of the run that ends here, and how clearly it changes more than what precedes it.

    The run begins where a change of the mean is the most certain: logarithms make it a factor, however much moves.
    """
    import cv2

    wider = cv2.dilate(region.astype(np.uint8), _WIDER).ravel() > 0
    recent = np.stack(spots[-BACK - _BEFORE :]).reshape(-1, region.size)
    activity = np.log(recent[:, wider].mean(axis=1) + _STEADY)
    sums, count = np.concatenate([[0.0], np.cumsum(activity)]), len(activity)
    starts = np.arange(max(_BEFORE_LEAST, count - longest), count)
    if not starts.size:
        return 1, 0.0
    first = np.maximum(0, starts - _BEFORE)
    before, inside = starts - first, count - starts
    gain = (sums[count] - sums[starts]) / inside - (sums[starts] - sums[first]) / before
    certainty = gain * np.sqrt(before * inside / (before + inside))
    best = int(certainty.argmax())
    return int(inside[best]), float(max(0.0, certainty[best]))
