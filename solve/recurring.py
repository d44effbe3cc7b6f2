"""Order films in which the same pictures recur by how steadily they move, since the cheapest path sorts them."""

from collections.abc import Callable, Sequence

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

_STRAIGHT = 0.9
"""How far the ends of a sorted swing are apart, as a share of the way. Drawn ones measure .94 and more."""
_END = 20
"""An end is one of so many parts of a path."""


def film_positions(luma: npt.NDArray[np.uint8]) -> Doubles:
    """Return where each picture is in the space of what the film shows."""
    return positions(steady_pictures(luma))


def steady_order(places: Callable[[], Doubles], path: Sequence[int], progress: Progress, stopped: Stopped) -> list[int]:
    """Return the order in which the motion is steady, the file's own if it is; without one, the given path.

    Args:
        places: Finds the positions of the pictures, which are in the order of the file.
        path: The cheapest path.
        progress: Receives a stage.
        stopped: Whether the user stopped the search.
    """
    if not _FEWEST_ROWS <= len(path) <= _MOST_ROWS or stopped():
        return list(path)
    with progress.stage("motion", 1) as stage:
        paths = SteadyPaths(places())
        filed = np.arange(len(path))
        found = filed if _is_steady(paths, filed) else paths.search(stopped)
        stage.advance()
    return [int(row) for row in found] if _is_steady(paths, found) else list(path)


def goes_straight(places: Doubles, path: Sequence[int]) -> bool:
    """Return whether a path goes through all that its pictures show from one end to the other, without turning back."""
    return _is_straight(places[list(path)])


def slows_down(places: Doubles, path: Sequence[int]) -> bool:
    """Return whether a path goes straight and is slower at both ends, where what swings turns, than usual."""
    way = places[list(path)]
    if not _is_straight(way):
        return False
    apart = _end(way)
    speeds = np.abs(way[apart:, 0] - way[:-apart, 0])
    middle = speeds[len(speeds) // 4 : -(len(speeds) // 4)]
    return bool(max(speeds[0], speeds[-1]) < np.median(middle))


def _is_straight(places: Doubles) -> bool:
    way = np.abs(np.diff(places[:: _end(places), 0])).sum()
    return places.shape[1] == 1 and bool(abs(places[-1, 0] - places[0, 0]) > _STRAIGHT * way)


def _end(path: Doubles) -> int:
    """Return the steps of an end of a path."""
    return max(3, len(path) // _END)


def _is_steady(paths: SteadyPaths, path: npt.NDArray[np.int64]) -> bool:
    return paths.unsteadiness(path) <= _STEADY * len(path)
