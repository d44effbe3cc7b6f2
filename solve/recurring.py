"""Find films whose pictures were sorted from several passes of a movement, and order them by how steadily they move."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from .cost.trajectory import positions, steady_pictures
from .path.steady import SteadyPaths
from .stop import Stopped

Doubles = npt.NDArray[np.float64]

_MOST_ROWS = 200
"""Longer films are left as they are: the search takes 3 CPU seconds for 100 rows and 7.5 for 200."""
_FEWEST_ROWS = 20
"""Shorter films have too few passes to compare."""
_STEADY = 0.04
"""Mean unsteadiness of four rows up to which a path is believed. Paths found in drawn films of things that swing
measure .012 to .043; the steadiest ones through 60 to 100 points at random on a line .066 to .094, and through star
jumps, whose noise hides the motion, .45.
"""

_FEWEST_SORTED = 60
"""Fewer steps are too few to show a pattern: one slow swing of 40 frames was taken for several."""
_MOST_SORTED = 400
"""Most rows that are looked at for a sorted movement, which then takes a third of a CPU second."""
_STRAIGHT = 0.9
"""How far the ends of a sorted swing are apart, as a share of the way. Drawn ones measure .94 and more."""
_SLOW_ENDS = 0.5
"""Speed at both ends of it, where what swings turns, in usual speeds. Drawn swings measure .1 to .3, and one of 22
orders of clips that are as straight less than .6: a motorcycle that rests at both ends.
"""
_LIKE_ENDS = 0.9
"""The same of the prices of frames there, which noise makes more alike. Drawn swings measure .2 to .75."""
_END = 20
"""An end is one of so many parts of a path."""
_AROUND = 8
"""A step is compared with the mean of one of so many parts of a path around it."""
_FEWEST_AROUND = 13
"""Fewest steps of that mean: two to three times the passes of a short film."""
_MOVING = 0.4
"""Where the mean falls below this share of its usual value, steps are too short to be compared."""
_MOST_PASSES = 0.2
"""Passes that are looked for, as a share of the steps."""
_FEWEST_LAGS = 8
"""Fewest lags at which steps are compared."""
_UNEVEN = 0.05
"""Usual difference of two steps, in steps, below which they are even. Smooth drawn motion measures up to .03."""
_LARGEST = 1.0
"""Limits the difference of two steps, so that a cut does not outweigh the rest."""
_REPEATS = 3.5
"""By how much steps differ less if they are as far apart as there are passes, in units of the usual difference over the
root of the number of steps: passes move alike, so that the pattern of steps repeats. Of 600 simulated films of 60 to
400 frames whose steps were drawn at random, one measured so much.
"""
_LONGEST_CADENCE = 8
"""Frames after which the pattern of a film that was converted to another rate, or drawn on twos or threes, repeats."""
_CADENCE = 0.2
"""Largest deviation of a step from such a pattern, in steps of the source. Noise of a tenth of a step still fits. At
.25, a third of simulated swings with five or six passes were taken for a cadence.
"""
_REPEATED = 0.1
"""The same of a repeated frame. Where two passes of a swing nearly meet, drawn ones measure .1 to .2."""
_REPEATED_IN_NOISE = 0.6
"""The same as a share of how much steps differ from those a pattern later."""


def steady_order(luma: npt.NDArray[np.uint8], path: Sequence[int], progress: Progress, stopped: Stopped) -> list[int]:
    """Return the order in which the motion is steady, the file's own if it is; without one, the given path.

    Args:
        luma: The pictures, in the order of the file.
        path: The cheapest path.
        progress: Receives a stage.
        stopped: Whether the user stopped the search.
    """
    if not _FEWEST_ROWS <= len(luma) <= _MOST_ROWS or stopped():
        return list(path)
    with progress.stage("motion", 1) as stage:
        paths = SteadyPaths(positions(steady_pictures(luma)))
        filed = np.arange(len(luma))
        found = filed if _is_steady(paths, filed) else paths.search(stopped)
        stage.advance()
    return [int(row) for row in found] if _is_steady(paths, found) else list(path)


def may_go_to_and_fro(path: Sequence[int], prices: npt.NDArray[Any]) -> bool:
    """Return whether frames at both ends of a path differ less than others as far apart, by their prices."""
    apart = _end(path)
    differences = prices[path[:-apart], path[apart:]]
    return len(differences) > 0 and bool(max(differences[0], differences[-1]) < _LIKE_ENDS * np.median(differences))


def is_sorted_movement(luma: npt.NDArray[np.uint8], path: Sequence[int], loop: bool) -> bool:
    """Return whether a path is one slow pass that was sorted from several of something that swings or turns.

    The passes lie between one another. Where they move alike, the steps of the path are uneven in a pattern that
    repeats with the number of passes. So are those of films that were converted to another frame rate.

    Args:
        luma: The pictures, in the order of the file.
        path: The order found.
        loop: Whether its ends meet. If they do not, it goes straight from one turning point to the other.
    """
    if not _FEWEST_SORTED <= len(path) <= _MOST_SORTED:
        return False
    return places_are_sorted(positions(steady_pictures(luma))[list(path)], loop)


def places_are_sorted(places: Doubles, loop: bool) -> bool:
    """Return the same of the positions of the pictures, in the order found."""
    return (loop or _goes_to_and_fro(places)) and _steps_repeat(np.linalg.norm(np.diff(places, axis=0), axis=1))


def goes_straight(luma: npt.NDArray[np.uint8], path: Sequence[int]) -> bool:
    """Return whether a path goes through all that its pictures show from one end to the other, without turning back."""
    return _is_straight(positions(steady_pictures(luma))[list(path)])


def slows_down(luma: npt.NDArray[np.uint8], path: Sequence[int]) -> bool:
    """Return whether a path goes straight and is slower at both ends than usual: noise hides by how much."""
    return _goes_to_and_fro(positions(steady_pictures(luma))[list(path)], 1.0)


def _is_straight(places: Doubles) -> bool:
    way = np.abs(np.diff(places[:: _end(places), 0])).sum()
    return places.shape[1] == 1 and bool(abs(places[-1, 0] - places[0, 0]) > _STRAIGHT * way)


def _end(path: Sequence[int] | Doubles) -> int:
    """Return the steps of an end of a path."""
    return max(3, len(path) // _END)


def _goes_to_and_fro(places: Doubles, slow: float = _SLOW_ENDS) -> bool:
    """Return whether places lie on a line and are closer to each other at both of its ends."""
    if not _is_straight(places):
        return False
    apart = _end(places)
    speeds = np.abs(places[apart:, 0] - places[:-apart, 0])
    middle = speeds[len(speeds) // 4 : -(len(speeds) // 4)]
    return bool(max(speeds[0], speeds[-1]) < slow * np.median(middle))


def _steps_repeat(steps: Doubles) -> bool:
    """Return whether the lengths of steps, less what changes slowly, repeat in a pattern that is no cadence."""
    relative = _relative(steps)
    lags = max(_FEWEST_LAGS, int(_MOST_PASSES * len(relative)))
    if len(relative) <= 2 * lags:
        return False
    differences = np.array([_difference(relative, lag) for lag in range(1, lags)])
    usual = float(np.median(differences))
    passes = 2 + int(differences[1:].argmin())
    limit = usual * (1 - _REPEATS / np.sqrt(len(relative)))
    if usual < _UNEVEN or differences[passes - 1] > limit:
        return False
    repeating = [lag for lag in range(1, passes + 1) if passes % lag == 0 and differences[lag - 1] <= limit]
    return not any(_is_cadence(relative, lag, float(differences[lag - 1])) for lag in repeating)


def _relative(steps: Doubles) -> Doubles:
    """Return steps in units of the mean around them, without those at ends where hardly anything moves."""
    around = max(_FEWEST_AROUND, len(steps) // _AROUND) | 1
    padded = np.pad(steps, around // 2, mode="reflect")
    means = np.convolve(padded, np.full(around, 1 / around), "valid")
    moving = np.flatnonzero(means > _MOVING * np.median(means))
    if not len(moving):
        return np.zeros(0)
    kept = slice(moving[0], moving[-1] + 1)
    return np.asarray(steps[kept] / np.maximum(means[kept], 1e-12), np.float64)


def _difference(steps: Doubles, lag: int) -> float:
    return float(np.minimum(np.abs(steps[lag:] - steps[:-lag]), _LARGEST).mean())


def _is_cadence(steps: Doubles, length: int, noise: float) -> bool:
    """Return whether each step of a pattern is one of the source, or none: a repeated frame."""
    if length > _LONGEST_CADENCE:
        return False
    pattern = np.array([np.median(steps[at::length]) for at in range(length)])
    pattern /= max(float(pattern.sum()), 1e-12)
    moves = np.arange(1, length)
    shown = np.outer(moves, pattern)
    allowed = np.where(np.round(shown) == 0, max(_REPEATED, _REPEATED_IN_NOISE * noise), _CADENCE)
    fits = (np.abs(shown - np.round(shown)) < allowed).all(axis=1)
    return bool((fits & (np.round(shown).sum(axis=1) == moves)).any())


def _is_steady(paths: SteadyPaths, path: npt.NDArray[np.int64]) -> bool:
    return paths.unsteadiness(path) <= _STEADY * len(path)
