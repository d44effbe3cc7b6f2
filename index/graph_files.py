"""Check the files of a neighbour graph before they are loaded and searched.

hnswlib, which loads them for Chroma, does not check them: damage crashes the process.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

HEADER, VECTORS, LINKS = "header.bin", "data_level0.bin", "link_lists.bin"

_FIELDS = struct.Struct("<i6qiI3qdq")
_VERSION = 1
_NUMBER = 4
"""Bytes of a neighbour, and of the count before a list of neighbours; the count uses the lower two."""
_LABEL = 8
"""Bytes of a label."""

_MAX_ROOM_FACTOR = 16
"""Largest capacity of a graph, in multiples of its elements; hnswlib allocates memory for all of it."""

_MIN_ROOM = 1000
"""Elements that the capacity is compared with if there are fewer."""

_Numbers = npt.NDArray[np.uint32]


class _DamagedError(Exception):
    """Describes what is wrong with a file."""


@dataclass(frozen=True)
class _Header:
    """The fields of header.bin in their order."""

    version: int
    start: int
    room: int
    count: int
    size: int
    """Bytes of an element: its neighbours, its vector and its label."""
    label_at: int
    vector_at: int
    top_level: int
    entry: int
    most_above: int
    """Neighbours of an element on each level above the lowest, and on the lowest."""
    most_below: int
    degree: int
    level_factor: float
    breadth: int


def graph_fault(folder: Path, *, thorough: bool = True) -> str:
    """Describe what is wrong with the graph in a folder; empty if it is sound, not written yet or being written.

    Only a thorough check reads the links themselves, which takes a pass over the vectors' file; a search needs it.
    Sizes are always checked, since hnswlib allocates what they say.
    """
    files = [folder / name for name in (HEADER, VECTORS, LINKS)]
    if not files[0].exists():
        return ""
    try:
        before = _stamps(files)
        fault = _fault(files, thorough)
        return fault if _stamps(files) == before else ""
    except OSError as failed:
        return f"{Path(str(failed.filename)).name} cannot be read"


def _stamps(files: list[Path]) -> list[tuple[int, int]]:
    return [(status.st_mtime_ns, status.st_size) for status in (file.stat() for file in files)]


def _fault(files: list[Path], thorough: bool) -> str:
    try:
        header = _header(files[0])
        if files[1].stat().st_size < header.count * header.size:
            raise _DamagedError(f"{VECTORS} is truncated")
        levels = _upper_levels(header, files[2])
        if thorough:
            _check_lowest(header, files[1])
            _check_levels(header, levels)
    except _DamagedError as damaged:
        return str(damaged)
    return ""


def _header(file: Path) -> _Header:
    data = file.read_bytes()
    if len(data) < _FIELDS.size:
        raise _DamagedError(f"{HEADER} is truncated")
    header = _Header(*_FIELDS.unpack_from(data))
    sound = (
        header.version == _VERSION
        and header.start == 0
        and 0 <= header.count <= header.room <= _MAX_ROOM_FACTOR * max(header.count, _MIN_ROOM)
        and 0 < header.most_above <= header.most_below
        and header.vector_at == _NUMBER * (1 + header.most_below)
        and header.vector_at < header.label_at == header.size - _LABEL
    )
    if not sound or (header.count and not header.entry < header.count):
        raise _DamagedError(f"{HEADER} is damaged")
    return header


def _check_lowest(header: _Header, file: Path) -> None:
    if header.count:
        elements = np.memmap(file, np.uint8, "r", shape=(header.count, header.size))
        lists = np.ascontiguousarray(elements[:, : header.vector_at]).view("<u4")
        _check_lists(lists, np.zeros(header.count, np.int64), 0, VECTORS)


def _upper_levels(header: _Header, file: Path) -> list[_Numbers]:
    """Read the lists of the upper levels, which few elements have: for each element their size, then their bytes."""
    data, at, found = file.read_bytes(), 0, []
    width = _NUMBER * (1 + header.most_above)
    for _ in range(header.count):
        if at + _NUMBER > len(data):
            raise _DamagedError(f"{LINKS} is truncated")
        size = int.from_bytes(data[at : at + _NUMBER], "little")
        at += _NUMBER + size
        if size % width or at > len(data):
            raise _DamagedError(f"{LINKS} is damaged")
        found.append(np.frombuffer(data[at - size : at], "<u4").reshape(-1, 1 + header.most_above))
    return found


def _check_levels(header: _Header, found: list[_Numbers]) -> None:
    levels = np.array([len(lists) for lists in found], np.int64)
    if header.count and not -1 < header.top_level <= levels[header.entry]:
        raise _DamagedError(f"{HEADER} is damaged")
    for level in range(1, int(levels.max(initial=0)) + 1):
        _check_lists(np.stack([lists[level - 1] for lists in found if len(lists) >= level]), levels, level, LINKS)


def _check_lists(lists: _Numbers, levels: npt.NDArray[np.int64], level: int, name: str) -> None:
    """Check that each list fits its capacity and names elements that have that level."""
    counts = lists[:, 0] & 0xFFFF
    if (counts >= lists.shape[1]).any():
        raise _DamagedError(f"{name} is damaged")
    named = lists[:, 1:][np.arange(lists.shape[1] - 1) < counts[:, None]]
    if (named >= len(levels)).any() or (levels[named] < level).any():
        raise _DamagedError(f"{name} is damaged")
