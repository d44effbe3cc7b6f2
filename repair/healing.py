"""Find spots that jump back to what they showed a while ago.

Damage that appears little by little disappears all at once, at the next intact frame.
"""

from array import array
from collections import deque
from dataclasses import dataclass

import numpy as np

from ..media.types import Floats
from .detection_scores import Marks
from .measures import FrameMeasures, Grey, local_range, outside_range

BACK = 45
"""Bounds the length of a run that is followed back from its end, in frames."""

_AROUND = 3
"""Frames on either side in which such a spot must be quiet: a moving object jumps in more than one."""
_JUMP = 10
"""Grey levels by which a spot jumps."""
_QUIET = 0.25
"""The share of the jump that a spot may change by in the frames around it."""
_LEAST = 0.001
"""The share of the picture that must jump."""
_ISOLATED = 0.5
"""The share of the jumps that must be isolated in time."""
_SAME = 0.4
"""The share of the jump by which a spot may differ from what it showed before."""
_MOVED = 0.6
"""Camera motion leaves less than this share of a jump unexplained."""
_FARTHEST = 24
"""Pixels of the fine picture; a larger estimated shift is a wrong estimate."""
_HEALED = 1 / 3
"""The share of the jumps that must lead back to one frame."""
_NEARLY = 0.9
"""The share of the best match that counts as just as good; the latest such frame ends the search."""
_MOST = 0.5
"""The share of the picture above which a jump may be a cut."""
_CUT = 0.6
"""Replaces `_HEALED` at a possible cut, after which two in five spots can match by chance."""
_SPOT = (3, 3)
"""Pixels over which differences are averaged against noise."""
_REACH = np.ones((9, 9), np.uint8)
"""How near a moving edge explains a jump."""


@dataclass(frozen=True)
class FinePicture:
    """A picture at twice the usual size, and the range of values near each pixel."""

    even: Grey
    reach: tuple[Grey, Grey]


class Healing:
    """For each frame, measure how much of it heals later, and in which run, as frames arrive."""

    def __init__(self) -> None:
        # Arrays rather than lists: a film of two hours has 200,000 frames.
        self.share = array("d")
        """The share of the picture that jumps back at the end of the run the frame lies in; 0 outside a run."""
        self.start = array("q")
        self.length = array("q")
        self._pictures: deque[FinePicture] = deque(maxlen=BACK + _AROUND + 2)
        self._steps: deque[Grey] = deque(maxlen=2 * _AROUND + 1)

    def add(self, one: FrameMeasures) -> None:
        """Add the next frame."""
        even = one.evened(one.fine)
        picture = FinePicture(even, local_range(even))
        self._steps.append(_difference(picture, self._pictures[-1]) if self._pictures else np.zeros_like(even))
        self._pictures.append(picture)
        self.share.append(0.0)
        self.start.append(0)
        self.length.append(0)
        if len(self._steps) > _AROUND:
            self._judge(_AROUND)

    @property
    def step(self) -> Grey:
        """The change of each pixel into the frame that was added last, small movements allowed."""
        return self._steps[-1]

    def rows(self) -> Floats:
        """Return the share, start and length for all frames, after the last one was added."""
        for after in range(min(_AROUND, len(self._steps)) - 1, -1, -1):
            self._judge(after)
        return np.column_stack([np.array(column, np.float32) for column in (self.share, self.start, self.length)])

    def _judge(self, after: int) -> None:
        """Test whether something heals in the frame that `after` others have followed."""
        pictures = list(self._pictures)
        healed, past = pictures[-1 - after], pictures[: len(pictures) - 1 - after]
        step = self._steps[-1 - after]
        jumps = self._isolated(step, after) if len(past) > 1 else None
        if jumps is None or _is_camera_motion(healed, past[-1], step, jumps):
            return
        length, share = _run_before(healed, past, step, jumps)
        end = len(self.share) - 1 - after
        same = _matches(past[-1], past[: -length - 1], step, jumps) if share else np.empty(0)
        if max(same, default=0) > _NEARLY:
            # A blinking light: the same picture was there before the run too, so those frames are not damaged either.
            for place in (end - len(past) + int(row) for row in np.flatnonzero(same > _NEARLY)):
                self.share[place], self.start[place], self.length[place] = 0.0, 0, 0
            return
        for place in range(end - length, end):
            if share > self.share[place]:
                self.share[place], self.start[place], self.length[place] = share, end - length, length

    def _isolated(self, step: Grey, after: int) -> Marks | None:
        """Return the isolated jumps: pixels that change much and are quiet before and after.

        None where there are few, or where most of the change is not isolated.
        """
        import cv2

        high = step >= _JUMP
        count = np.count_nonzero(high)
        if count < _LEAST * step.size:
            return None
        around = np.zeros_like(step)
        for place, other in enumerate(reversed(self._steps)):
            if place != after and abs(place - after) <= _AROUND:
                around = np.maximum(around, other)
        # In bytes, which saturate: products beyond 255 are as far from quiet as those up to it.
        isolated = high & (cv2.convertScaleAbs(cv2.dilate(around, _REACH), alpha=1 / _QUIET) < step)
        return isolated if np.count_nonzero(isolated) >= max(_LEAST * step.size, _ISOLATED * count) else None


def _run_before(healed: FinePicture, past: list[FinePicture], step: Grey, jumps: Marks) -> tuple[int, float]:
    """Return the length of the run before, and the share of the picture that heals; 0 where the content is new."""
    matches = _matches(healed, past, step, jumps)[::-1]
    most = float(matches.max())
    length = int(np.argmax(matches >= _NEARLY * most))
    least = _CUT if np.count_nonzero(step >= _JUMP) > _MOST * step.size else _HEALED
    return (length, most * np.count_nonzero(jumps) / step.size) if most >= least else (0, 0.0)


def _matches(one: FinePicture, others: list[FinePicture], step: Grey, jumps: Marks) -> Floats:
    """Return the share of the jumping pixels that each of `others` shows as `one` does."""
    same = _SAME * step[jumps].astype(np.float32)
    return np.asarray([np.mean(_difference(one, other)[jumps] <= same) for other in others], np.float32)


def _difference(one: FinePicture, other: FinePicture) -> Grey:
    """Return the grey levels of each spot that the two do not explain in each other, small movements allowed."""
    import cv2

    both = cv2.max(outside_range(one.even, other.reach), outside_range(other.even, one.reach))
    return np.asarray(cv2.blur(both, _SPOT), np.uint8)


def _is_camera_motion(one: FinePicture, before: FinePicture, step: Grey, jumps: Marks) -> bool:
    """Return whether the camera caused the jumps: a jolt moves the whole picture."""
    import cv2

    first, second = (picture.even.astype(np.float32) for picture in (before, one))
    (x, y), _ = cv2.phaseCorrelate(first, second, cv2.createHanningWindow(first.shape[::-1], cv2.CV_32F))
    if not 1 <= max(abs(x), abs(y)) <= _FARTHEST:
        return False
    shift = np.asarray([[1, 0, x], [0, 1, y]], np.float32)
    size = before.even.shape[::-1]
    even = np.asarray(cv2.warpAffine(before.even, shift, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    unexplained = _difference(one, FinePicture(even, local_range(even)))
    return bool(np.mean(unexplained[jumps] < _MOVED * step[jumps]) > 0.5)
