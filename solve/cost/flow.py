"""The price of a join by motion: what is left of the difference once one frame is bent onto the other."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints, Measures
from ...progress import Progress
from ..stop import Stopped, never
from .prices import patch_distance, typical_best

SMALLEST_SIDE = 32
"""Pictures smaller than this hold no motion that could be measured."""

MEASURED = "dis-medium/1"
"""The way of measuring; measures of another way do not stand for this one's."""

SOFT = 1.5
"""Pictures blurred by this many pixels keep their motion and lose most of the encoder's noise."""

_OUTLIER = 40.0
_SEEN = 0.2
_ROUGHNESS = 0.5
_AFAR = (40, 23)


class FlowPrice:
    """Residual of the DIS optical flow plus half its roughness, each in units of the film's own best joins.

    It wins where things move by more than the size of their texture, and loses where coding noise is
    all that moves, for the bending then fits the noise.
    """

    name = "flow"

    def __init__(
        self,
        luma: npt.NDArray[np.uint8],
        progress: Progress,
        *,
        files: Ints | None = None,
        known: dict[tuple[int, int], Measures] | None = None,
        blur: float = 0.0,
    ) -> None:
        """`known` is what was measured before, by the frames' places in the file; what is new is added to it."""
        self._luma, self._progress, self._blur = luma, progress, blur
        self._files: list[int] = list(range(len(luma))) if files is None else files.tolist()
        self._known = {} if known is None else known
        self._asked: set[tuple[int, int]] = set()

    def measure(self, joins: Iterable[Sequence[int]], stopped: Stopped = never) -> None:
        """Look at pairs of rows, each only once however often it is asked for, until stopped."""
        self._asked |= {(min(a, b), max(a, b)) for a, b in joins}
        fresh = sorted(join for join in self._asked if self._frames(join) not in self._known)
        if not fresh:
            return
        bend = _Bend(self._luma, self._blur)
        with self._progress.stage("motion", len(fresh)) as stage:
            for a, b in fresh:
                if stopped():
                    self._asked = {join for join in self._asked if self._frames(join) in self._known}
                    break
                self._known[self._frames((a, b))] = bend.compare(a, b)
                stage.advance()

    def joins(self) -> Ints:
        """Every pair asked for so far, once, the smaller row first."""
        return np.array(sorted(self._asked), np.int64).reshape(-1, 2)

    def measures(self) -> Floats:
        """The measures of each pair of `joins`, a column each."""
        known = [self._known[self._frames((a, b))] for a, b in sorted(self._asked)]
        return np.array(known, np.float32).reshape(-1, 4)

    def prices(self, echo: Floats | float = 0.0) -> Floats:
        """The price of each pair of `joins`; `echo` is the share of a best join that the encoder took off each."""
        ends, measured = self.joins(), self.measures()
        residual = normalised(measured[:, 0], ends, len(self._luma)) + echo
        roughness = normalised(measured[:, 1], ends, len(self._luma))
        return np.asarray(normalised(residual, ends, len(self._luma)) + _ROUGHNESS * roughness, np.float32)

    def _frames(self, join: tuple[int, int]) -> tuple[int, int]:
        return self._files[join[0]], self._files[join[1]]


def normalised(values: npt.NDArray[Any], joins: Ints, count: int) -> Floats:
    """Values of joins over the median of every row's smallest."""
    return np.asarray(values / max(typical_best(values, joins, count), 1e-9), np.float32)


class _Bend:
    """Bends frames onto each other, along the flow from the first to the second."""

    def __init__(self, luma: npt.NDArray[np.uint8], blur: float) -> None:
        import cv2

        self._luma, self._blur = luma, blur
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._grid = np.indices(luma.shape[1:], np.float32)[::-1]

    def compare(self, first: int, second: int) -> Measures:
        import cv2

        left, right = self._picture(first), self._picture(second)
        motion = np.asarray(self._flow.calc(left, right, np.zeros((*left.shape, 2), np.float32)), np.float32)
        across, down = self._grid[0] + motion[..., 0], self._grid[1] + motion[..., 1]
        height, width = left.shape
        seen = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
        bent = cv2.remap(right.astype(np.float32), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        left_over = left - bent
        afar = np.abs(cv2.resize(left_over, _AFAR, interpolation=cv2.INTER_AREA))
        clipped = np.minimum(np.abs(left_over), _OUTLIER)
        found = (
            clipped[seen].mean() if seen.mean() > _SEEN else _OUTLIER,
            np.abs(np.diff(motion, axis=0)).mean() + np.abs(np.diff(motion, axis=1)).mean(),
            np.minimum(afar, _OUTLIER).mean(),
            patch_distance(left, bent),
        )
        residual, roughness, coarse, unlike = (float(np.float32(value)) for value in found)
        return residual, roughness, coarse, unlike

    def _picture(self, row: int) -> npt.NDArray[np.uint8]:
        import cv2

        picture = np.ascontiguousarray(self._luma[row])
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), self._blur), np.uint8) if self._blur else picture
