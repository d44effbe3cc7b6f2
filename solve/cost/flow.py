"""Price joins by motion: the difference that remains after warping one frame onto the other."""

import os
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints, Measures
from ...progress import Progress
from ..stop import Stopped, never
from .prices import SMALL_SIZE, Masks, part_weights, picture_patches, pixel_distances, typical_best

SMALLEST_SIDE = 32
"""Smaller pictures show no measurable motion."""

MEASURED = "dis-medium/2"
"""Version of the measurement; cached measures of another version are not used."""

SOFT = 1.5
"""Blurring pictures by this many pixels keeps their motion and removes most coding noise."""

_MAX_DIFFERENCE = 40.0
"""Grey levels at which a pixel's difference saturates."""
_MIN_VISIBLE = 0.2
"""Smallest share of the first frame that the flow must map inside the second; below it the pair counts as unlike."""
_ROUGHNESS = 0.5
"""Weight of the flow's roughness against its residual."""
_COARSE_SIZE = (40, 23)
"""Size (width, height) to which the residual is reduced for the coarse measure."""
_MOST_THREADS = 4
"""Two threads fill two cores; a third of the work holds Python's lock, so more than four gain nothing."""
_RUN = 8
"""Pairs that a thread measures at a time, about 20 ms: short, so that a user who stops the search need not wait."""


_Join: TypeAlias = tuple[int, int]


class FlowPrice:
    """Residual of DIS optical flow plus half its roughness, each in units of the film's own best joins.

    It works best where things move farther than the size of their texture. It fails where only coding noise moves,
    because the flow then fits the noise.
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
        parts: Masks | None = None,
        known_parts: Sequence[dict[tuple[int, int], Measures]] = (),
    ) -> None:
        """Compare pictures by motion.

        Args:
            luma: The pictures.
            progress: Receives stages and notes.
            files: The pictures' positions in the file.
            known: Earlier measures by those positions; new measures are added to it.
            blur: Blur pictures by so many pixels first.
            parts: Masks of pixels; each part of the picture is measured, too.
            known_parts: Earlier measures of each part; new ones are added.
        """
        self._luma, self._progress, self._blur = luma, progress, blur
        self._parts, self._known_parts = parts, known_parts
        self._files: list[int] = list(range(len(luma))) if files is None else files.tolist()
        self._known = {} if known is None else known
        self._requested: set[tuple[int, int]] = set()

    def measure(self, joins: Iterable[Sequence[int]], stopped: Stopped = never) -> None:
        """Measure pairs of rows, each at most once, until stopped."""
        self._requested |= {(min(a, b), max(a, b)) for a, b in joins}
        fresh = sorted(join for join in self._requested if not self._is_known(join))
        if not fresh:
            return
        with self._progress.stage("motion", len(fresh)) as stage, closing(self._compared(fresh)) as compared:
            for join, found in compared:
                for known, measures in zip((self._known, *self._known_parts), found, strict=True):
                    known[self._frames(join)] = measures
                stage.advance()
                if stopped():
                    self._requested = {join for join in self._requested if self._is_known(join)}
                    break

    def _compared(self, joins: Sequence[_Join]) -> Generator[tuple[_Join, list[Measures]], None, None]:
        """Yield each pair with its measures. Threads measure runs of pairs, since OpenCV lets them run side by side."""
        threads = min(_MOST_THREADS, os.cpu_count() or 1)
        measurers = [_FlowMeasure(self._luma, self._blur, self._parts) for _ in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(joins), threads * _RUN):
                runs = [joins[at : at + _RUN] for at in range(start, start + threads * _RUN, _RUN)]
                for run, found in zip(runs, pool.map(_FlowMeasure.compare_all, measurers, runs), strict=True):
                    yield from zip(run, found, strict=True)

    def joins(self) -> Ints:
        """Return every pair requested so far once, the smaller row first."""
        return np.array(sorted(self._requested), np.int64).reshape(-1, 2)

    def measures(self, part: int | None = None) -> Floats:
        """Return the measures of each pair of `joins`, one column for each; of the whole picture or of a part."""
        source = self._known if part is None else self._known_parts[part]
        known = [source[self._frames((a, b))] for a, b in sorted(self._requested)]
        return np.array(known, np.float32).reshape(-1, 4)

    def prices(self, echo: Floats | float = 0.0, part: int | None = None) -> Floats:
        """Return the price of each pair of `joins`; `echo` is each pair's codec echo as a share of a best join."""
        ends, measured = self.joins(), self.measures(part)
        residual = normalised(measured[:, 0], ends, len(self._luma)) + echo
        roughness = normalised(measured[:, 1], ends, len(self._luma))
        return np.asarray(normalised(residual, ends, len(self._luma)) + _ROUGHNESS * roughness, np.float32)

    def _is_known(self, join: tuple[int, int]) -> bool:
        frames = self._frames(join)
        return all(frames in known for known in (self._known, *self._known_parts))

    def _frames(self, join: tuple[int, int]) -> tuple[int, int]:
        return self._files[join[0]], self._files[join[1]]


def normalised(values: npt.NDArray[Any], joins: Ints, count: int) -> Floats:
    """Divide values of joins by the median of every row's smallest value."""
    return np.asarray(values / max(typical_best(values, joins, count), 1e-9), np.float32)


class _FlowMeasure:
    """Measures pairs of frames by warping the second onto the first along the optical flow."""

    def __init__(self, luma: npt.NDArray[np.uint8], blur: float, parts: Masks | None = None) -> None:
        import cv2

        self._luma, self._blur = luma, blur
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._grid = np.indices(luma.shape[1:], np.float32)[::-1]
        self._parts = (
            None if parts is None else _PartWeights(parts / parts.sum(axis=1, keepdims=True), part_weights(parts))
        )
        self._last: tuple[int, Floats] = -1, np.empty(0, np.float32)

    def compare_all(self, joins: Sequence[_Join]) -> list[list[Measures]]:
        """Compare several pairs."""
        return [self.compare(a, b) for a, b in joins]

    def compare(self, first: int, second: int) -> list[Measures]:
        """Return the measures of the whole picture, then those of its parts."""
        import cv2

        left, right = self._picture(first), self._picture(second)
        motion = np.asarray(self._flow.calc(left, right, np.zeros((*left.shape, 2), np.float32)), np.float32)
        x, y = self._grid[0] + motion[..., 0], self._grid[1] + motion[..., 1]
        height, width = left.shape
        visible = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        warped = cv2.remap(right.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        difference = cv2.subtract(left, warped, dtype=cv2.CV_32F)
        coarse = cv2.resize(difference, _COARSE_SIZE, interpolation=cv2.INTER_AREA)
        found = _Compared(
            _saturated(difference),
            visible,
            np.abs(motion[1:] - motion[:-1]),
            np.abs(motion[:, 1:] - motion[:, :-1]),
            _saturated(coarse),
            pixel_distances(self._patches(first, left), picture_patches(warped)),
        )
        return [found.whole()] + ([] if self._parts is None else found.by_part(self._parts))

    def _patches(self, row: int, picture: npt.NDArray[np.uint8]) -> Floats:
        """Return the patches of a picture; most pictures are compared several times in a row."""
        if self._last[0] != row:
            self._last = row, picture_patches(picture)
        return self._last[1]

    def _picture(self, row: int) -> npt.NDArray[np.uint8]:
        import cv2

        picture = np.ascontiguousarray(self._luma[row])
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), self._blur), np.uint8) if self._blur else picture


@dataclass(frozen=True)
class _PartWeights:
    """The weights of small pictures' pixels in each part, by their rows and patch by patch."""

    by_rows: npt.NDArray[np.float64]
    by_patches: Floats


@dataclass(frozen=True)
class _Compared:
    """What a warped picture left over."""

    residual: Floats
    visible: npt.NDArray[np.bool_]
    rough_down: Floats
    rough_across: Floats
    coarse: Floats
    unlike: Floats

    def whole(self) -> Measures:
        seen = self.visible.mean() > _MIN_VISIBLE
        return _measures(
            self.residual[self.visible].mean() if seen else _MAX_DIFFERENCE,
            self.rough_down.mean() + self.rough_across.mean(),
            self.coarse.mean(),
            self.unlike.mean(),
        )

    def by_part(self, parts: _PartWeights) -> list[Measures]:
        """Return the measures of parts."""
        down, across = (_small(rough[..., 0] + rough[..., 1]) for rough in (self.rough_down, self.rough_across))
        residual = _small(np.where(self.visible, self.residual, 0))
        measured = np.stack([_small(self.visible), residual, (down + across) / 2, _small(self.coarse)])
        seen, residual, rough, coarse = measured @ parts.by_rows.T
        residual = np.where(seen > _MIN_VISIBLE, residual / np.maximum(seen, _MIN_VISIBLE), _MAX_DIFFERENCE)
        unlike = parts.by_patches @ self.unlike
        return [_measures(*values) for values in zip(residual, rough, coarse, unlike, strict=True)]


def _saturated(difference: Any) -> Floats:
    return np.asarray(np.minimum(np.abs(difference), _MAX_DIFFERENCE), np.float32)


def _small(values: npt.NDArray[Any]) -> Floats:
    """Reduce values of pixels to the size of a small picture."""
    import cv2

    small = cv2.resize(values.astype(np.float32), SMALL_SIZE[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small.ravel(), np.float32)


def _measures(*values: Any) -> Measures:
    residual, roughness, coarse, unlike = (float(np.float32(value)) for value in values)
    return residual, roughness, coarse, unlike
