"""frames.jsonl: a line of JSON for each frame, read with every fault named by its line."""

import json
import shutil
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SpaceError, UsageError
from ..media.types import Floats, FrameRows, Ints, Space, VideoRecord
from ..media.untrusted import UntrustedError, is_text, open_regular, parse_json, read_array, read_object, shown

FRAMES = "frames.jsonl"

FACTS = {"time": "times", "sharpness": "sharpness", "luma": "luma", "duplicate_of": "duplicate_of"}
"""What a line may say of its frame besides its index, and what FrameRows calls it."""

_FAULTS = 5
_MOST_LINE_FAULTS = 1000
"""Found before the rest of a file is not looked at any more."""
_LONGEST_LINE = 4096
_MOST_LINES = 20_000_000
"""Nine days at 25 frames a second."""


@dataclass(frozen=True)
class FrameLines:
    """Every line's frame, and of the facts those that every line has; others are empty."""

    indices: Ints
    times: npt.NDArray[np.float64]
    sharpness: Floats
    luma: Floats
    duplicate_of: Ints
    missing: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.indices)


def import_error(faults: list[str]) -> SpaceError:
    """All that is wrong with an import, or as much of it as anybody reads."""
    more = [f"and {len(faults) - _FAULTS} more"] if len(faults) > _FAULTS else []
    return SpaceError("\n".join(faults[:_FAULTS] + more), "Nothing was imported. Correct the files and import again.")


def frame_lines(rows: FrameRows) -> Iterator[str]:
    columns = [rows.indices.tolist(), *(getattr(rows, column).tolist() for column in FACTS.values())]
    for row in zip(*columns, strict=True):
        yield json.dumps(dict(zip(("frame", *FACTS), row, strict=True))) + "\n"


@dataclass
class _Read:
    """What was read so far: a column for each fact of the first line, and of rows the first and the last."""

    columns: dict[str, "array[Any]"] = field(default_factory=dict)
    first: dict[str, Any] | None = None
    last: dict[str, Any] | None = None

    def take(self, row: dict[str, Any]) -> None:
        if self.first is None:
            self.first = row
            self.columns = {key: array("q" if key in _WHOLE else "d") for key in _FITS if key in row}
        self.last = row

    def keep(self, row: dict[str, Any]) -> None:
        for key, column in self.columns.items():
            column.append(row[key])


def read_lines(file: Path) -> FrameLines:
    """The lines of a file, or a SpaceError that names those that are wrong."""
    read, faults = _Read(), []
    for number, line in enumerate(_lines(file), 1):
        row, wrong = _row(line, read)
        read.take(row)
        if not wrong:
            read.keep(row)
        faults += [f"{file.name}, line {number}: {fault}" for fault in wrong]
        if len(faults) >= _MOST_LINE_FAULTS or number > _MOST_LINES:
            break
    if read.first is None:
        faults.append(f"{file.name} is empty")
    if faults:
        raise import_error(faults)
    return _frame_lines(read.columns)


def _lines(file: Path) -> Iterator[bytes]:
    """The lines one by one; of one that is too long its beginning, which then is no JSON."""
    try:
        with open_regular(file) as opened:
            while line := opened.readline(_LONGEST_LINE):
                yield line
    except UntrustedError as wrong:
        raise import_error([f"{file.name} {wrong}"]) from wrong


def _frame_lines(columns: dict[str, "array[Any]"]) -> FrameLines:
    def column(key: str, kind: Any) -> Any:
        return np.array(columns.get(key, ()), kind)

    return FrameLines(
        indices=column("frame", np.int64),
        times=column("time", np.float64),
        sharpness=column("sharpness", np.float32),
        luma=column("luma", np.float32),
        duplicate_of=column("duplicate_of", np.int64),
        missing=tuple(key for key in FACTS if key not in columns),
    )


def _row(line: bytes, read: _Read) -> tuple[dict[str, Any], list[str]]:
    try:
        row = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError:
        return {}, ["this is no JSON (not UTF-8)"]
    except UntrustedError as wrong:
        return {}, [f"this is no JSON ({wrong})"]
    if not isinstance(row, dict):
        return {}, [f"this is {type(row).__name__}, not an object with the key frame"]
    return row, [*_key_faults(row, read.first), *_value_faults(row), *_order_faults(row, read.last)]


def _key_faults(row: dict[str, Any], first: dict[str, Any] | None) -> list[str]:
    wanted = {"frame", *(first or row)} & {"frame", *FACTS}
    faults = [f'there is no "{key}"' + ", as in line 1" * bool(first) for key in sorted(wanted - set(row))]
    return (
        faults
        + [f'"{key}" is no fact of a frame' for key in sorted(set(row) - {"frame", *FACTS})]
        + [f'"{key}" is given, but not in line 1' for key in sorted((set(row) & set(FACTS)) - wanted)]
    )


def _whole(value: Any) -> bool:
    return type(value) is int and -1 <= value < 2**31


def _real(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) < 1e30


_WHOLE = ("frame", "duplicate_of")
_FITS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "frame": (lambda value: _whole(value) and value >= 0, "a whole number from 0 on"),
    "time": (_real, "a number of seconds"),
    "sharpness": (_real, "a number"),
    "luma": (_real, "a number"),
    "duplicate_of": (_whole, "a frame, or -1"),
}


def _value_faults(row: dict[str, Any]) -> list[str]:
    return [
        f"{key} should be {kind}, not {shown(row[key])}"
        for key, (fits, kind) in _FITS.items()
        if key in row and not fits(row[key])
    ]


def _order_faults(row: dict[str, Any], before: dict[str, Any] | None) -> list[str]:
    """Frames rise, and each repeats an earlier one; what is no number was told of already."""
    frame, last = row.get("frame"), before.get("frame") if before is not None else -1
    if not (isinstance(frame, int) and isinstance(last, int)):
        return []
    if frame <= last:
        return [f"frame {frame} comes after frame {last}: they should rise"]
    repeats = row.get("duplicate_of", -1)
    if not _whole(repeats) or repeats < frame:
        return []
    return [f"frame {frame} cannot repeat frame {repeats}, which is no earlier one"]


FORMAT = "reelweave.vectors/1"
VECTORS, SPACE, PROXIES = "vectors.npy", "space.json", "proxies.npy"
FILES = (VECTORS, FRAMES, SPACE, PROXIES)

_MOST_SIDE = 1_000_000
_MOST_SECONDS = 1e9
_LONGEST_NAME = 1000

_VIDEO_FACTS: dict[str, Callable[[Any], bool]] = {
    "id": lambda value: _name(value),
    "name": lambda value: _name(value),
    "sha256": lambda value: isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"),
    "kind": lambda value: value in ("video", "pictures"),
    "fps": lambda value: _number(value) and 1e-5 <= value <= 1e6,
    "width": lambda value: _number(value) and 0 < value <= _MOST_SIDE and value == int(value),
    "height": lambda value: _number(value) and 0 < value <= _MOST_SIDE and value == int(value),
    "seconds": lambda value: _number(value) and 0 <= value <= _MOST_SECONDS,
    "sampled_fps": lambda value: _number(value) and (value == 0 or 1e-5 <= value <= 1e6),
    "short_side": lambda value: _number(value) and 0 <= value <= _MOST_SIDE and value == int(value),
}
STAND_ALONE = ("name", "sha256", "kind", "fps", "width", "height", "seconds")
"""What must be said of a video that the library does not have."""

_MOST_PROXY = 4096
"""Pixels on a side of a small picture; those made here have 16 to some 500."""
_MOST_SPACE = 1 << 20
"""Bytes of space.json."""
_MOST_FAULTS = 1000
_CHUNK = 4096
_UNIT = 1e-4


@dataclass(frozen=True)
class ExportedVectors:
    """What lies in a folder, checked in itself; whether it fits a library is another question."""

    folder: Path
    space: Space
    video: dict[str, Any]
    frames: FrameLines
    vectors: Floats
    """Mapped, not loaded."""
    proxies: npt.NDArray[np.uint8] | None

    def rows(self, part: slice, facts: FrameRows | None) -> FrameRows:
        """Some rows, with the facts that the library has of the video, or else with their own."""
        source: Any = facts or self.frames
        columns = {name: getattr(source, name)[part] for name in ("indices", *FACTS.values())}
        return FrameRows(**columns, vectors=np.asarray(self.vectors[part], np.float32))


def check_export(folder: Path, replace: bool = False) -> None:
    """Refuse a folder that holds anything, or with `replace` anything but an export."""
    known = FILES if replace else ()
    if folder.exists() and (not folder.is_dir() or any(file.name not in known for file in folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder.", "Give the name of a new one.")


def write_portable(
    folder: Path,
    video: VideoRecord,
    space: Space,
    rows: FrameRows,
    proxies: npt.NDArray[np.uint8] | None,
    *,
    replace: bool = False,
) -> list[Path]:
    """The files of a space; they appear all at once, and only where nothing lies or, with `replace`, an export."""
    check_export(folder, replace)
    folder = folder.resolve()
    staged = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    try:
        np.save(staged / VECTORS, rows.vectors)
        if proxies is not None:
            np.save(staged / PROXIES, proxies)
        with (staged / FRAMES).open("w", encoding="utf-8") as file:
            file.writelines(frame_lines(rows))
        about = {"format": FORMAT, "space": asdict(space), "video": {key: getattr(video, key) for key in _VIDEO_FACTS}}
        (staged / SPACE).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        _put(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return sorted(folder.iterdir())


def _put(staged: Path, folder: Path) -> None:
    """Move a folder into place; what lay there goes, or stays if that fails."""
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
    """The files of a folder, or a SpaceError that names what is wrong by file and line."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give a folder that videos export made.")
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
        if not all(0 < side <= _MOST_PROXY for side in proxies.shape[1:]):
            raise import_error([f"{PROXIES}: pictures of {shown(proxies.shape[1:])} are none, or too large"])
        if proxies.shape[1] % 3 or proxies.shape[2] % 2:
            raise import_error([f"{PROXIES}: {proxies.shape[1:]} is no picture in I420 (3/2 height x width)"])
    return ExportedVectors(folder, space, video, frames, vectors, proxies)


def _read_space(file: Path) -> tuple[Space, dict[str, Any]]:
    try:
        data = read_object(file, _MOST_SPACE)
    except UntrustedError as wrong:
        raise import_error([f"{SPACE}, {wrong}" if str(wrong).startswith("line") else f"{SPACE} {wrong}"]) from wrong
    if data.get("format") != FORMAT:
        raise import_error([f'{SPACE}: "format" should be "{FORMAT}"'])
    space, video = data.get("space"), data.get("video")
    faults = [f'{SPACE}: there is no key "{key}"' for key in sorted(set(data) - {"format", "space", "video"})]
    if not isinstance(space, dict) or not isinstance(video, dict):
        raise import_error([*faults, f'{SPACE}: "space" and "video" should both be objects'])
    faults += _space_faults(space) + _video_faults(video)
    if faults:
        raise import_error(faults)
    return Space(**space), video


def _space_faults(space: dict[str, Any]) -> list[str]:
    named = ("name", "model", "weights", "preprocessing")
    faults = [f'{SPACE}: space has no "{key}"' for key in (*named, "dimension") if key not in space]
    faults += [f"{SPACE}: space.{key} is no key of a space" for key in space if key not in (*named, "dimension")]
    faults += [
        f"{SPACE}: space.{key} should be text, and not empty" for key in named if key in space and not _name(space[key])
    ]
    dimension = space.get("dimension", 1)
    if type(dimension) is not int or dimension < 1:
        faults.append(f"{SPACE}: space.dimension should be a whole number from 1 on, not {shown(dimension)}")
    return faults


def _video_faults(video: dict[str, Any]) -> list[str]:
    faults = [f"{SPACE}: video.{key} is no key of a video" for key in video if key not in _VIDEO_FACTS]
    faults += [
        f"{SPACE}: video.{key} cannot be {shown(video[key])}"
        for key, fits in _VIDEO_FACTS.items()
        if key in video and not fits(video[key])
    ]
    if not {"id", "sha256"} & set(video):
        faults.append(f'{SPACE}: video needs "sha256" or "id", to say which video it is')
    return faults


def _array(file: Path, kind: Any, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """An array of the right kind and shape, mapped."""
    try:
        found = read_array(file)
    except UntrustedError as wrong:
        raise import_error([f"{file.name} {wrong}"]) from wrong
    if found.dtype != kind:
        raise import_error(
            [f"{file.name} holds {found.dtype}, not {np.dtype(kind)}: use .astype(numpy.{np.dtype(kind)})"]
        )
    fits = found.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if want is None else str(want) for want in shape)
        have = " x ".join(map(str, found.shape))
        raise import_error([f"{file.name} is {have}; {FRAMES} and {SPACE} together ask for {wanted}"])
    return found


def _check_vectors(vectors: Floats) -> None:
    faults = []
    for start in range(0, len(vectors), _CHUNK):
        lengths = np.linalg.norm(np.asarray(vectors[start : start + _CHUNK], np.float64), axis=1)
        # NaN compares as false, so that it is caught here, too.
        for row in np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT)):
            place, length = int(start + row), float(lengths[row])
            is_what = f"has length {length:.6g}, not 1" if np.isfinite(length) else "is not of finite numbers"
            faults.append(f"{VECTORS}, row {place} ({FRAMES}, line {place + 1}): the vector {is_what}")
        if len(faults) >= _MOST_FAULTS:
            break
    if faults:
        raise import_error(faults)


def _name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and is_text(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))
