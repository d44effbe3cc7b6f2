"""Measure a frame by itself, and how well it fits another, on small pictures with cheap sums."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats

Grey: TypeAlias = npt.NDArray[np.uint8]

_SHORT_SIDE = 64
"""Pixels on the short side of the picture that is compared with others."""
_TILE = 8
"""Pixels of that picture on a side of the tiles that are compared one by one."""
_WORST = 0.05
"""The share of tiles that represents a frame: damage often covers a part of the picture only."""
_SPOT = (3, 3)
"""Pixels of a spot in the small picture: a few macroblocks of the original."""
_SPOT_SIDE = 4
"""Pixels of the small picture on a side of a spot whose borders are kept."""
_MACROBLOCK = 16
"""Pixels on a side of a macroblock of MPEG-2 and H.264."""
_EDGED = 0.04
"""The share of the sharpest borders of macroblocks that represents a frame: one wrong macroblock spoils two to four."""
_NARROWEST = 4
"""Pixels on a side of a macroblock, as shrunk, at which its border still differs from the pixels beside it."""
_WIDEST = 288
"""Pixels of the short side above which a picture is halved before it is measured."""
_CONTRAST = 48.0
"""Grey levels of deviation that pictures are normalised to."""
_MOST_GAIN = 3.0
"""Bounds the gain, which would amplify the noise of a flat picture."""
FLAT = 3.0
"""Contrast in grey levels under which a picture shows nothing."""
_BLANK = 0.6
"""Grey levels between neighbouring pixels under which a macroblock shows nothing."""
_BANDS = 12
"""Bands of rows whose texture is measured separately."""
_STRIPED = 0.15
"""The share of the texture across rows under which rows repeat."""
_TEXTURE = 2.0
"""Grey levels between neighbouring pixels above which a macroblock has texture."""
_NEAR = np.ones((5, 5), np.uint8)
"""How far a small movement carries a pixel of the small picture."""


def halvings(width: int, height: int) -> int:
    """Return the factor by which a picture is shrunk: a power of two, so that macroblocks keep whole pixels."""
    factor = 1
    while min(width, height) / factor > _WIDEST and factor < _MACROBLOCK // 2:
        factor *= 2
    return factor


@dataclass(frozen=True)
class FrameMeasures:
    """The measures of one frame, small enough to keep while neighbours are compared with it."""

    index: int
    time: float
    plain: Grey
    fine: Grey
    """The same picture, twice as large."""
    level: float
    contrast: float
    stripes: float
    smears: float
    blank: float
    blocks: float
    edges: float
    """Grey levels by which the sharpest borders of macroblocks are sharper than the pixels beside them."""
    spots: Floats
    """The same in each spot of the picture, about a macroblock of 480 x 270 pixels."""
    grain: Floats
    """The texture of each band of rows, in doublings."""
    rows: Floats
    """The sharpness of the border under each row."""

    @cached_property
    def even(self) -> Grey:
        """The picture at equal brightness and contrast."""
        return self.evened(self.plain)

    def evened(self, plain: Grey) -> Grey:
        """Normalise brightness and contrast, so that a flash or a fade is not a difference."""
        return evened(plain, self.level, self.contrast)

    @cached_property
    def borders(self) -> Floats:
        """The sharpest border between rows near each row: where a small movement may carry one."""
        import cv2

        return np.asarray(cv2.dilate(self.rows, _NEAR[:, :1]), np.float32)

    @cached_property
    def reach(self) -> tuple[Grey, Grey]:
        """The range of values near each pixel."""
        return local_range(self.even)


def evened(plain: Grey, level: float, contrast: float) -> Grey:
    """Normalise a picture of this mean and deviation."""
    import cv2

    gain = min(_MOST_GAIN, _CONTRAST / (contrast + 1))
    return _grey(cv2.addWeighted(plain, gain, plain, 0, 128 - level * gain))


def measure_frame(index: int, time: float, grey: Grey, factor: int) -> FrameMeasures:
    """Measure a frame by itself; `factor` is how much it was shrunk before."""
    import cv2

    # A picture of one pixel in width or height has no neighbouring pixels until its edge is repeated.
    if min(grey.shape) < 2:
        grey = np.pad(grey, [(0, max(0, 2 - side)) for side in grey.shape], mode="edge")
    across, down = _grey(cv2.absdiff(grey[:, 1:], grey[:, :-1])), _grey(cv2.absdiff(grey[1:], grey[:-1]))
    plain, fine = _small(grey)
    level, contrast = (float(value[0, 0]) for value in cv2.meanStdDev(plain))
    stripes, smears, blank = _textured(across, down)
    rows = _along(down, 1)
    blocks = max(_on_grid(steps.ravel(), _MACROBLOCK // factor) for steps in (_along(across, 0), rows))
    edges, spots = _macroblock_borders(across, down, _MACROBLOCK // factor, plain.shape)
    grain = np.asarray(cv2.resize(_along(across, 1), (1, _BANDS), interpolation=cv2.INTER_AREA), np.float32)
    return FrameMeasures(
        *(index, time, plain, fine, level, contrast, stripes, smears, blank, blocks, edges, spots),
        *(np.log2(grain + 1), rows),
    )


def _small(grey: Grey) -> tuple[Grey, Grey]:
    """Return the picture that is compared with others, in whole tiles, and one twice as large.

    Halving first is by far the fastest way to it.
    """
    import cv2

    scale = min(1.0, _SHORT_SIDE / min(grey.shape))
    width, height = (_TILE * max(1, round(side * scale / _TILE)) for side in grey.shape[::-1])
    larger = grey
    while grey.shape[1] >= 2 * width and grey.shape[0] >= 2 * height:
        larger = grey
        half = grey.shape[1] // 2, grey.shape[0] // 2
        grey = _grey(cv2.resize(grey[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA))
    fine = cv2.resize(larger, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return _grey(cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)), _grey(fine)


def _grey(plane: Any) -> Grey:
    """Cast what OpenCV returns; its type stubs do not know the type."""
    return np.asarray(plane, np.uint8)


def _mean(values: Floats) -> float:
    """Return the mean, in a third of the time of `mean` for small arrays."""
    return float(values.sum()) / values.size


def _along(plane: Grey, axis: int) -> Floats:
    """Return the mean of each column (axis 0) or row (axis 1)."""
    import cv2

    return np.asarray(cv2.reduce(plane, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F), np.float32)


def unexplained_difference(one: FrameMeasures, other: FrameMeasures) -> Floats:
    """Return for each tile the grey levels by which the frames differ beyond small movements."""
    return np.maximum(_unexplained(one, other), _unexplained(other, one))


def unexplained_change(one: FrameMeasures, before: FrameMeasures) -> tuple[Floats, float]:
    """Return the same difference, and that in the worst spot, which covers a few macroblocks."""
    import cv2

    outside = [outside_range(a.even, b.reach) for a, b in ((one, before), (before, one))]
    into, out_of = (_tiles(plane.astype(np.float32), _TILE) for plane in outside)
    return np.maximum(into, out_of), max(float(cv2.blur(plane, _SPOT).max()) for plane in outside)


def excess(into: Floats, out_of: Floats, across: Floats) -> tuple[float, float]:
    """Return how much a frame differs from both sides beyond their own difference: in the worst part, and overall."""
    beyond = np.maximum(0, np.minimum(into, out_of) - across)
    return worst(beyond), _mean(beyond)


def change(one: FrameMeasures, before: FrameMeasures) -> tuple[float, float]:
    """Return the difference of two frames in grey levels: in the worst part, and overall."""
    import cv2

    tiles = _tiles(np.asarray(cv2.absdiff(one.plain, before.plain), np.float32), _TILE)
    return worst(tiles), _mean(tiles)


def worst(tiles: Floats) -> float:
    """Return the mean of the worst tiles."""
    count = max(1, round(tiles.size * _WORST))
    return _mean(np.partition(tiles.ravel(), -count)[-count:])


def torn_border(one: FrameMeasures, before: FrameMeasures, after: FrameMeasures) -> float:
    """Return the sharpest border between two rows, across the picture, that neither neighbour has nearby."""
    return float(np.max(one.rows - np.maximum(before.borders, after.borders), initial=0))


def grainier(one: FrameMeasures, before: FrameMeasures, after: FrameMeasures) -> float:
    """Return by how many doublings a band of rows is busier, or emptier, than in both neighbours."""
    most, least = np.maximum(before.grain, after.grain), np.minimum(before.grain, after.grain)
    return float(np.max(np.maximum(one.grain - most, least - one.grain), initial=0))


def _unexplained(one: FrameMeasures, by: FrameMeasures) -> Floats:
    """Return for each tile the grey levels outside the range of the other frame nearby."""
    return _tiles(outside_range(one.even, by.reach).astype(np.float32), _TILE)


def local_range(even: Grey) -> tuple[Grey, Grey]:
    """Return the darkest and the brightest value near each pixel: what may appear there after a small movement."""
    import cv2

    return _grey(cv2.erode(even, _NEAR)), _grey(cv2.dilate(even, _NEAR))


def outside_range(even: Grey, reach: tuple[Grey, Grey]) -> Grey:
    """Return by how much each pixel lies outside the range of another frame nearby."""
    import cv2

    low, high = reach
    return _grey(cv2.add(cv2.subtract(even, high), cv2.subtract(low, even)))


def _tiles(plane: Any, side: int) -> Floats:
    """Return the means of square tiles. The remainder at the right and below is left out: its weights are slow."""
    import cv2

    across, down = max(1, plane.shape[1] // side), max(1, plane.shape[0] // side)
    cropped = plane[: down * side, : across * side]
    return np.asarray(cv2.resize(cropped, (across, down), interpolation=cv2.INTER_AREA), np.float32)


def _textured(across: Grey, down: Grey) -> tuple[float, float, float]:
    """Return three shares of the picture: rows repeat, columns repeat, nothing is visible.

    Rows or columns that repeat count only where the other direction has texture.
    """
    x, y = _tiles(across[:-1], _MACROBLOCK), _tiles(down[:, :-1], _MACROBLOCK)
    rows, columns = (x > _TEXTURE) & (y < _STRIPED * x), (y > _TEXTURE) & (x < _STRIPED * y)
    nothing = (x < _BLANK) & (y < _BLANK)
    rows_share, columns_share, blank = (np.count_nonzero(marks) / marks.size for marks in (rows, columns, nothing))
    return rows_share, columns_share, blank


def _on_grid(steps: Floats, pitch: int) -> float:
    """Return how much sharper borders are on the macroblock grid than next to it, in doublings, clipped per line."""
    lines = np.arange(pitch - 1, steps.size - 1, pitch) if pitch > 1 else np.empty(0, np.int64)
    if not lines.size:
        return 0.0
    neighbours = (steps[lines - 1] + steps[lines + 1]) / 2
    return _mean(np.clip(np.log2((steps[lines] + 1) / (neighbours + 1)), -1, 1))


def _macroblock_borders(across: Grey, down: Grey, pitch: int, shape: tuple[int, ...]) -> tuple[float, Floats]:
    """Return how much sharper borders of single macroblocks are than the pixels on either side of them.

    That is the mean of the sharpest ones, and the mean in each spot of a small picture of that shape.
    """
    import cv2

    upright, level = _borders(across, pitch), _borders(_grey(cv2.transpose(down)), pitch).T
    size = max(1, shape[1] // _SPOT_SIDE), max(1, shape[0] // _SPOT_SIDE)
    spots = np.zeros(size[::-1], np.float32)
    for sums in (upright, level):
        if sums.size:
            spots += cv2.resize(np.ascontiguousarray(sums / np.float32(pitch)), size, interpolation=cv2.INTER_AREA)
    # Numbers of two bytes are partitioned twice as fast as those of four.
    every = np.concatenate([upright.ravel(), level.ravel()])
    count = max(1, round(every.size * _EDGED))
    sharpest = np.partition(every, -count)[-count:] if every.size else every
    return float(sharpest.sum(dtype=np.int64)) / (pitch * count), spots


def _borders(across: Grey, pitch: int) -> npt.NDArray[np.uint16]:
    """Return by how much each vertical border of a macroblock is sharper than both columns beside it, summed."""
    import cv2

    count, rows = (across.shape[1] - 1) // pitch, across.shape[0] // pitch
    if pitch < _NARROWEST or not count or not rows:
        return np.empty((0, 0), np.uint16)
    # Slices are copied several times as fast as lists of columns.
    columns = across[: rows * pitch]
    border, before, after = (
        np.ascontiguousarray(columns[:, pitch - 1 + side :: pitch][:, :count]) for side in (0, -1, 1)
    )
    sharper = _grey(cv2.subtract(border, cv2.max(before, after)))
    return np.asarray(np.add.reduce(sharper.reshape(rows, pitch, count), axis=1, dtype=np.uint16), np.uint16)
