"""Detect films that repeat frames in a cadence: motion stands still at each repeat, also where frames are broken."""

from array import array
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..media.types import Picture

_SMALL = (80, 45)
"""Width and height at which frames are compared; shrinking averages coding noise out."""
_SAME = 0.2
"""Mean grey levels by which a shrunk repeat may differ from its original because of lossy coding."""
_PERIODS = range(2, 7)
"""Lengths of a cadence, in frames, that are looked for."""
_ROUNDS = 4
"""Periods on each side of a gap that must agree, since a single repeat may be chance."""
_MOST_ODD = 0.1
"""Share of the frames nearby that may contradict the cadence."""

_NEAR = 12
"""Frames on each side of a gap that show whether the film moves there at all."""
_AROUND = 60
"""Frames on each side whose changes a repeat is compared with: two seconds."""
_SUDDEN = 0.1
"""The share of the median change of the frames that move, under which a frame repeats. In a quiet film whose plants
stir frames change by .13 and .34 grey levels, so that none repeats; on screens and in pulled down film by .04 and over
2. Measured on the tuning half of bench/clips.toml."""

_BY_CHANCE = 0.25
"""Share of repeats from which nothing tells when a change came; fewer are those of a cadence that is longer than what
is looked for. On the tuning half motion gains 9 dB over a crossfade where one in nine repeats, and loses .6 dB where
two in five do; with its share it gains .2 dB there."""

Repeats: TypeAlias = Sequence[bool | None]
"""For each frame whether it repeats the previous one; `None` where either is broken."""


class RepeatDetector:
    """Record which frames of a film, seen in order, repeat the previous frame."""

    def __init__(self) -> None:
        # An array rather than a list: a film of two hours has 200,000 frames.
        self._changes = array("f")
        self._last: Picture | None = None

    def see(self, picture: Picture) -> None:
        """Compare the next frame with the previous one."""
        import cv2

        small = np.asarray(cv2.resize(picture, _SMALL, interpolation=cv2.INTER_AREA), np.uint8)
        self._changes.append(np.nan if self._last is None else cv2.norm(small, self._last, cv2.NORM_L1) / small.size)
        self._last = small

    @property
    def repeats(self) -> list[bool | None]:
        """Return for each frame whether it repeats the previous one."""
        changes = np.asarray(self._changes)
        repeats: list[bool | None] = (changes < _SAME).tolist()
        for frame in np.flatnonzero(changes < _SAME):
            near = changes[max(0, frame - _AROUND) : frame + _AROUND]
            moving = near[near >= _SAME]
            repeats[frame] = bool(not len(moving) or changes[frame] < _SUDDEN * np.median(moving))
        return [None, *repeats[1:]] if repeats else []


def motion_steps(repeats: Repeats, first: int, last: int) -> list[int]:
    """Return the steps of motion into each of frames `first` to `last` + 1: 1, or 0 where the cadence repeats."""
    for period in _PERIODS:
        near = range(max(0, first - _ROUNDS * period), min(len(repeats), last + 2 + _ROUNDS * period))
        known = [frame for frame in near if repeats[frame] is not None and not first <= frame <= last + 1]
        still = _still_phases(repeats, known, period)
        if still and len(known) >= _ROUNDS * period:
            return [0 if frame % period in still else 1 for frame in range(first, last + 2)]
    return [1] * (last + 2 - first)


def motion_share(repeats: Repeats, first: int, last: int) -> float:
    """Return how far frames `first` to `last` may follow motion, by the frames around them: 1 if these move steadily.

    Where frames repeat in no cadence, nothing tells when a change came. If each repeats the previous one with
    probability p, a frame between two that differ shows either of them with probability p / (1 + p), and what is
    halfway with the rest. In the mean of these pictures motion has the share of the rest.
    """
    near = [*repeats[max(0, first - _NEAR) : first], *repeats[last + 2 : last + 2 + _NEAR]]
    known = [bool(one) for one in near if one is not None]
    if not known or not all(motion_steps(repeats, first, last)):
        return 1.0
    chance = known.count(True) / len(known)
    return (1 - chance) / (1 + chance) if chance >= _BY_CHANCE else 1.0


def _still_phases(repeats: Repeats, known: Sequence[int], period: int) -> set[int]:
    """Return the phases of a cadence at which frames repeat; empty where there is no such cadence."""
    at = [[bool(repeats[frame]) for frame in known if frame % period == phase] for phase in range(period)]
    still = {phase for phase, here in enumerate(at) if here.count(True) > len(here) / 2}
    odd = sum(here.count(phase not in still) for phase, here in enumerate(at))
    return still if len(still) < period and odd <= _MOST_ODD * len(known) else set()
