"""Order films in which the same pictures recur by how steadily they move, since the cheapest path sorts them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..progress import Progress
from .cost.trajectory import positions, steady_pictures
from .path.steady import SteadyPaths
from .stop import Stopped

_MOST_ROWS = 200
"""Longer films are left as they are: the search takes 3 CPU seconds for 100 rows and 7.5 for 200."""
_FEWEST_ROWS = 20
"""Shorter films have too few passes to compare."""
_STEADY = 0.04
"""Mean unsteadiness of four rows up to which a path is believed. Paths found in drawn films of things that swing
measure .012 to .043; the steadiest ones through 60 to 100 points at random on a line .066 to .094, and through star
jumps, whose noise hides the motion, .45.
"""


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


def _is_steady(paths: SteadyPaths, path: npt.NDArray[np.int64]) -> bool:
    return paths.unsteadiness(path) <= _STEADY * len(path)
