"""The price of a join by motion: what is left of the difference once one frame is bent onto the other."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..frames import Floats, Ints
from ..progress import Progress
from .costs import usual_best

if TYPE_CHECKING:
    import cv2

SMALLEST_SIDE = 32
"""Pictures smaller than this hold no motion that could be measured."""

_OUTLIER = 40.0
_SEEN = 0.2
_ROUGHNESS = 0.5


class FlowPrice:
    """Residual of the DIS optical flow plus half its roughness, each in units of the film's own best joins.

    It wins where things move by more than the size of their texture, and loses where coding noise is
    all that moves, for the bending then fits the noise.
    """

    def __init__(self, luma: npt.NDArray[np.uint8], progress: Progress) -> None:
        self._luma, self._progress = luma, progress
        self._known: dict[tuple[int, int], tuple[float, float]] = {}

    def measure(self, joins: Iterable[Sequence[int]], stopped: Callable[[], bool] = lambda: False) -> None:
        """Look at pairs of rows, each only once however often it is asked for, until stopped."""
        import cv2

        fresh = sorted({(min(a, b), max(a, b)) for a, b in joins} - self._known.keys())
        if not fresh:
            return
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        grid = np.indices(self._luma.shape[1:], np.float32)[::-1]
        with self._progress.stage("motion", len(fresh)) as stage:
            for a, b in fresh:
                if stopped():
                    break
                self._known[a, b] = _compare(self._luma[a], self._luma[b], flow, grid)
                stage.advance()

    def joins(self) -> Ints:
        """Every pair measured so far, once, the smaller row first."""
        return np.array(sorted(self._known), np.int64).reshape(-1, 2)

    def prices(self) -> Floats:
        """The price of each pair of `joins`."""
        ends = self.joins()
        residual, roughness = np.array([self._known[a, b] for a, b in ends.tolist()]).reshape(-1, 2).T
        return in_units(residual, ends, len(self._luma)) + _ROUGHNESS * in_units(roughness, ends, len(self._luma))


def in_units(values: npt.NDArray[np.float64], joins: Ints, count: int) -> Floats:
    """Values of joins over the median of every row's smallest."""
    return np.asarray(values / max(usual_best(values, joins, count), 1e-9), np.float32)


def _compare(
    left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8], flow: "cv2.DISOpticalFlow", grid: Floats
) -> tuple[float, float]:
    import cv2

    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    motion = np.asarray(flow.calc(left, right, np.zeros((*left.shape, 2), np.float32)), np.float32)
    across, down = grid[0] + motion[..., 0], grid[1] + motion[..., 1]
    height, width = left.shape
    seen = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    bent = cv2.remap(right.astype(np.float32), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left_over = np.minimum(np.abs(left - bent), _OUTLIER)
    residual = float(left_over[seen].mean()) if seen.mean() > _SEEN else _OUTLIER
    roughness = float(np.abs(np.diff(motion, axis=0)).mean() + np.abs(np.diff(motion, axis=1)).mean())
    return residual, roughness
