"""What tells a broken frame from a whole one: numbers measured on each frame and against its neighbours."""

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..frames import Floats, Ints
from ..ingest.source import FrameSource, Guesses
from ..progress import Progress, Silent
from .between import LAGS, Between
from .measures import Look, change, grainier, halvings, look, torn

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
    "guessed",
)
"""The columns of `Evidence.values`."""

_SILENT = Silent()


@dataclass(frozen=True)
class Evidence:
    """Row r of every array is one frame, in decode order; the columns of `values` are those of EVIDENCE."""

    frames: Ints
    times: npt.NDArray[np.float64]
    values: Floats

    def __len__(self) -> int:
        return len(self.frames)

    def of(self, name: str) -> Floats:
        """One of the numbers, of every frame."""
        return self.values[:, EVIDENCE.index(name)]


def read_evidence(source: FrameSource, progress: Progress = _SILENT) -> Evidence:
    """Measure every frame in one pass; give a source that is steady, since only that tells where it guesses."""
    between, beside = Between(), Beside()
    frames: list[int] = []
    times: list[float] = []
    with progress.stage("look for broken frames", source.info().frames_hint) as stage:
        for one in _looks(source):
            between.see(one)
            beside.see(one)
            frames.append(one.index)
            times.append(one.time)
            stage.advance()
    if not frames:
        raise SourceError("No frame could be decoded.")
    columns = [between.single, between.run, between.start, between.length, between.jump, beside.rows()]
    values = np.column_stack([np.asarray(column, np.float32) for column in (*columns, spread(source.guesses, frames))])
    return Evidence(np.asarray(frames, np.int64), np.asarray(times, np.float64), values)


def spread(guesses: Guesses, frames: list[int]) -> list[float]:
    """1 for frames the decoder guessed at, .5 for those that lean on one: all up to the next that leans on none."""
    found: list[float] = []
    leaning = False
    for frame in frames:
        leaning = leaning and frame not in guesses.whole
        found.append(1.0 if frame in guesses.guessed else 0.5 if leaning else 0.0)
        # A frame between two others is seldom leant on.
        leaning = leaning or (frame in guesses.guessed and frame not in guesses.both_ways)
    return found


def _looks(source: FrameSource) -> Iterator[Look]:
    import cv2

    info = source.info()
    factor = halvings(info.width, info.height)
    short = -(-min(info.width, info.height) // factor) if factor > 1 else 0
    with closing(source.frames(short_side=short)) as frames:
        for frame in frames:
            grey = np.asarray(cv2.cvtColor(frame.picture, cv2.COLOR_BGR2GRAY), np.uint8)
            yield look(frame.index, frame.time, grey, factor)


class Beside:
    """Fed with one look after the other, it compares each with the one before and the one after."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque(maxlen=3)
        self._rows: list[list[float]] = []

    def see(self, one: Look) -> None:
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
            torn(one, before, after),
            grainier(one, before, after),
            *(one.stripes, one.smears, one.blank, one.blocks),
            *(one.level, one.contrast),
        ]
