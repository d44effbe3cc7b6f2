"""Cache the measures of all frames on disk, so that they can be compared in any order after one pass."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..errors import SourceError
from ..media.source import FrameSource
from ..media.types import Floats
from ..progress import SILENT, Progress
from .evidence import FrameEvidence, compare_neighbours, measure_frames, spread
from .measures import FrameMeasures, Grey

_NUMBERS = ("time", "level", "contrast", "stripes", "smears", "blank", "blocks", "edges")
_ARRAYS = ("plain", "fine", "spots", "grain", "rows")


@dataclass(frozen=True)
class FrameMeasureCache:
    """The measures of each frame, and the decoder's report on it, which does not depend on the order."""

    file: IO[bytes]
    record: np.dtype[Any]
    guessed: Sequence[float]

    def __len__(self) -> int:
        return len(self.guessed)

    def along(self, order: Sequence[int], fps: float) -> FrameEvidence:
        """Measure the evidence of a film that plays these frames at a constant rate."""
        played = (self._at(frame, place / fps) for place, frame in enumerate(order))
        return compare_neighbours(played, lambda frames, spots: [self.guessed[frame] for frame in frames])

    def picture(self, frame: int) -> Grey:
        """Return the small picture by which frames are compared."""
        return np.asarray(self._row(frame)["plain"], np.uint8)

    def _at(self, frame: int, time: float) -> FrameMeasures:
        row = self._row(frame)
        found: dict[str, Any] = {name: float(row[name]) for name in _NUMBERS}
        found |= {name: row[name] for name in _ARRAYS}
        return FrameMeasures(**found | {"index": frame, "time": time})

    def _row(self, frame: int) -> Any:
        self.file.seek(frame * self.record.itemsize)
        return np.frombuffer(self.file.read(self.record.itemsize), self.record)[0]


@contextmanager
def cached_measures(source: FrameSource, progress: Progress = SILENT) -> Iterator[FrameMeasureCache]:
    """Measure every frame into a temporary file; memory holds one frame at a time."""
    record: np.dtype[Any] | None = None
    count = 0
    with tempfile.TemporaryFile(prefix="reelweave-") as file:
        hint = source.info().frames_hint
        with progress.stage("look for broken frames", hint) as stage, closing(measure_frames(source)) as measured:
            for one in measured:
                record = record or _record_type(one)
                file.seek(one.index * record.itemsize)
                file.write(_packed(one, record).tobytes())
                count = one.index + 1
                stage.advance()
        if record is None:
            raise SourceError("No frame could be decoded.")
        # Neighbours in a shuffled file are unrelated, so everything changes between them.
        yield FrameMeasureCache(file, record, spread(source.guesses, list(range(count)), [float("inf")] * count))


def _record_type(one: FrameMeasures) -> np.dtype[Any]:
    arrays: dict[str, npt.NDArray[Any] | Floats] = {name: getattr(one, name) for name in _ARRAYS}
    shapes = [(name, array.dtype, array.shape) for name, array in arrays.items()]
    return np.dtype([*((name, np.float64) for name in _NUMBERS), *shapes])


def _packed(one: FrameMeasures, record: np.dtype[Any]) -> npt.NDArray[Any]:
    row = np.zeros(1, record)
    for name in (*_NUMBERS, *_ARRAYS):
        row[0][name] = getattr(one, name)
    return row
