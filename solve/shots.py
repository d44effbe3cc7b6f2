"""Cuts: joins of the path across which the picture changes as it does nowhere near."""

import numpy as np

from ..frames import Floats
from .plan import Shot

_AROUND = 6


def find_shots(chords: Floats, *, cut_chord: float, cut_ratio: float) -> list[Shot]:
    """Split an order of len(chords) + 1 frames at each join that is far in itself and far for its surroundings."""
    cuts = [join + 1 for join in range(len(chords)) if _is_cut(chords, join, cut_chord, cut_ratio)]
    starts = [0, *cuts]
    ends = [*cuts, len(chords) + 1]
    return [Shot(start=start, length=end - start) for start, end in zip(starts, ends, strict=True)]


def _is_cut(chords: Floats, join: int, cut_chord: float, cut_ratio: float) -> bool:
    if chords[join] <= cut_chord:
        return False
    around = np.r_[chords[max(0, join - _AROUND) : join], chords[join + 1 : join + 1 + _AROUND]]
    return len(around) == 0 or bool(chords[join] > cut_ratio * np.median(around))
