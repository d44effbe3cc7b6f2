"""What tells a broken frame from a whole one: numbers measured on each frame and against its neighbours."""

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
from .healing import Healing
from .measures import FrameMeasures, change, grainier, halvings, measure_frame, torn_border
from .misfit import LAGS, Misfit

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
    "level",
    "contrast",
    "healed",
    "healed_start",
    "healed_length",
    "guessed",
)
"""The columns of `Evidence.values`."""

_SEEN = 5.0
"""Grey levels that the worst spot changes by at least where damage comes or goes that one could see."""


@dataclass(frozen=True)
class FrameEvidence:
    """Row r of every array is one frame, in decode order; the columns of `values` are those of EVIDENCE."""

    frames: Ints
    times: npt.NDArray[np.float64]
    values: Floats

    def __len__(self) -> int:
        return len(self.frames)

    def of(self, name: str) -> Floats:
        """One of the numbers, of every frame."""
        return self.values[:, EVIDENCE.index(name)]


def measure_evidence(source: FrameSource, progress: Progress = SILENT) -> FrameEvidence:
    """Measure every frame in one pass; give a source that is steady, since only that tells where it guesses."""
    with (
        progress.stage("look for broken frames", source.info().frames_hint) as stage,
        closing(measure_frames(source)) as looks,
    ):
        return compare_neighbours(_told(looks, stage), lambda *told: spread(source.guesses, *told))


def compare_neighbours(
    looks: Iterable[FrameMeasures], guessed: Callable[[list[int], list[float]], list[float]]
) -> FrameEvidence:
    """Compare each frame with those around it; what the decoder said is asked for once all of them were seen."""
    between, beside, healing = Misfit(), NeighbourComparison(), Healing()
    frames: list[int] = []
    times: list[float] = []
    for one in looks:
        between.see(one)
        beside.see(one)
        healing.see(one)
        frames.append(one.index)
        times.append(one.time)
    if not frames:
        raise SourceError("No frame could be decoded.")
    columns = [between.single, between.run, between.start, between.length, between.jump, beside.rows()]
    columns.append(healing.rows())
    columns.append(guessed(frames, between.spot))
    values = np.column_stack([np.asarray(column, np.float32) for column in columns])
    return FrameEvidence(np.asarray(frames, np.int64), np.asarray(times, np.float64), values)


def _told(looks: Iterator[FrameMeasures], stage: Stage) -> Iterator[FrameMeasures]:
    for one in looks:
        yield one
        stage.advance()


def spread(guesses: DecoderReport, frames: list[int], spots: list[float]) -> list[float]:
    """1 for frames the decoder guessed at, .5 for those that lean on one, .25 where no damage is to be seen in these.

    All lean on it up to the next that leans on none. Damage comes and goes in a leap, which only motion can hide: where
    nothing stirs from the guess to that frame there is none.
    """
    found = _leaning(guesses, frames)
    # One that leans on none but is guessed at, and brings nothing new, may show what was wrong before.
    fresh = [
        row for row, frame in enumerate(frames) if frame in guesses.whole and (not found[row] or spots[row] > _SEEN)
    ]
    for start, end in pairwise([0, *fresh, len(frames)]):
        told = [row for row in range(start, end) if found[row]]
        is_sound = end < len(frames) and not found[end]
        if max(spots[told[0] : end + is_sound] if told else [], default=0) <= _SEEN:
            found[start:end] = [min(value, 0.25) if value < 1 else 1 for value in found[start:end]]
    return found


def _leaning(guesses: DecoderReport, frames: list[int]) -> list[float]:
    found: list[float] = []
    leaning = False
    for frame in frames:
        leaning = leaning and frame not in guesses.whole
        found.append(1.0 if frame in guesses.guessed else 0.5 if leaning else 0.0)
        # A frame between two others is seldom leant on, but leans on the one that comes after it too.
        if frame in guesses.guessed and frame not in guesses.both_ways:
            leaning = True
            for row in range(len(found) - 2, -1, -1):
                if frames[row] not in guesses.both_ways:
                    break
                found[row] = max(found[row], 0.5)
    return found


def measure_frames(source: FrameSource) -> Generator[FrameMeasures, None, None]:
    """Every frame measured by itself, in decode order."""
    import cv2

    info = source.info()
    factor = halvings(info.width, info.height)
    short = -(-min(info.width, info.height) // factor) if factor > 1 else 0
    with closing(source.frames(short_side=short)) as frames:
        for frame in frames:
            grey = np.asarray(cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY), np.uint8)
            yield measure_frame(frame.index, frame.time, grey, factor)


class NeighbourComparison:
    """Fed with one look after the other, it compares each with the one before and the one after."""

    def __init__(self) -> None:
        self._looks: deque[FrameMeasures] = deque(maxlen=3)
        self._rows: list[list[float]] = []

    def see(self, one: FrameMeasures) -> None:
        self._looks.append(one)
        if len(self._looks) > 1:
            self._rows.append(self._measured(len(self._looks) - 2))

    def rows(self) -> list[list[float]]:
        """Of every frame seen, once there will be no more."""
        return [*self._rows, self._measured(len(self._looks) - 1)]

    def _measured(self, place: int) -> list[float]:
        looks = self._looks
        one, before, after = looks[place], looks[max(0, place - 1)], looks[min(len(looks) - 1, place + 1)]
        return [
            *change(one, before),
            torn_border(one, before, after),
            grainier(one, before, after),
            *(one.stripes, one.smears, one.blank, one.blocks),
            *(one.level, one.contrast),
        ]
