"""Find frames that do not fit between their neighbours although these fit each other: single frames and runs."""

from array import array
from collections import deque
from statistics import median

import numpy as np

from ..media.types import Floats
from .detection_scores import Marks
from .measures import FLAT, FrameMeasures, excess, unexplained_change, unexplained_difference, worst

LAGS = (1, 2)
"""The distances to the neighbours of a single comparison, in frames."""
LONGEST = 60
"""Bounds a run, in frames between the jump into it and the jump out of it."""

_JUMP_RISE = 1.7
"""A jump exceeds the usual change by this factor."""
_JUMP_LEAST = 4.0
"""Grey levels of the smallest jump."""
_KEPT = 6
"""Bounds the earlier jumps that a run may begin at."""


class Misfit:
    """Measure how badly each frame fits between others, as frames arrive."""

    def __init__(self) -> None:
        # Arrays rather than lists: a film of two hours has 200,000 frames.
        self._single = array("d")
        self.run = array("d")
        """The misfit of the run that the frame lies in; 0 outside a run."""
        self.start = array("q")
        self.length = array("q")
        self.jump = array("d")
        self.spot = array("d")
        """The change from the frame before in the worst spot."""
        self._window: deque[FrameMeasures] = deque(maxlen=2 * LAGS[-1] + 1)
        self._steps: deque[dict[int, Floats]] = deque(maxlen=2 * LAGS[-1] + 1)
        self._jumps: deque[tuple[int, Floats, FrameMeasures]] = deque(maxlen=_KEPT)

    def add(self, one: FrameMeasures) -> None:
        """Add the next frame."""
        window, steps, place = self._window, self._steps, len(self.run)
        back = {lag: window[-lag] for lag in (*LAGS[1:], 2 * LAGS[-1]) if lag <= len(window)}
        steps.append({lag: unexplained_difference(one, other) for lag, other in back.items()})
        self.spot.append(0.0)
        if place:
            steps[-1][1], self.spot[-1] = unexplained_change(one, window[-1])
        window.append(one)
        self._single.extend([0.0] * (len(LAGS) + 1))
        self.run.append(0.0)
        self.start.append(0)
        self.length.append(0)
        self.jump.append(worst(steps[-1][1]) if place else 0.0)
        for number, lag in enumerate(LAGS):
            if place >= 2 * lag:
                part, overall = excess(steps[-1 - lag][lag], steps[-1][lag], steps[-1][2 * lag])
                row = (place - lag) * (len(LAGS) + 1)
                self._single[row + number] = part
                if lag == 1:
                    self._single[row + len(LAGS)] = overall
        if place and self._is_jump(place):
            self._close_runs(place, one)
            self._jumps.append((place, steps[-1][1], window[-2]))

    @property
    def single(self) -> Floats:
        """For each frame and lag the misfit of the worst part; last, for the nearest lag, of the whole picture."""
        return np.array(self._single, np.float32).reshape(-1, len(LAGS) + 1)

    def _is_jump(self, place: int) -> bool:
        usual = median(self.jump[max(1, place - 15) : place] or [0.0])
        return self.jump[place] > max(_JUMP_LEAST, _JUMP_RISE * usual)

    def _close_runs(self, end: int, one: FrameMeasures) -> None:
        """Record the runs between each earlier jump and this one."""
        out_of = self._steps[-1][1]
        for start, into, before in self._jumps:
            length = end - start
            if length > LONGEST or min(before.contrast, one.contrast) < FLAT:
                continue
            part, _ = excess(into, out_of, unexplained_difference(one, before))
            for place in range(start, end):
                if _weight(part, length) > _weight(self.run[place], self.length[place]):
                    self.run[place], self.start[place], self.length[place] = part, start, length


def is_jump(change: Floats, usual: Floats) -> Marks:
    """Return which changes are jumps, given the usual change around each."""
    return np.asarray(change > np.maximum(_JUMP_LEAST, _JUMP_RISE * usual))


def _weight(part: float, length: int) -> float:
    """Prefer the shorter of two runs that a frame may lie in, as the likelier one."""
    return part / (1 + length / 20)
