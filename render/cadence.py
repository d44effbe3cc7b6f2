"""Films that show some frames twice, in step: where the next repeat falls is known, and motion stands still there."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..media.types import Floats, Picture

_SMALL = (80, 45)
_SAME = 0.2
"""Grey levels by which a repeat may differ on average once it is shrunk: what a coder does to it."""
_PERIODS = range(2, 7)
_ROUNDS = 4
"""Periods on either side of a gap that must agree: one repeat by chance is none."""
_MOST_ODD = 0.1

Repeats: TypeAlias = Sequence[bool | None]
"""Of each frame, whether it shows what the one before it does; None where either is broken."""


class RepeatDetector:
    """Tells of frames that go by in order which of them repeat the one before."""

    def __init__(self) -> None:
        self.repeats: list[bool | None] = []
        self._last: Floats | None = None

    def see(self, picture: Picture) -> None:
        import cv2

        small = np.asarray(cv2.resize(picture, _SMALL, interpolation=cv2.INTER_AREA), np.float32)
        self.repeats.append(None if self._last is None else float(np.abs(small - self._last).mean()) < _SAME)
        self._last = small


def motion_steps(repeats: Repeats, first: int, last: int) -> list[int]:
    """How far the film moves on into each of frames `first` to `last` + 1: one frame's worth, or none by cadence."""
    for period in _PERIODS:
        near = range(max(0, first - _ROUNDS * period), min(len(repeats), last + 2 + _ROUNDS * period))
        known = [frame for frame in near if repeats[frame] is not None and not first <= frame <= last + 1]
        found = [repeated for place in range(period) if (repeated := _in_step(repeats, known, period, place))]
        if found and len(known) >= _ROUNDS * period:
            return [0 if frame % period == found[0] - 1 else 1 for frame in range(first, last + 2)]
    return [1] * (last + 2 - first)


def _in_step(repeats: Repeats, known: Sequence[int], period: int, place: int) -> int:
    """The place in the period, from 1, if nearly all frames there are repeats and nearly none elsewhere; else 0."""
    here = [bool(repeats[frame]) for frame in known if frame % period == place]
    others = [bool(repeats[frame]) for frame in known if frame % period != place]
    if not here or not others:
        return 0
    odd = here.count(False) + others.count(True)
    return place + 1 if odd <= _MOST_ODD * len(known) and here.count(False) < len(here) / 2 else 0
