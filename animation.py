"""Tell animated pictures from still ones, by their chunks; no pixels are decoded."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PNG = b"\x89PNG\r\n\x1a\n"
_WEBP_ANIMATED = 0x02
"""The bit of a WebP header that is set where a file holds several frames."""

_MOST_CHUNKS = 10_000
"""Chunks of a file that are looked at: a gigabyte of empty ones would take minutes."""


def begins_as_png(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(PNG)) == PNG
    except OSError:
        return False


def is_animated(path: Path) -> bool:
    """Whether a file is an animated PNG or WebP; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return has_frames(file)
    except OSError:
        return False


def has_frames(file: IO[bytes]) -> bool:
    """Whether an open file is an animated PNG or WebP with two frames or more."""
    file.seek(0)
    begin = file.read(21)
    if begin.startswith(PNG):
        return _png_frames(file) > 1
    if begin[:4] == b"RIFF" and begin[8:16] == b"WEBPVP8X" and len(begin) == 21 and begin[20] & _WEBP_ANIMATED:
        frames = (kind for kind, _ in _chunks(file, 12, "<4sI", 2) if kind == b"ANMF")
        return next(frames, None) is not None and next(frames, None) is not None
    return False


def _png_frames(file: IO[bytes]) -> int:
    """The number of frames in a PNG's animation control chunk, which comes before its pixels."""
    for kind, at in _chunks(file, len(PNG), ">I4s", 1, checksum=4):
        if kind == b"acTL":
            file.seek(at)
            return int.from_bytes(file.read(4), "big")
        if kind == b"IDAT":
            return 1
    return 1


def _chunks(file: IO[bytes], at: int, head: str, even: int, checksum: int = 0) -> Iterator[tuple[bytes, int]]:
    """The kinds of the chunks that follow one another in a file, each with the place where its content begins."""
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        raw = file.read(8)
        if len(raw) < 8:
            return
        one, other = struct.unpack(head, raw)
        kind, length = (one, other) if isinstance(one, bytes) else (other, one)
        yield kind, at + 8
        at += 8 + length + length % even + checksum
