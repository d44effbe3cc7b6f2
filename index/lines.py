"""frames.jsonl: a line of JSON for each frame, read with every fault named by its line."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SpaceError
from ..frames import Floats, FrameRows, Ints

FRAMES = "frames.jsonl"

FACTS = {"time": "times", "sharpness": "sharpness", "luma": "luma", "duplicate_of": "duplicate_of"}
"""What a line may say of its frame besides its index, and what FrameRows calls it."""

_FAULTS = 5


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


def read_lines(file: Path) -> FrameLines:
    """The lines of a file, or a SpaceError that names those that are wrong."""
    rows: list[dict[str, Any]] = []
    faults: list[str] = []
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            row, wrong = _row(line, rows)
            rows.append(row)
            faults += [f"{file.name}, line {number}: {fault}" for fault in wrong]
    if not rows:
        faults.append(f"{file.name} is empty")
    if faults:
        raise refused(faults)
    given = [key for key in FACTS if key in rows[0]]
    columns = {name: [row[key] for row in rows] if key in given else [] for key, name in FACTS.items()}
    return FrameLines(
        indices=np.array([row["frame"] for row in rows], np.int64),
        times=np.array(columns["times"], np.float64),
        sharpness=np.array(columns["sharpness"], np.float32),
        luma=np.array(columns["luma"], np.float32),
        duplicate_of=np.array(columns["duplicate_of"], np.int64),
        missing=tuple(key for key in FACTS if key not in given),
    )


def _row(line: bytes, before: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    try:
        row = json.loads(line)
    except ValueError as wrong:
        return {}, [f"this is no JSON ({getattr(wrong, 'msg', 'not UTF-8')})"]
    if not isinstance(row, dict):
        return {}, [f"this is {type(row).__name__}, not an object with the key frame"]
    return row, [*_key_faults(row, before), *_value_faults(row), *_order_faults(row, before)]


def _key_faults(row: dict[str, Any], before: list[dict[str, Any]]) -> list[str]:
    wanted = {"frame", *(before[0] if before and before[0] else row)} & {"frame", *FACTS}
    faults = [f'there is no "{key}"' + ", as in line 1" * bool(before) for key in sorted(wanted - set(row))]
    return (
        faults
        + [f'"{key}" is no fact of a frame' for key in sorted(set(row) - {"frame", *FACTS})]
        + [f'"{key}" is given, but not in line 1' for key in sorted((set(row) & set(FACTS)) - wanted)]
    )


def _whole(value: Any) -> bool:
    return type(value) is int and -1 <= value < 2**31


def _real(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value) and abs(value) < 1e30


_FITS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "frame": (lambda value: _whole(value) and value >= 0, "a whole number from 0 on"),
    "time": (_real, "a number of seconds"),
    "sharpness": (_real, "a number"),
    "luma": (_real, "a number"),
    "duplicate_of": (_whole, "a frame, or -1"),
}


def _value_faults(row: dict[str, Any]) -> list[str]:
    return [
        f"{key} should be {kind}, not {row[key]!r}"
        for key, (fits, kind) in _FITS.items()
        if key in row and not fits(row[key])
    ]


def _order_faults(row: dict[str, Any], before: list[dict[str, Any]]) -> list[str]:
    """Frames rise, and each repeats an earlier one; what is no number was told of already."""
    frame, last = row.get("frame"), before[-1].get("frame") if before else -1
    if not (isinstance(frame, int) and isinstance(last, int)):
        return []
    if frame <= last:
        return [f"frame {frame} comes after frame {last}: they should rise"]
    repeats = row.get("duplicate_of", -1)
    if not _whole(repeats) or repeats < frame:
        return []
    return [f"frame {frame} cannot repeat frame {repeats}, which is no earlier one"]
