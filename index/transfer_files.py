"""Read and write the files of an export (`reelweave.vectors/1`); errors name the file and the line.

frames.jsonl has one JSON object per frame; space.json describes the space and the video; vectors.npy and proxies.npy
hold the arrays.
"""

import json
import shutil
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.task import FilePiece
from ..errors import SpaceError, UsageError, command
from ..media.types import FRAME_COLUMNS, Floats, FrameRows, Ints, Space, SpaceState, VideoRecord
from ..media.untrusted import UntrustedError, is_text, open_regular, parse_json, quote, read_array, read_object

FRAMES = "frames.jsonl"

_FACTS = tuple(key for key in FRAME_COLUMNS if key != "frame")
"""Keys of a line that may be missing, in all lines of a file."""

_MAX_SHOWN = 5
"""Faults that a message lists."""

_MAX_FAULTS = 1000
"""Faults in a file after which the rest of it is not checked."""

_MAX_LINE = 4096
"""Bytes of a line; those written here have about 100."""

_MAX_LINES = 20_000_000
"""Lines of a file: nine days at 25 frames a second."""


@dataclass(frozen=True)
class FrameLines:
    """The columns of a frames.jsonl; a key that is not in every line is in `missing`, and its column is empty."""

    indices: Ints
    times: npt.NDArray[np.float64]
    sharpness: Floats
    luma: Floats
    duplicate_of: Ints
    missing: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.indices)


def import_error(faults: list[str]) -> SpaceError:
    """Make the error for an invalid import; it lists the first few faults."""
    more = [f"and {len(faults) - _MAX_SHOWN} more"] if len(faults) > _MAX_SHOWN else []
    listed = "\n".join(faults[:_MAX_SHOWN] + more)
    return SpaceError(listed, "Nothing was imported. Correct the files and import again.")


def _frame_lines(rows: FrameRows) -> Iterator[str]:
    """Format rows as lines of frames.jsonl."""
    columns = [getattr(rows, column).tolist() for column, _ in FRAME_COLUMNS.values()]
    for row in zip(*columns, strict=True):
        yield json.dumps(dict(zip(FRAME_COLUMNS, row, strict=True))) + "\n"


@dataclass
class _Lines:
    """The lines read so far: a column for each key of the first line, and the first and the last row."""

    columns: dict[str, "array[Any]"] = field(default_factory=dict)
    first: dict[str, Any] | None = None
    last: dict[str, Any] | None = None

    def add(self, row: dict[str, Any], valid: bool) -> None:
        if self.first is None:
            self.first = row
            self.columns = {key: array("q" if key in _INTEGERS else "d") for key in _VALUES if key in row}
        self.last = row
        for key, column in self.columns.items() if valid else ():
            column.append(row[key])


def read_lines(file: Path) -> FrameLines:
    """Read a frames.jsonl; raise SpaceError with the invalid lines."""
    read, faults = _Lines(), []
    for number, line in enumerate(_lines(file), 1):
        row, wrong = _row(line, read)
        read.add(row, not wrong)
        faults += [f"{file.name}, line {number}: {fault}" for fault in wrong]
        if len(faults) >= _MAX_FAULTS or number > _MAX_LINES:
            break
    if read.first is None:
        faults.append(f"{file.name} is empty")
    if faults:
        raise import_error(faults)
    columns: dict[str, Any] = {
        column: np.array(read.columns.get(key, ()), kind) for key, (column, kind) in FRAME_COLUMNS.items()
    }
    return FrameLines(**columns, missing=tuple(key for key in _FACTS if key not in read.columns))


def _lines(file: Path) -> Iterator[bytes]:
    """Read the lines; one that is too long is split, and its parts are not valid JSON."""
    try:
        with open_regular(file) as opened:
            while line := opened.readline(_MAX_LINE):
                yield line
    except UntrustedError as wrong:
        raise import_error([f"{file.name} {wrong}"]) from wrong


def _row(line: bytes, read: _Lines) -> tuple[dict[str, Any], list[str]]:
    try:
        row = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError:
        return {}, ["this is not valid JSON (not UTF-8)"]
    except UntrustedError as wrong:
        return {}, [f"this is not valid JSON ({wrong})"]
    if not isinstance(row, dict):
        return {}, [f"this is {type(row).__name__}, not an object with the key frame"]
    return row, [*_key_faults(row, read.first), *_value_faults(row), *_order_faults(row, read.last)]


def _key_faults(row: dict[str, Any], first: dict[str, Any] | None) -> list[str]:
    wanted = {"frame", *(first or row)} & set(FRAME_COLUMNS)
    faults = [f'"{key}" is missing' + ", but is in line 1" * bool(first) for key in sorted(wanted - set(row))]
    return (
        faults
        + [f'"{key}" is not a known key' for key in sorted(set(row) - set(FRAME_COLUMNS))]
        + [f'"{key}" is given, but not in line 1' for key in sorted((set(row) & set(_FACTS)) - wanted)]
    )


def _is_index(value: Any) -> bool:
    return type(value) is int and -1 <= value < 2**31


def _is_real(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) < 1e30


_INTEGERS = ("frame", "duplicate_of")

_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "frame": (lambda value: _is_index(value) and value >= 0, "a whole number of at least 0"),
    "time": (_is_real, "a number of seconds"),
    "sharpness": (_is_real, "a number"),
    "luma": (_is_real, "a number"),
    "duplicate_of": (_is_index, "a frame, or -1"),
}
"""Checks of the values of a line, and what they should be."""


def _value_faults(row: dict[str, Any]) -> list[str]:
    return [
        f"{key} should be {kind}, not {quote(row[key])}"
        for key, (fits, kind) in _VALUES.items()
        if key in row and not fits(row[key])
    ]


def _order_faults(row: dict[str, Any], before: dict[str, Any] | None) -> list[str]:
    """Check that frames rise and repeat earlier ones; values that are not numbers are reported elsewhere."""
    frame, last = row.get("frame"), before.get("frame") if before is not None else -1
    if not (isinstance(frame, int) and isinstance(last, int)):
        return []
    if frame <= last:
        return [f"frame {frame} comes after frame {last}: frames should rise"]
    repeats = row.get("duplicate_of", -1)
    if not _is_index(repeats) or repeats < frame:
        return []
    return [f"frame {frame} cannot repeat frame {repeats}, which is not an earlier one"]


FORMAT = "reelweave.vectors/1"
VECTORS, SPACE, PROXIES = "vectors.npy", "space.json", "proxies.npy"
FILES = (VECTORS, FRAMES, SPACE, PROXIES)

_MAX_SIDE = 1_000_000
"""Pixels on a side of a video."""

_MAX_SECONDS = 1e9
"""Length of a video: 30 years."""

_MAX_NAME = 1000
"""Characters of a name."""

_VIDEO_FACTS: dict[str, Callable[[Any], bool]] = {
    "id": lambda value: _name(value),
    "name": lambda value: _name(value),
    "sha256": lambda value: isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"),
    "kind": lambda value: value in ("video", "pictures"),
    "fps": lambda value: _number(value) and 1e-5 <= value <= 1e6,
    "width": lambda value: _number(value) and 0 < value <= _MAX_SIDE and value == int(value),
    "height": lambda value: _number(value) and 0 < value <= _MAX_SIDE and value == int(value),
    "seconds": lambda value: _number(value) and 0 <= value <= _MAX_SECONDS,
    "sampled_fps": lambda value: _number(value) and (value == 0 or 1e-5 <= value <= 1e6),
    "short_side": lambda value: _number(value) and 0 <= value <= _MAX_SIDE and value == int(value),
}
STAND_ALONE = ("name", "sha256", "kind", "fps", "width", "height", "seconds")
"""Keys that a video needs if the library does not have it."""

_MAX_PROXY_SIDE = 4096
"""Pixels on a side of a proxy; those made here have 16 to some 500."""

_MAX_SPACE_BYTES = 1 << 20
"""Size limit of space.json."""

_CHUNK = 4096
"""Vectors checked at once, which bounds the memory."""

_LENGTH_TOLERANCE = 1e-4
"""Difference from 1 that the length of a unit vector may have, which covers rounding to 32 bits."""


@dataclass(frozen=True)
class ExportedVectors:
    """The content of an export, checked on its own, but not against a library."""

    folder: Path
    space: Space
    video: dict[str, Any]
    frames: FrameLines
    vectors: Floats
    """Mapped from disk."""
    proxies: npt.NDArray[np.uint8] | None

    def rows(self, part: slice, facts: FrameRows | None) -> FrameRows:
        """Return some rows, with `facts` from the library or, without them, with their own."""
        source: Any = facts or self.frames
        columns = {column: getattr(source, column)[part] for column, _ in FRAME_COLUMNS.values()}
        return FrameRows(**columns, vectors=np.asarray(self.vectors[part], np.float32))


def check_export(folder: Path) -> None:
    """Check that the target of an export is new, empty or holds an earlier export.

    Raises:
        UsageError: It holds other files.
    """
    if folder.exists() and (not folder.is_dir() or any(file.name not in FILES for file in folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder.", "Give the name of a new one.")


class ExportPieces:
    """The files of an export in pieces, for a receiver that appends them; equal to those that `write_portable` writes.

    The headers of the arrays come twice: first without the number of rows, which is known at the end, and then at
    offset 0 with it. Both have the same length.
    """

    def __init__(self, space: Space, proxy: tuple[int, int] | None, folder: str) -> None:
        """Begin an export into a folder; `proxy` is the shape of a proxy, or None to send none."""
        self._space, self._proxy, self._folder = space, proxy, folder
        self._count = 0

    def begin(self) -> Iterator[FilePiece]:
        for name, header in self._headers():
            yield FilePiece(f"{self._folder}/{name}", header)

    def batch(self, rows: FrameRows, proxies: Sequence[npt.NDArray[np.uint8]]) -> Iterator[FilePiece]:
        self._count += len(rows)
        yield from rows_pieces(self._folder, rows, proxies if self._proxy else ())

    def end(self, video: VideoRecord) -> Iterator[FilePiece]:
        for name, header in self._headers():
            yield FilePiece(f"{self._folder}/{name}", header, 0)
        yield FilePiece(f"{self._folder}/{SPACE}", _space_json(video, self._space).encode())

    def _headers(self) -> Iterator[tuple[str, bytes]]:
        yield VECTORS, _array_header("<f4", (self._count, self._space.dimension))
        if self._proxy:
            yield PROXIES, _array_header("|u1", (self._count, *self._proxy))


def rows_pieces(folder: str, rows: FrameRows, proxies: Sequence[npt.NDArray[np.uint8]]) -> Iterator[FilePiece]:
    """Yield what a batch adds to the files of an export, which begin with headers."""
    yield FilePiece(f"{folder}/{VECTORS}", np.ascontiguousarray(rows.vectors, np.float32).tobytes())
    yield FilePiece(f"{folder}/{FRAMES}", "".join(_frame_lines(rows)).encode())
    if proxies:
        yield FilePiece(f"{folder}/{PROXIES}", np.stack(proxies).tobytes())


def join_exports(
    parts: Sequence[Path], folder: Path, video: VideoRecord, state: SpaceState, proxy: tuple[int, int] | None
) -> None:
    """Join the files that workers made of the segments of a video, without headers, into an export."""
    folder.mkdir(parents=True)
    headers = {VECTORS: _array_header("<f4", (state.vectors, state.space.dimension)), FRAMES: b""}
    if proxy:
        headers[PROXIES] = _array_header("|u1", (state.vectors, *proxy))
    for name, header in headers.items():
        with (folder / name).open("wb") as whole:
            whole.write(header)
            for part in parts:
                with (part / name).open("rb") as file:
                    shutil.copyfileobj(file, whole)
    (folder / SPACE).write_text(_space_json(video, state.space), encoding="utf-8")


def _array_header(kind: str, shape: tuple[int, ...]) -> bytes:
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _space_json(video: VideoRecord, space: Space) -> str:
    about = {"format": FORMAT, "space": asdict(space), "video": {key: getattr(video, key) for key in _VIDEO_FACTS}}
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def write_portable(
    folder: Path, video: VideoRecord, space: Space, rows: FrameRows, proxies: npt.NDArray[np.uint8] | None
) -> list[Path]:
    """Write an export atomically to a folder that `check_export` accepts, and return the files."""
    check_export(folder)
    folder = folder.resolve()
    staged = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        np.save(staged / VECTORS, rows.vectors)
        if proxies is not None:
            np.save(staged / PROXIES, proxies)
        with (staged / FRAMES).open("w", encoding="utf-8") as file:
            file.writelines(_frame_lines(rows))
        (staged / SPACE).write_text(_space_json(video, space), encoding="utf-8")
        _replace_folder(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return sorted(folder.iterdir())


def _replace_folder(staged: Path, folder: Path) -> None:
    """Move a folder into place of another; on failure the old one stays."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    try:
        staged.replace(folder)
    except BaseException:
        if old.exists():
            old.replace(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def read_portable(folder: Path) -> ExportedVectors:
    """Read and check an export.

    Raises:
        UsageError: There is no such folder.
        SpaceError: The files are invalid; the message names file and line.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", f"See {command('videos', 'export', '--help')}.")
    missing = [name for name in (VECTORS, FRAMES, SPACE) if not (folder / name).is_file()]
    if missing:
        raise import_error([f"{folder} has no {' and no '.join(missing)}"])
    space, video = _read_space(folder / SPACE)
    frames = read_lines(folder / FRAMES)
    vectors = _array(folder / VECTORS, np.float32, (len(frames), space.dimension))
    _check_vectors(vectors)
    proxies = None
    if (folder / PROXIES).exists():
        proxies = _array(folder / PROXIES, np.uint8, (len(frames), None, None))
        if not all(0 < side <= _MAX_PROXY_SIDE for side in proxies.shape[1:]):
            raise import_error([f"{PROXIES}: pictures of {quote(proxies.shape[1:])} are empty or too large"])
        if proxies.shape[1] % 3 or proxies.shape[2] % 2:
            raise import_error([f"{PROXIES}: {proxies.shape[1:]} is not the shape of I420 (3/2 height x width)"])
    return ExportedVectors(folder, space, video, frames, vectors, proxies)


def _read_space(file: Path) -> tuple[Space, dict[str, Any]]:
    try:
        data = read_object(file, _MAX_SPACE_BYTES)
    except UntrustedError as wrong:
        raise import_error([f"{SPACE}, {wrong}" if str(wrong).startswith("line") else f"{SPACE} {wrong}"]) from wrong
    if data.get("format") != FORMAT:
        raise import_error([f'{SPACE}: "format" should be "{FORMAT}"'])
    space, video = data.get("space"), data.get("video")
    faults = [f'{SPACE}: "{key}" is not a known key' for key in sorted(set(data) - {"format", "space", "video"})]
    if not isinstance(space, dict) or not isinstance(video, dict):
        raise import_error([*faults, f'{SPACE}: "space" and "video" should both be objects'])
    faults += _space_faults(space) + _video_faults(video)
    if faults:
        raise import_error(faults)
    return Space(**space), video


def _space_faults(space: dict[str, Any]) -> list[str]:
    named = ("name", "model", "weights", "preprocessing")
    faults = [f'{SPACE}: space has no "{key}"' for key in (*named, "dimension") if key not in space]
    faults += [f"{SPACE}: space.{key} is not a known key" for key in space if key not in (*named, "dimension")]
    faults += [
        f"{SPACE}: space.{key} should be non-empty text" for key in named if key in space and not _name(space[key])
    ]
    dimension = space.get("dimension", 1)
    if type(dimension) is not int or dimension < 1:
        faults.append(f"{SPACE}: space.dimension should be a whole number of at least 1, not {quote(dimension)}")
    return faults


def _video_faults(video: dict[str, Any]) -> list[str]:
    faults = [f"{SPACE}: video.{key} is not a known key" for key in video if key not in _VIDEO_FACTS]
    faults += [
        f"{SPACE}: video.{key} is invalid: {quote(video[key])}"
        for key, fits in _VIDEO_FACTS.items()
        if key in video and not fits(video[key])
    ]
    if not {"id", "sha256"} & set(video):
        faults.append(f'{SPACE}: video needs "sha256" or "id" to identify it')
    return faults


def _array(file: Path, kind: Any, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """Map an array, and check its type and shape; a side of None may have any length."""
    try:
        found = read_array(file)
    except UntrustedError as wrong:
        raise import_error([f"{file.name} {wrong}"]) from wrong
    if found.dtype != kind:
        raise import_error(
            [f"{file.name} contains {found.dtype}, not {np.dtype(kind)}: use .astype(numpy.{np.dtype(kind)})"]
        )
    fits = found.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if want is None else str(want) for want in shape)
        have = " x ".join(map(str, found.shape))
        raise import_error([f"{file.name} is {have}; {FRAMES} and {SPACE} require {wanted}"])
    return found


def _check_vectors(vectors: Floats) -> None:
    faults = []
    for start in range(0, len(vectors), _CHUNK):
        lengths = np.linalg.norm(np.asarray(vectors[start : start + _CHUNK], np.float64), axis=1)
        # NaN compares as false, so this catches it as well.
        for row in np.flatnonzero(~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)):
            place, length = int(start + row), float(lengths[row])
            fault = f"has length {length:.6g}, not 1" if np.isfinite(length) else "has numbers that are not finite"
            faults.append(f"{VECTORS}, row {place} ({FRAMES}, line {place + 1}): the vector {fault}")
        if len(faults) >= _MAX_FAULTS:
            break
    if faults:
        raise import_error(faults)


def _name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and is_text(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))
