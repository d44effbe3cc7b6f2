"""A video's vectors in one space as plain files, to be made, read and checked anywhere.

vectors.npy holds a unit vector a row (float32), frames.jsonl says which frame each row is, space.json who made
them and of what. proxies.npy, the small pictures, may be missing.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..frames import Floats, FrameRows, Space, VideoRecord
from ..untrusted import UntrustedError, is_text, read_array, read_object, shown
from .lines import FACTS, FRAMES, FrameLines, lines_of, read_lines, refused

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
class Portable:
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
            file.writelines(lines_of(rows))
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


def read_portable(folder: Path) -> Portable:
    """The files of a folder, or a SpaceError that names what is wrong by file and line."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Give a folder that videos export made.")
    missing = [name for name in (VECTORS, FRAMES, SPACE) if not (folder / name).is_file()]
    if missing:
        raise refused([f"{folder} has no {' and no '.join(missing)}"])
    space, video = _read_space(folder / SPACE)
    frames = read_lines(folder / FRAMES)
    vectors = _array(folder / VECTORS, np.float32, (len(frames), space.dimension))
    _check_vectors(vectors)
    proxies = None
    if (folder / PROXIES).exists():
        proxies = _array(folder / PROXIES, np.uint8, (len(frames), None, None))
        if not all(0 < side <= _MOST_PROXY for side in proxies.shape[1:]):
            raise refused([f"{PROXIES}: pictures of {shown(proxies.shape[1:])} are none, or too large"])
        if proxies.shape[1] % 3 or proxies.shape[2] % 2:
            raise refused([f"{PROXIES}: {proxies.shape[1:]} is no picture in I420 (3/2 height x width)"])
    return Portable(folder, space, video, frames, vectors, proxies)


def _read_space(file: Path) -> tuple[Space, dict[str, Any]]:
    try:
        data = read_object(file, _MOST_SPACE)
    except UntrustedError as wrong:
        raise refused([f"{SPACE}, {wrong}" if str(wrong).startswith("line") else f"{SPACE} {wrong}"]) from wrong
    if data.get("format") != FORMAT:
        raise refused([f'{SPACE}: "format" should be "{FORMAT}"'])
    space, video = data.get("space"), data.get("video")
    faults = [f'{SPACE}: there is no key "{key}"' for key in sorted(set(data) - {"format", "space", "video"})]
    if not isinstance(space, dict) or not isinstance(video, dict):
        raise refused([*faults, f'{SPACE}: "space" and "video" should both be objects'])
    faults += _space_faults(space) + _video_faults(video)
    if faults:
        raise refused(faults)
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
        raise refused([f"{file.name} {wrong}"]) from wrong
    if found.dtype != kind:
        raise refused([f"{file.name} holds {found.dtype}, not {np.dtype(kind)}: use .astype(numpy.{np.dtype(kind)})"])
    fits = found.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, found.shape, strict=True))
    if not fits:
        wanted = " x ".join("any" if want is None else str(want) for want in shape)
        have = " x ".join(map(str, found.shape))
        raise refused([f"{file.name} is {have}; {FRAMES} and {SPACE} together ask for {wanted}"])
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
        raise refused(faults)


def _name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and is_text(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))
