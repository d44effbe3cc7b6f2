"""Find frames that come again: a recorder that plays what its buffer holds over and over, while the film moves on."""

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from .detection_scores import Marks
from .rules import percentile, runs_of
from .stretches import LONG
from .surroundings import Pictures

LONGEST = 6
"""Bounds the frames of a loop: longer ones are told from motion that comes again by nothing that is measured here."""
_FEWEST = 6
"""Frames that come again at least: a film that repeats every other frame repeats one at a time."""
_SAME = 1.2
"""Grey levels by which the worst part of a frame and of its repetition differ, if coding is all that differs,"""
_SAME_SHARE = 0.15
"""and the share of the usual change up to which they may."""
_MOVES = 2.0
"""The factor by which the frames of a loop differ more from each other than from their repetitions,"""
_MOVES_LEAST = 1.2
"""and the grey levels at least."""
_ELSE = 2.0
"""The factor by which frames so far apart usually differ more: what always comes again is the film's own."""
_WORST = 0.05
"""The share of a picture that represents it, as in `measures`."""
_AROUND = 20
"""Frames on either side that show how much the film usually changes."""
_BESIDE = 12
"""Frames on either side of a loop that show whether the film repeats there, too."""
_LOOPS = 3
"""Loops within `LONG` above which they are the film's own."""
_CHUNK = 4096
"""Frames that are compared at a time."""


def repetitions(pictures: Pictures, times: npt.NDArray[np.float64]) -> Marks:
    """Mark the frames that repeat a loop of frames before them, where the film does not go on looping."""
    found = np.zeros(len(pictures), bool)
    steps = _differences(pictures, 1)
    same_up_to = np.maximum(_SAME, _SAME_SHARE * percentile(steps, 70, _AROUND))
    for lag in range(2, LONGEST + 1):
        apart = _differences(pictures, lag)
        for start, end in runs_of((apart < same_up_to) & ~found):
            if end - start >= max(_FEWEST, lag) and _is_loop(steps, apart, lag, start, end):
                found[start:end] = True
    runs = runs_of(found)
    begun = times[[start for start, _ in runs]]
    for start, end in runs:
        near = np.abs(begun - times[start]) <= LONG
        found[start:end] = np.count_nonzero(near) <= _LOOPS
    return found


def _is_loop(steps: Floats, apart: Floats, lag: int, start: int, end: int) -> bool:
    """Return whether what repeats moves, the film does not repeat beside it, and leaps on afterwards."""
    inside, moves = float(np.median(apart[start:end])), float(np.median(steps[start:end]))
    sides = np.concatenate([apart[max(lag, start - _BESIDE) : start - lag + 1], apart[end + lag : end + lag + _BESIDE]])
    return (
        moves >= max(_MOVES_LEAST, _MOVES * inside)
        and len(sides) >= _FEWEST
        and float(np.median([*steps[max(1, start - _BESIDE) : start], *steps[end + 1 : end + _BESIDE]])) >= moves / 2
        and float(np.median(sides)) >= max(moves, _ELSE * inside)
        and (end == len(steps) or bool(steps[end] >= moves))
    )


def _differences(pictures: Pictures, lag: int) -> Floats:
    """Return the grey levels by which each frame differs from that `lag` before it, in its worst part."""
    found = np.full(len(pictures), np.inf if lag > 1 else 0.0, np.float32)
    for first in range(lag, len(pictures), _CHUNK):
        last = min(len(pictures), first + _CHUNK)
        pair: list[npt.NDArray[np.int16]] = [
            pictures[start : start + last - first].reshape(last - first, -1).astype(np.int16)
            for start in (first, first - lag)
        ]
        apart = np.abs(pair[0] - pair[1])
        count = max(1, round(apart.shape[1] * _WORST))
        found[first:last] = np.partition(apart, -count, axis=1)[:, -count:].mean(axis=1)
    return found
