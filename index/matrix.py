"""The vectors of a space over all videos, read from a copy on disk: opening a hundred collections takes a minute.

Each video has a file of its own in the library's cache, so that adding and removing one touches no other. Chroma
stays the source of truth: a file whose key is not what the catalog says now, or whose bytes have changed, is made
again from there.
"""

import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..frames import FrameRows, Ints, Space, SpaceState, VideoRecord
from ..progress import Progress
from ..untrusted import open_regular, parse_json
from .store import collection_name
from .whole import whole

if TYPE_CHECKING:
    from .library import Library

_MAGIC = b"reelweave rows 1\n"
_COLUMNS = {
    "indices": np.int64,
    "times": np.float64,
    "duplicate_of": np.int64,
    "sharpness": np.float32,
    "luma": np.float32,
    "vectors": np.float32,
}
_ALIGNED = 64
_KEY = re.compile(rb'"key": "([0-9a-f]{64})"')
_HEAD = 4096
"""Bytes in which a copy's key is found."""
_CHECKED_AT_ONCE = 1 << 24

SUFFIX = ".rows"


@dataclass(frozen=True)
class Segment:
    """The frames of one video; the arrays of `rows` lie on disk until they are touched."""

    video: VideoRecord
    rows: FrameRows


@dataclass(frozen=True)
class Matrix:
    """All frames of some videos in one space, numbered through from the first video's first."""

    space: Space
    segments: Sequence[Segment]
    key: str
    """Changes with any of the vectors."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def starts(self) -> Ints:
        """The number of each segment's first row, and behind the last one that of all rows."""
        return np.cumsum([0, *(len(segment.rows) for segment in self.segments)], dtype=np.int64)

    @cached_property
    def times(self) -> npt.NDArray[np.float64]:
        return np.concatenate([np.zeros(0), *(segment.rows.times for segment in self.segments)])

    @property
    def bytes(self) -> int:
        return len(self) * self.space.dimension * 4

    def vectors(self, rows: Ints) -> npt.NDArray[np.float32]:
        """The vectors of some rows; read in the order in which they lie on disk."""
        found = np.empty((len(rows), self.space.dimension), np.float32)
        owners = self.owners(rows)
        for owner in np.unique(owners):
            own = owners == owner
            found[own] = self.segments[owner].rows.vectors[rows[own] - self.starts[owner]]
        return found

    def owners(self, rows: Ints) -> Ints:
        """The segment of each row."""
        return np.asarray(np.searchsorted(self.starts, rows, side="right") - 1, np.int64)


def open_matrix(
    library: "Library", videos: Sequence[VideoRecord], space: Space, progress: Progress, check: bool = True
) -> Matrix:
    """The matrix of those videos, all of which have complete vectors of that very space.

    With `check` every byte is compared with its checksum, which reads it all once; without, only the frames' facts.
    """
    states = {video.id: library.catalog.spaces(video.id)[space.name] for video in videos}
    revisions = library.catalog.revisions()
    keys = {video.id: _key(video, states[video.id], revisions) for video in videos}
    found = {video.id: _read(_file(library, video.id, space.name), keys[video.id], check) for video in videos}
    lacking = [video for video in videos if found[video.id] is None]
    if lacking:
        with progress.stage("read vectors", len(lacking)) as stage:
            for video in lacking:
                found[video.id] = _made(library, video, states[video.id])
                stage.advance()
    segments = [Segment(video, rows) for video in videos if (rows := found[video.id]) is not None]
    return Matrix(space, segments, _digest([keys[video.id] for video in videos]))


def keep(library: "Library", video: VideoRecord, state: SpaceState, rows: FrameRows) -> None:
    """Put a copy of a video's rows where `open_matrix` looks for it."""
    _write(_file(library, video.id, state.space.name), _key(video, state, library.catalog.revisions()), rows)


def kept_rows(library: "Library", video: VideoRecord, state: SpaceState) -> FrameRows | None:
    """The copy of a video's rows, every byte of it checked; nothing where there is none that is up to date."""
    key = _key(video, state, library.catalog.revisions())
    return _read(_file(library, video.id, state.space.name), key, check=True)


def is_sound(file: Path) -> bool:
    """Whether a copy is as it was written, whatever it is a copy of."""
    try:
        with file.open("rb") as opened:
            key = _KEY.search(opened.read(_HEAD))
    except OSError:
        return False
    return key is not None and _read(file, key[1].decode(), check=True) is not None


def _made(library: "Library", video: VideoRecord, state: SpaceState) -> FrameRows:
    """The rows out of Chroma; where they cannot be kept beside it, they serve this once."""
    rows = library.rows(video, state.space.name)
    try:
        keep(library, video, state, rows)
    except OSError:
        return rows
    key = _key(video, state, library.catalog.revisions())
    return _read(_file(library, video.id, state.space.name), key, False) or rows


def _file(library: "Library", video: str, space: str) -> Path:
    return library.cache / f"{collection_name(video, space)}{SUFFIX}"


def _key(video: VideoRecord, state: SpaceState, revisions: Mapping[tuple[str, str], int]) -> str:
    """Whatever can change a row changes the key."""
    looked_at = (video.sha256, video.kind, video.fps, video.seconds, video.sampled_fps, video.short_side)
    return _digest([looked_at, asdict(state), revisions.get((video.id, state.space.name))])


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _write(file: Path, key: str, rows: FrameRows) -> None:
    columns = {name: np.ascontiguousarray(getattr(rows, name), kind) for name, kind in _COLUMNS.items()}
    sums = {name: _sum(column) for name, column in columns.items()}
    head = {"key": key, "rows": len(rows), "dimension": rows.vectors.shape[1], "sums": sums}
    begin = _padded(_MAGIC + json.dumps(head).encode() + b"\n")
    with whole(file) as part, part.open("wb") as out:
        out.write(begin)
        for column in columns.values():
            out.write(_padded(column.tobytes()))


def _padded(data: bytes) -> bytes:
    return data + b" " * (-len(data) % _ALIGNED)


def _read(file: Path, key: str, check: bool) -> FrameRows | None:
    """The rows of a file that is what it should be, else nothing."""
    try:
        with open_regular(file) as opened:
            if opened.read(len(_MAGIC)) != _MAGIC:
                return None
            line = opened.readline(1 << 16)
        head = parse_json(line.decode())
        if head["key"] != key:
            return None
        columns = _columns(file, len(_MAGIC) + len(line), head["rows"], head["dimension"])
        looked_at = {name: column for name, column in columns.items() if check or name != "vectors"}
        if any(_sum(column) != head["sums"][name] for name, column in looked_at.items()):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return FrameRows(**columns)


def _columns(file: Path, head: int, rows: int, dimension: int) -> dict[str, Any]:
    """Views of a mapped file, whose size must be exactly what its head asks for."""
    if type(rows) is not int or type(dimension) is not int or rows < 0 or dimension < 0:
        raise ValueError(f"{file} has a head that is none")
    mapped, at = np.memmap(file, np.uint8, "r"), head + -head % _ALIGNED
    columns: dict[str, Any] = {}
    for name, kind in _COLUMNS.items():
        shape = (rows, dimension) if name == "vectors" else (rows,)
        size = math.prod(shape) * np.dtype(kind).itemsize
        if at + size > len(mapped):
            raise ValueError(f"{file} is cut short")
        columns[name] = np.asarray(mapped[at : at + size]).view(kind).reshape(shape)
        at += size + -size % _ALIGNED
    if at != len(mapped):
        raise ValueError(f"{file} is of another size than its head says")
    return columns


def _sum(column: npt.NDArray[Any]) -> int:
    total, data = 0, np.ascontiguousarray(column).reshape(-1).view(np.uint8)
    for start in range(0, len(data), _CHECKED_AT_ONCE):
        total = zlib.crc32(data[start : start + _CHECKED_AT_ONCE].data, total)
    return total
