"""frames.jsonl: a line of JSON for each frame, read with every fault named by its line."""

import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SpaceError
from ..frames import Floats, FrameRows, Ints
from ..untrusted import UntrustedError, open_regular, parse_json, shown

FRAMES = "frames.jsonl"

FACTS = {"time": "times", "sharpness": "sharpness", "luma": "luma", "duplicate_of": "duplicate_of"}
"""What a line may say of its frame besides its index, and what FrameRows calls it."""

_FAULTS = 5
_MOST_FAULTS = 1000
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


def refused(faults: list[str]) -> SpaceError:
    """All that is wrong with an import, or as much of it as anybody reads."""
    more = [f"and {len(faults) - _FAULTS} more"] if len(faults) > _FAULTS else []
    return SpaceError("\n".join(faults[:_FAULTS] + more), "Nothing was imported. Correct the files and import again.")


def lines_of(rows: FrameRows) -> Iterator[str]:
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
        if len(faults) >= _MOST_FAULTS or number > _MOST_LINES:
            break
    if read.first is None:
        faults.append(f"{file.name} is empty")
    if faults:
        raise refused(faults)
    return _frame_lines(read.columns)


def _lines(file: Path) -> Iterator[bytes]:
    """The lines one by one; of one that is too long its beginning, which then is no JSON."""
    try:
        with open_regular(file) as opened:
            while line := opened.readline(_LONGEST_LINE):
                yield line
    except UntrustedError as wrong:
        raise refused([f"{file.name} {wrong}"]) from wrong


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
