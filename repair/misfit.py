"""Frames that do not fit between those around them, although these fit each other: single ones, and runs."""

from collections import deque
from statistics import median

from ..media.types import Floats
from .measures import FLAT, FrameMeasures, excess, unexplained_difference, worst, worst_spot

LAGS = (1, 2)
"""How far away the neighbours of a single comparison are, in frames."""
LONGEST = 60
"""Frames of a run at most, between the jump into it and the jump out of it."""

_RISE, _LEAST = 1.7, 4.0
_KEPT = 6


class Misfit:
    """Fed with one look after the other, it tells of each frame how badly it fits between others."""

    def __init__(self) -> None:
        self.single: list[list[float]] = []
        """For each frame and lag the misfit in the worst part, and for the nearest lag in all."""
        self.run: list[float] = []
        """The misfit of the run that the frame lies in, 0 where there is none."""
        self.start: list[int] = []
        self.length: list[int] = []
        self.jump: list[float] = []
        self.spot: list[float] = []
        """How much changed from the frame before in the worst spot."""
        self._looks: deque[FrameMeasures] = deque(maxlen=2 * LAGS[-1] + 1)
        self._steps: deque[dict[int, Floats]] = deque(maxlen=2 * LAGS[-1] + 1)
        self._jumps: deque[tuple[int, Floats, FrameMeasures]] = deque(maxlen=_KEPT)

    def see(self, one: FrameMeasures) -> None:
        looks, steps, place = self._looks, self._steps, len(self.run)
        back = {lag: looks[-lag] for lag in (*LAGS, 2 * LAGS[-1]) if lag <= len(looks)}
        steps.append({lag: unexplained_difference(one, other) for lag, other in back.items()})
        self.spot.append(worst_spot(one, looks[-1]) if place else 0.0)
        looks.append(one)
        self.single.append([0.0] * (len(LAGS) + 1))
        self.run.append(0.0)
        self.start.append(0)
        self.length.append(0)
        self.jump.append(worst(steps[-1][1]) if place else 0.0)
        for number, lag in enumerate(LAGS):
            if place >= 2 * lag:
                part, whole = excess(steps[-1 - lag][lag], steps[-1][lag], steps[-1][2 * lag])
                self.single[place - lag][number] = part
                if lag == 1:
                    self.single[place - lag][-1] = whole
        if place and self._is_jump(place):
            self._close_runs(place, one)
            self._jumps.append((place, steps[-1][1], looks[-2]))

    def _is_jump(self, place: int) -> bool:
        usual = median(self.jump[max(1, place - 15) : place] or [0.0])
        return self.jump[place] > max(_LEAST, _RISE * usual)

    def _close_runs(self, end: int, one: FrameMeasures) -> None:
        """Each run that may end here lies between an earlier jump and this one."""
        out_of = self._steps[-1][1]
        for start, into, before in self._jumps:
            length = end - start
            if length > LONGEST or min(before.contrast, one.contrast) < FLAT:
                continue
            part, _ = excess(into, out_of, unexplained_difference(one, before))
            for place in range(start, end):
                if _weight(part, length) > _weight(self.run[place], self.length[place]):
                    self.run[place], self.start[place], self.length[place] = part, start, length


def _weight(part: float, length: int) -> float:
    """Of two runs that a frame may lie in the short one is the likelier."""
    return part / (1 + length / 20)
