"""Detect films that repeat frames in a cadence: motion stands still at each repeat, also where frames are broken."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from ..media.types import Floats, Picture

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
_MOSTLY = 0.95
"""Share of them that repeat the previous frame, from which changes are sudden, as on a screen: nothing tells when a
change came. In gaps of eight clips of the tuning half of bench/clips.toml motion gains .04 dB over a crossfade there; a
quiet film whose plants stir repeats half to nine tenths, and motion gains .8 dB in it."""

Repeats: TypeAlias = Sequence[bool | None]
"""For each frame whether it repeats the previous one; `None` where either is broken."""


class RepeatDetector:
    """Record which frames of a film, seen in order, repeat the previous frame."""

    def __init__(self) -> None:
        self.repeats: list[bool | None] = []
        self._last: Floats | None = None

    def see(self, picture: Picture) -> None:
        """Compare the next frame with the previous one."""
        import cv2

        small = np.asarray(cv2.resize(picture, _SMALL, interpolation=cv2.INTER_AREA), np.float32)
        self.repeats.append(None if self._last is None else float(np.abs(small - self._last).mean()) < _SAME)
        self._last = small


def motion_steps(repeats: Repeats, first: int, last: int) -> list[int]:
    """Return the steps of motion into each of frames `first` to `last` + 1: 1, or 0 where the cadence repeats."""
    for period in _PERIODS:
        near = range(max(0, first - _ROUNDS * period), min(len(repeats), last + 2 + _ROUNDS * period))
        known = [frame for frame in near if repeats[frame] is not None and not first <= frame <= last + 1]
        phases = [phase for phase in range(period) if _is_cadence(repeats, known, period, phase)]
        if phases and len(known) >= _ROUNDS * period:
            return [0 if frame % period == phases[0] else 1 for frame in range(first, last + 2)]
    return [1] * (last + 2 - first)


def changes_suddenly(repeats: Repeats, first: int, last: int) -> bool:
    """Tell whether nearly all frames around frames `first` to `last` repeat the previous one, in no cadence."""
    near = [*repeats[max(0, first - _NEAR) : first], *repeats[last + 2 : last + 2 + _NEAR]]
    known = [bool(one) for one in near if one is not None]
    return bool(known) and known.count(True) >= _MOSTLY * len(known) and all(motion_steps(repeats, first, last))


def _is_cadence(repeats: Repeats, known: Sequence[int], period: int, phase: int) -> bool:
    """Check that nearly all frames at this phase of the period are repeats, and nearly none elsewhere."""
    here = [bool(repeats[frame]) for frame in known if frame % period == phase]
    others = [bool(repeats[frame]) for frame in known if frame % period != phase]
    if not here or not others:
        return False
    odd = here.count(False) + others.count(True)
    return odd <= _MOST_ODD * len(known) and here.count(False) < len(here) / 2
