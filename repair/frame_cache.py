"""The looks of a source's frames, measured in one pass and kept on disk, to be compared in any order."""

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

_NUMBERS = ("time", "level", "contrast", "stripes", "smears", "blank", "blocks")
_ARRAYS = ("plain", "fine", "grain", "rows")


@dataclass(frozen=True)
class FrameMeasureCache:
    """The looks by frame, and what the decoder said of each, which holds wherever the frame plays."""

    file: IO[bytes]
    kind: np.dtype[Any]
    guessed: Sequence[float]

    def __len__(self) -> int:
        return len(self.guessed)

    def along(self, order: Sequence[int], fps: float) -> FrameEvidence:
        """The evidence of a film that plays these frames at a constant rate."""
        played = (self._at(frame, place / fps) for place, frame in enumerate(order))
        return compare_neighbours(played, lambda frames, spots: [self.guessed[frame] for frame in frames])

    def picture(self, frame: int) -> Grey:
        """The small picture by which frames are compared."""
        return np.asarray(self._row(frame)["plain"], np.uint8)

    def _at(self, frame: int, time: float) -> FrameMeasures:
        row = self._row(frame)
        found: dict[str, Any] = {name: float(row[name]) for name in _NUMBERS}
        found |= {name: row[name] for name in _ARRAYS}
        return FrameMeasures(**found | {"index": frame, "time": time})

    def _row(self, frame: int) -> Any:
        self.file.seek(frame * self.kind.itemsize)
        return np.frombuffer(self.file.read(self.kind.itemsize), self.kind)[0]


@contextmanager
def cached_measures(source: FrameSource, progress: Progress = SILENT) -> Iterator[FrameMeasureCache]:
    """Measure every frame; the looks are gone at the end, and no more than one of them is ever held."""
    kind: np.dtype[Any] | None = None
    count = 0
    with tempfile.TemporaryFile(prefix="reelweave-") as file:
        hint = source.info().frames_hint
        with progress.stage("look for broken frames", hint) as stage, closing(measure_frames(source)) as looks:
            for one in looks:
                kind = kind or _kind(one)
                file.seek(one.index * kind.itemsize)
                file.write(_packed(one, kind).tobytes())
                count = one.index + 1
                stage.advance()
        if kind is None:
            raise SourceError("No frame could be decoded.")
        # Neighbours in such a file are strangers, between whom all stirs.
        yield FrameMeasureCache(file, kind, spread(source.guesses, list(range(count)), [float("inf")] * count))


def _kind(one: FrameMeasures) -> np.dtype[Any]:
    arrays: dict[str, npt.NDArray[Any] | Floats] = {name: getattr(one, name) for name in _ARRAYS}
    shapes = [(name, array.dtype, array.shape) for name, array in arrays.items()]
    return np.dtype([*((name, np.float64) for name in _NUMBERS), *shapes])


def _packed(one: FrameMeasures, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    row = np.zeros(1, kind)
    for name in (*_NUMBERS, *_ARRAYS):
        row[0][name] = getattr(one, name)
    return row
