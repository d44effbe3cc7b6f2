"""The matrix of all vectors of a space, mapped from copies in the cache: opening 100 collections takes a minute.

Each video has its own file, so that adding or removing one touches no other. Chroma stays the source of truth: a file
whose key does not match the catalog, or whose bytes have changed, is made again.
"""

import hashlib
import json
import math
import mmap
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..media.files import atomic
from ..media.types import FrameRows, Ints, Space, SpaceState, VideoRecord
from ..media.untrusted import open_regular, parse_json
from ..progress import Progress
from .catalog import Catalog
from .vectors import collection_name
from .verified import VerifiedFiles

_MAGIC = b"reelweave rows 1\n"
_COLUMNS = {
    "indices": np.int64,
    "times": np.float64,
    "duplicate_of": np.int64,
    "sharpness": np.float32,
    "luma": np.float32,
    "vectors": np.float32,
}
_ALIGNMENT = 64
"""Bytes to which columns are aligned: a cache line, and a multiple of every number's size."""

_KEY = re.compile(rb'"key": "([0-9a-f]{64})"')

_HEAD = 4096
"""Bytes at the start of a file that contain its key."""

_CHECKSUM_CHUNK = 1 << 24
"""Bytes checked at once, so that a mapped file does not have to fit into memory."""

_BLOCK = 4096
"""Vectors of a block: their copies fit into the cache of a processor core, or nearly."""

_STRETCHES = 16
"""Stretches of consecutive rows that are sampled."""

_STRETCH = 2048
"""Rows of each of these stretches."""

SUFFIX = ".rows"

_ANY = -1
"""Stands for every generation."""


class VectorSource(Protocol):
    """The parts of a library that the matrix reads."""

    @property
    def catalog(self) -> Catalog: ...

    @property
    def cache(self) -> Path: ...

    def generations(self) -> Mapping[str, int]: ...

    def generation(self, video: str, space: str) -> int | None: ...

    def rows(self, video: VideoRecord, space: str) -> FrameRows: ...


@dataclass(frozen=True)
class Segment:
    """The frames of one video; the arrays of `rows` are mapped from disk."""

    video: VideoRecord
    rows: FrameRows


@dataclass(frozen=True)
class Matrix:
    """All frames of some videos in one space, numbered consecutively."""

    space: Space
    segments: Sequence[Segment]
    key: str
    """A digest that changes with any of the vectors."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def starts(self) -> Ints:
        """The number of each segment's first row, followed by the number of all rows."""
        return np.cumsum([0, *(len(segment.rows) for segment in self.segments)], dtype=np.int64)

    @cached_property
    def times(self) -> npt.NDArray[np.float64]:
        """The timestamp of each row."""
        return np.concatenate([np.zeros(0), *(segment.rows.times for segment in self.segments)])

    @property
    def bytes(self) -> int:
        """Size of all vectors."""
        return len(self) * self.space.dimension * 4

    def vectors(self, rows: Ints) -> npt.NDArray[np.float32]:
        """Read the vectors of some rows, segment by segment."""
        found = np.empty((len(rows), self.space.dimension), np.float32)
        owners = self.owners(rows)
        by_owner = np.argsort(owners, kind="stable")
        for own in np.split(by_owner, np.flatnonzero(np.diff(owners[by_owner])) + 1) if len(rows) else ():
            owner = int(owners[own[0]])
            found[own] = self.segments[owner].rows.vectors[rows[own] - self.starts[owner]]
        return found

    def prefetch(self, rows: Ints) -> None:
        """Let the system read the vectors of some rows, in ascending order, from the disk."""
        bounds = np.searchsorted(rows, self.starts)
        for segment, start, first, end in zip(self.segments, self.starts.tolist(), bounds, bounds[1:], strict=False):
            if first < end:
                will_need(segment.rows.vectors, rows[first:end] - start)

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield all vectors in order, in blocks of one video each that bound the memory."""
        for segment in self.segments:
            for start in range(0, len(segment.rows), _BLOCK):
                yield np.asarray(segment.rows.vectors[start : start + _BLOCK])

    def stretches(self) -> Iterator[npt.NDArray[np.float32]]:
        """Yield stretches of consecutive rows, spread evenly over the matrix, as a sample; of a small one, all rows."""
        count = min(_STRETCHES, -(-len(self) // _STRETCH))
        for start in np.linspace(0, max(0, len(self) - _STRETCH), count).astype(np.int64).tolist():
            yield self.vectors(np.arange(start, min(start + _STRETCH, len(self))))

    def owners(self, rows: Ints) -> Ints:
        """Return the segment of each row."""
        return np.asarray(np.searchsorted(self.starts, rows, side="right") - 1, np.int64)


def open_matrix(
    library: VectorSource, videos: Sequence[VideoRecord], space: Space, progress: Progress, check: bool = True
) -> Matrix:
    """Open the matrix of videos with complete vectors in a space, and make missing copies.

    `check` verifies the checksums of vectors that are not known to be undamaged, which reads them once; those of other
    columns always are verified.
    """
    states = {video.id: library.catalog.spaces(video.id)[space.name] for video in videos}
    revisions, generations = library.catalog.revisions(), library.generations()
    keys = {video.id: _key(video, states[video.id], revisions) for video in videos}
    known = {video.id: generations.get(collection_name(video.id, space.name)) for video in videos}
    found = _verified_rows(
        library, {v.id: (_file(library, v.id, space.name), keys[v.id], known[v.id]) for v in videos}, check
    )
    lacking = [video for video in videos if found[video.id] is None]
    if lacking:
        with progress.stage("read vectors", len(lacking)) as stage:
            for video in lacking:
                found[video.id] = _copied_rows(library, video, space.name, keys[video.id], known[video.id])
                stage.advance()
    segments = [Segment(video, rows) for video in videos if (rows := found[video.id]) is not None]
    parts: list[Any] = [keys[video.id] for video in videos]
    return Matrix(space, segments, _digest(parts + [known[video.id] for video in videos] if generations else parts))


def _verified_rows(
    library: VectorSource, wanted: Mapping[str, tuple[Path, str, int | None]], check: bool
) -> dict[str, FrameRows | None]:
    """Read the copies of videos, whose file, key and generation are given, and remember which ones were verified."""
    verified, found = VerifiedFiles(library.cache), {}
    for video, (file, key, generation) in wanted.items():
        check_this = check and not verified.has(file)
        found[video] = _read(file, key, check_this, generation)
        if check_this and found[video] is not None:
            verified.add(file)
    verified.save()
    return found


def keep(library: VectorSource, video: VideoRecord, state: SpaceState, rows: FrameRows) -> None:
    """Write a copy of a video's rows to the cache."""
    key, generation = _key(video, state, library.catalog.revisions()), library.generation(video.id, state.space.name)
    _write(_file(library, video.id, state.space.name), key, rows, generation)


def kept_rows(library: VectorSource, video: VideoRecord, state: SpaceState) -> FrameRows | None:
    """Read and verify the copy of a video's rows; None if it is missing, outdated or damaged."""
    key = _key(video, state, library.catalog.revisions())
    return _read(_file(library, video.id, state.space.name), key, True, library.generation(video.id, state.space.name))


def restorable_rows(library: VectorSource, video: VideoRecord, state: SpaceState) -> FrameRows | None:
    """Read and verify the copy of rows that the store has lost, whichever generation they were of."""
    key = _key(video, state, library.catalog.revisions())
    return _read(_file(library, video.id, state.space.name), key, True, _ANY)


def is_sound(file: Path) -> bool:
    """Tell whether a copy is undamaged, be it up to date or not."""
    try:
        with file.open("rb") as opened:
            key = _KEY.search(opened.read(_HEAD))
    except OSError:
        return False
    return key is not None and _read(file, key[1].decode(), True, _ANY) is not None


def _copied_rows(library: VectorSource, video: VideoRecord, space: str, key: str, generation: int | None) -> FrameRows:
    """Read rows from Chroma and write a copy; where that fails, use them from memory.

    The key and the generation are those from before the rows were read: if the rows have changed since, the copy counts
    as outdated, and the next reader makes it again.
    """
    rows = library.rows(video, space)
    file = _file(library, video.id, space)
    try:
        _write(file, key, rows, generation)
    except OSError:
        return rows
    return _read(file, key, False, generation) or rows


def _file(library: VectorSource, video: str, space: str) -> Path:
    return library.cache / f"{collection_name(video, space)}{SUFFIX}"


def _key(video: VideoRecord, state: SpaceState, revisions: Mapping[tuple[str, str], int]) -> str:
    """Compute a key that changes with everything that can change a row."""
    facts = (video.sha256, video.kind, video.fps, video.seconds, video.sampled_fps, video.short_side)
    return _digest([facts, asdict(state), revisions.get((video.id, state.space.name))])


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _write(file: Path, key: str, rows: FrameRows, generation: int | None) -> None:
    columns = {name: np.ascontiguousarray(getattr(rows, name), kind) for name, kind in _COLUMNS.items()}
    sums = {name: _sum(column) for name, column in columns.items()}
    head: dict[str, Any] = {"key": key, "rows": len(rows), "dimension": rows.vectors.shape[1], "sums": sums}
    if generation is not None:
        head["generation"] = generation
    with atomic(file, parents=True) as part, part.open("wb") as out:
        out.write(_padded(_MAGIC + json.dumps(head).encode() + b"\n"))
        for column in columns.values():
            out.write(_padded(column.tobytes()))


def will_need(vectors: npt.NDArray[Any], rows: Ints) -> None:
    """Let the system read some rows of a mapped file, in ascending order, all at the same time.

    When a page is first looked at, the system reads many more around it, and waits for them before the next.
    """
    mapped: Any = vectors
    while isinstance(mapped, np.ndarray):
        mapped = mapped.base
    if not isinstance(mapped, mmap.mmap) or not hasattr(mmap, "MADV_WILLNEED"):
        return
    width = vectors.strides[0]
    begin = vectors.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data + rows * width
    first, last = begin // mmap.PAGESIZE, (begin + width - 1) // mmap.PAGESIZE
    apart = np.flatnonzero(first[1:] > last[:-1] + 1) + 1
    for start, end in zip(first[np.r_[0, apart]].tolist(), last[np.r_[apart - 1, -1]].tolist(), strict=True):
        mapped.madvise(mmap.MADV_WILLNEED, start * mmap.PAGESIZE, (end - start + 1) * mmap.PAGESIZE)


def _padded(data: bytes) -> bytes:
    return data + b" " * (-len(data) % _ALIGNMENT)


def _read(file: Path, key: str, check: bool, generation: int | None) -> FrameRows | None:
    """Read the rows of a file; None if it is missing, damaged or has another key or generation."""
    try:
        with open_regular(file) as opened:
            if opened.read(len(_MAGIC)) != _MAGIC:
                return None
            line = opened.readline(1 << 16)
        head = parse_json(line.decode())
        if head["key"] != key or generation not in (head.get("generation"), _ANY):
            return None
        columns = _columns(file, len(_MAGIC) + len(line), head["rows"], head["dimension"])
        checked = {name: column for name, column in columns.items() if check or name != "vectors"}
        if any(_sum(column) != head["sums"][name] for name, column in checked.items()):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return FrameRows(**columns)


def _columns(file: Path, head: int, rows: int, dimension: int) -> dict[str, Any]:
    """Make views of a mapped file, whose size must be exactly what its header states."""
    if type(rows) is not int or type(dimension) is not int or rows < 0 or dimension < 0:
        raise ValueError(f"{file} has an invalid header")
    mapped, at = np.memmap(file, np.uint8, "r"), head + -head % _ALIGNMENT
    columns: dict[str, Any] = {}
    for name, kind in _COLUMNS.items():
        shape = (rows, dimension) if name == "vectors" else (rows,)
        size = math.prod(shape) * np.dtype(kind).itemsize
        if at + size > len(mapped):
            raise ValueError(f"{file} is truncated")
        columns[name] = np.asarray(mapped[at : at + size]).view(kind).reshape(shape)
        at += size + -size % _ALIGNMENT
    if at != len(mapped):
        raise ValueError(f"{file} has another size than its header states")
    return columns


def _sum(column: npt.NDArray[Any]) -> int:
    total, data = 0, np.ascontiguousarray(column).reshape(-1).view(np.uint8)
    for start in range(0, len(data), _CHECKSUM_CHUNK):
        total = zlib.crc32(data[start : start + _CHECKSUM_CHUNK].data, total)
    return total
