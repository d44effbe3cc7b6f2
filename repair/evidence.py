"""Measure the evidence of damage: each frame by itself, and against its neighbours."""

from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..media.source import DecoderReport, FrameSource
from ..media.types import Floats, Ints
from ..progress import SILENT, Progress, Stage
from .drift import RUN, Drift
from .healing import Healing
from .measures import FrameMeasures, change, grainier, halvings, measure_frame, torn_border
from .misfit import LAGS, Misfit
from .surroundings import PictureFile, Pictures, tiny

EVIDENCE: tuple[str, ...] = (
    *(f"misfit_{lag}" for lag in LAGS),
    "misfit_all",
    "run",
    "run_start",
    "run_length",
    "jump",
    "change",
    "change_all",
    "torn",
    "grain",
    "stripes",
    "smears",
    "blank",
    "blocks",
    "edges",
    "level",
    "contrast",
    "healed",
    "healed_start",
    "healed_length",
    "drift_jump",
    *RUN,
    "guessed",
)
"""The columns of `FrameEvidence.values`. Files store these names."""

_VISIBLE_CHANGE = 5.0
"""Grey levels by which the worst spot changes where visible damage appears or disappears."""
_MOVES = 1.5
"""Grey levels by which the worst spot changes where anything moves, and so may carry damage along. On the tuning half
of bench/clips.toml all frames that depend on a concealed one were damaged where it changes by 2, none where by 1."""


@dataclass(frozen=True)
class FrameEvidence:
    """One row per frame in decode order; the columns of `values` are those of EVIDENCE.

    `pictures` holds a tiny picture of each frame. Without them nothing tells damage from what a film is like.
    """

    frames: Ints
    times: npt.NDArray[np.float64]
    values: Floats
    pictures: Pictures | None = None

    def __len__(self) -> int:
        return len(self.frames)

    def of(self, name: str) -> Floats:
        """Return one column of the evidence."""
        return self.values[:, EVIDENCE.index(name)]


def measure_evidence(source: FrameSource, progress: Progress = SILENT) -> FrameEvidence:
    """Measure every frame in one pass.

    Open the source with `steady=True`: only then does it report the frames that the decoder concealed.

    Raises:
        SourceError: No frame could be decoded.
    """
    with (
        progress.stage("look for broken frames", source.info().frames_hint) as stage,
        closing(measure_frames(source)) as measured,
    ):
        counted = _counted(measured, stage)
        return compare_neighbours(counted, lambda frames, spots: spread(source.guesses, frames, spots))


def compare_neighbours(
    measured: Iterable[FrameMeasures], concealed: Callable[[list[int], list[float]], list[float]]
) -> FrameEvidence:
    """Compare each frame with those around it.

    `concealed` is called with the frames and their changes once all of them were measured: the decoder reports late.
    """
    misfit, neighbours, healing, drift = Misfit(), NeighbourComparison(), Healing(), Drift()
    frames, times = array("q"), array("d")
    with PictureFile() as file:
        for one in measured:
            misfit.add(one)
            neighbours.add(one)
            healing.add(one)
            drift.add(healing.step, one.spots)
            frames.append(one.index)
            times.append(one.time)
            file.add(tiny(one.plain))
        if not frames:
            raise SourceError("No frame could be decoded.")
        pictures = file.read()
    columns = [misfit.single, misfit.run, misfit.start, misfit.length, misfit.jump, neighbours.rows()]
    columns += [healing.rows(), drift.rows(), concealed(frames.tolist(), misfit.spot.tolist())]
    values = np.column_stack([np.asarray(column, np.float32) for column in columns])
    return FrameEvidence(np.asarray(frames, np.int64), np.asarray(times, np.float64), values, pictures)


def _counted(measured: Iterator[FrameMeasures], stage: Stage) -> Iterator[FrameMeasures]:
    """Pass the frames on, advancing the stage after each."""
    for one in measured:
        yield one
        stage.advance()


def spread(report: DecoderReport, frames: list[int], spots: list[float]) -> list[float]:
    """Return how far the decoder's concealment reaches into each frame.

    1 is a concealed frame, .5 one predicted from it, and .25 such a frame where no damage is visible. Prediction
    reaches up to the next frame that refers to no earlier one. Damage appears and disappears abruptly, and only motion
    can hide that: where nothing changes from the concealed frame up to the next intact one, nothing is damaged.
    """
    found = _predicted(report, frames)
    # A concealed frame that refers to no other and changes nothing may still show the earlier damage.
    refreshed = [
        row
        for row, frame in enumerate(frames)
        if frame in report.key_frames and (not found[row] or spots[row] > _VISIBLE_CHANGE)
    ]
    for start, end in pairwise([0, *refreshed, len(frames)]):
        doubted = [row for row in range(start, end) if found[row]]
        is_clean = end < len(frames) and not found[end]
        if max(spots[doubted[0] : end + is_clean] if doubted else [], default=0) <= _MOVES:
            found[start:end] = [min(value, 0.25) if value < 1 else 1 for value in found[start:end]]
    return found


def _predicted(report: DecoderReport, frames: list[int]) -> list[float]:
    """Return 1 for concealed frames and .5 for frames predicted from them."""
    found: list[float] = []
    is_predicted = False
    for frame in frames:
        is_predicted = is_predicted and frame not in report.key_frames
        found.append(1.0 if frame in report.concealed else 0.5 if is_predicted else 0.0)
        # A B-frame is seldom a reference, but it refers to the frame after it too.
        if frame in report.concealed and frame not in report.b_frames:
            is_predicted = True
            for row in range(len(found) - 2, -1, -1):
                if frames[row] not in report.b_frames:
                    break
                found[row] = max(found[row], 0.5)
    return found


def measure_frames(source: FrameSource) -> Generator[FrameMeasures, None, None]:
    """Measure each frame by itself, in decode order."""
    import cv2

    info = source.info()
    factor = halvings(info.width, info.height)
    short = -(-min(info.width, info.height) // factor) if factor > 1 else 0
    with closing(source.frames(short_side=short)) as frames:
        for frame in frames:
            grey = np.asarray(cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY), np.uint8)
            yield measure_frame(frame.index, frame.time, grey, factor)


class NeighbourComparison:
    """Compare each frame with the one before and the one after, as frames arrive."""

    def __init__(self) -> None:
        self._window: deque[FrameMeasures] = deque(maxlen=3)
        self._rows = array("f")

    def add(self, one: FrameMeasures) -> None:
        """Add the next frame."""
        self._window.append(one)
        if len(self._window) > 1:
            self._rows.extend(self._row(len(self._window) - 2))

    def rows(self) -> Floats:
        """Return the rows of all frames, after the last one was added."""
        last = self._row(len(self._window) - 1)
        rows = np.array(self._rows, np.float32).reshape(-1, len(last))
        return np.vstack([rows, np.array([last], np.float32)])

    def _row(self, place: int) -> list[float]:
        window = self._window
        one, before, after = window[place], window[max(0, place - 1)], window[min(len(window) - 1, place + 1)]
        return [
            *change(one, before),
            torn_border(one, before, after),
            grainier(one, before, after),
            *(one.stripes, one.smears, one.blank, one.blocks, one.edges),
            *(one.level, one.contrast),
        ]
