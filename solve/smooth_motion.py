"""Order films in which poses nearly recur by how little motion changes from frame to frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints
from ..progress import Progress
from .cost.flow import SMALLEST_SIDE
from .cost.prices import SMALL_SIZE, JoinCosts
from .cost.velocity import CELLS, changes_of_velocity, inconsistency, velocities
from .path.agreement import Agreement, RatedPrice, agreement_of, halves
from .path.velocity import VelocityPaths
from .stop import Stopped

_CANDIDATES = 20
"""Most similar rows that may follow a row. In star jumps at half the frame rate, all true ones are among 25, but only
.96 among 16.
"""
_FEWEST = 20
"""Fewest rows: those of fewer fit together by chance."""
_MOST = 250
"""Most rows; 100 take 5 CPU seconds, 235 some 18 and 300 from 33 to 46, which gained nothing in three clips."""
_INCONSISTENT = 0.2
"""How far motion there and back may differ. Clips of the tuning half and drawn dancers measure .03 to .11, noise .3."""
_KICKS = 10
"""Random exchanges that are tried on the path by the whole picture."""
_SLACK = 0.05
"""Share by which motion may change more in a file that was in order: through errors of measurement the smoothest path
is smoother than the true one, by .03 in drawn dancers. Along a shuffled file it changes half as much again.
"""
_WIDTH_OF_HALVES = 500
"""Partial paths of the searches by halves of the picture."""


@dataclass(frozen=True)
class SmoothOrder:
    """A path along which motion changes little, and how far paths by halves of the pictures agree."""

    path: list[int]
    agreement: Agreement
    gain: float
    """Share by which motion changes less along the path by each half than along the cheapest path, in the other half.

    Where the cheapest path is mostly right, this is near 0 or negative.
    """


def smooth_order(
    luma: npt.NDArray[np.uint8], rated: RatedPrice, path: Sequence[int], progress: Progress, stopped: Stopped
) -> SmoothOrder | None:
    """Return the order in which motion changes least; None if only noise moves, or the film is too short or too long.

    Args:
        luma: The pictures, in the order of the file.
        rated: The price on which halves of the pictures agree best.
        path: The cheapest path.
        progress: Receives a stage.
        stopped: Whether the user stopped the search.
    """
    if not _FEWEST <= len(luma) <= _MOST or min(luma.shape[1:]) < SMALLEST_SIDE:
        return None
    with progress.stage("motion", 2) as stage:
        near = _nearest(rated.costs)
        motion = velocities(luma, near, stopped)
        stage.advance()
        if inconsistency(motion, near) > _INCONSISTENT:
            return None
        found = _smoothest(_paths(motion, near, rated.costs), np.array(path), stopped)
        parts = [
            _paths(motion, near, costs, cells, _WIDTH_OF_HALVES)
            for cells, costs in zip(_halves_of_cells(), rated.halves, strict=False)
        ]
        by_halves = [part.search(stopped, kicks=0) for part in parts]
        stage.advance()
    if stopped():
        return None
    agreed = agreement_of([half.tolist() for half in by_halves], rated.files)
    return SmoothOrder(found.tolist(), agreed, _gain(parts, by_halves, np.array(path)))


def _smoothest(paths: VelocityPaths, path: Ints, stopped: Stopped) -> Ints:
    """Return the path along which motion changes least, that of the file if it is nearly as smooth."""
    found, filed = paths.search(stopped, [path], _KICKS), np.arange(paths.count)
    return filed if paths.unsteadiness(filed) <= paths.unsteadiness(found) * (1 + _SLACK) else found


def _gain(parts: Sequence[VelocityPaths], paths: Sequence[Ints], before: Ints) -> float:
    smoother = [
        1 - part.unsteadiness(path) / part.unsteadiness(before)
        for part, path in zip(parts, reversed(paths), strict=True)
    ]
    return float(np.mean(smoother))


def _nearest(costs: JoinCosts) -> Ints:
    assert costs.matrix is not None
    apart = costs.matrix + np.diag(np.full(len(costs), np.iinfo(np.int64).max // 2))
    return np.argsort(apart, axis=1, kind="stable")[:, : min(_CANDIDATES, len(costs) - 1)]


def _paths(
    motion: Floats,
    near: Ints,
    costs: JoinCosts,
    cells: npt.NDArray[np.bool_] | None = None,
    width: int | None = None,
) -> VelocityPaths:
    assert costs.matrix is not None
    return VelocityPaths(changes_of_velocity(motion, cells), near, costs.matrix / costs.scale, width)


def _halves_of_cells() -> list[npt.NDArray[np.bool_]]:
    """Return the cells of the first two halves of the pictures, whose tiles are as large as cells."""
    rows, columns = (side // cells for side, cells in zip(SMALL_SIZE, CELLS, strict=True))
    return [mask.reshape(SMALL_SIZE)[::rows, ::columns].ravel() for mask in halves()[:2]]
