"""Spots that leap back to what they showed a while ago: damage that spread unseen and heals at a whole frame."""

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from .measures import FrameMeasures, Grey, local_range, outside_range

BACK = 45
"""Frames of a run at most that is followed back from where it ends."""

_AROUND = 3
"""Frames on either side in which such a spot must be quiet: what moves leaps in more than one."""
_LEAP, _QUIET = 10, 0.25
_LEAST = 0.001
_LONE = 0.5
_SAME = 0.4
_MOVED, _FARTHEST = 0.6, 24
_HEALED, _NEARLY = 1 / 3, 0.9
"""The share of the leaps that must lead back to one frame; the last that nearly as many lead back to is taken."""
_MOST, _CUT = 0.5, 0.6
"""Where most of the picture leaps it may be a cut, after which two in five spots can be alike by chance."""
_SPOT = (3, 3)
_REACH = np.ones((9, 9), np.uint8)

Marks: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FinePicture:
    """A picture finer than that of other comparisons, and what may appear in it after a small movement."""

    even: Grey
    reach: tuple[Grey, Grey]


class Healing:
    """Fed with one look after the other, it tells of each frame how much of it heals later, and in which run."""

    def __init__(self) -> None:
        self.share: list[float] = []
        """The part of the picture that leaps back at the end of the run the frame lies in, 0 where there is none."""
        self.start: list[int] = []
        self.length: list[int] = []
        self._panes: deque[FinePicture] = deque(maxlen=BACK + _AROUND + 2)
        self._steps: deque[Grey] = deque(maxlen=2 * _AROUND + 1)

    def see(self, one: FrameMeasures) -> None:
        even = one.evened(one.fine)
        pane = FinePicture(even, local_range(even))
        self._steps.append(_apart(pane, self._panes[-1]) if self._panes else np.zeros_like(even))
        self._panes.append(pane)
        self.share.append(0.0)
        self.start.append(0)
        self.length.append(0)
        if len(self._steps) > _AROUND:
            self._judge(_AROUND)

    def rows(self) -> list[tuple[float, int, int]]:
        """Of every frame seen, once there will be no more."""
        for after in range(min(_AROUND, len(self._steps)) - 1, -1, -1):
            self._judge(after)
        return list(zip(self.share, self.start, self.length, strict=True))

    def _judge(self, after: int) -> None:
        """Look whether something heals in the frame that `after` others have followed."""
        panes = list(self._panes)
        healed, past = panes[-1 - after], panes[: len(panes) - 1 - after]
        step = self._steps[-1 - after]
        leaps = self._lone(step, after) if len(past) > 1 else None
        if leaps is None or _is_moved(healed, past[-1], step, leaps):
            return
        length, share = _since(healed, past, step, leaps)
        end = len(self.share) - 1 - after
        same = _alike(past[-1], past[: -length - 1], step, leaps) if share else np.empty(0)
        if max(same, default=0) > _NEARLY:
            # It was so before the run as well, as what blinks is; then those frames were no damage either.
            for place in (end - len(past) + int(row) for row in np.flatnonzero(same > _NEARLY)):
                self.share[place], self.start[place], self.length[place] = 0.0, 0, 0
            return
        for place in range(end - length, end):
            if share > self.share[place]:
                self.share[place], self.start[place], self.length[place] = share, end - length, length

    def _lone(self, step: Grey, after: int) -> Marks | None:
        """Where much changes that is quiet before and after; None where that is little, or most changes elsewhere."""
        import cv2

        high = step >= _LEAP
        count = np.count_nonzero(high)
        if count < _LEAST * step.size:
            return None
        around = np.zeros_like(step)
        for place, other in enumerate(reversed(self._steps)):
            if place != after and abs(place - after) <= _AROUND:
                around = np.maximum(around, other)
        lone = high & (cv2.dilate(around, _REACH) < _QUIET * step.astype(np.float32))
        return lone if np.count_nonzero(lone) >= max(_LEAST * step.size, _LONE * count) else None


def _since(healed: FinePicture, past: list[FinePicture], step: Grey, leaps: Marks) -> tuple[int, float]:
    """For how many frames it had been otherwise, and how much of the picture; none where it is new."""
    alike = _alike(healed, past, step, leaps)[::-1]
    most = float(alike.max())
    length = int(np.argmax(alike >= _NEARLY * most))
    least = _CUT if np.count_nonzero(step >= _LEAP) > _MOST * step.size else _HEALED
    return (length, most * np.count_nonzero(leaps) / step.size) if most >= least else (0, 0.0)


def _alike(one: FinePicture, others: list[FinePicture], step: Grey, leaps: Marks) -> Floats:
    """The share of the leaping spots that each of the others shows as this one does."""
    same = _SAME * step[leaps].astype(np.float32)
    return np.asarray([np.mean(_apart(one, other)[leaps] <= same) for other in others], np.float32)


def _apart(one: FinePicture, other: FinePicture) -> Grey:
    """By how many grey levels each spot of the two does not explain the other, small movement allowed for."""
    import cv2

    both = cv2.max(outside_range(one.even, other.reach), outside_range(other.even, one.reach))
    return np.asarray(cv2.blur(both, _SPOT), np.uint8)


def _is_moved(one: FinePicture, before: FinePicture, step: Grey, leaps: Marks) -> bool:
    """Whether the leaps are those of the camera: a jolt moves all there is."""
    import cv2

    first, second = (pane.even.astype(np.float32) for pane in (before, one))
    (x, y), _ = cv2.phaseCorrelate(first, second, cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F))
    if not 1 <= max(abs(x), abs(y)) <= _FARTHEST:
        return False
    shift = np.asarray([[1, 0, x], [0, 1, y]], np.float32)
    size = before.even.shape[::-1]
    even = np.asarray(cv2.warpAffine(before.even, shift, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    left = _apart(one, FinePicture(even, local_range(even)))
    return bool(np.mean(left[leaps] < _MOVED * step[leaps]) > 0.5)
