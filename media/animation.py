"""Tell animated pictures from still ones by the chunks of their files, without decoding pixels."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

PNG = b"\x89PNG\r\n\x1a\n"
_WEBP_ANIMATED = 0x02
"""Bit of a WebP header that marks several frames."""

_MAX_CHUNKS = 10_000
"""Limit of the chunks read of a file: a gigabyte of empty ones would take minutes."""


def begins_as_png(path: Path) -> bool:
    """Tell whether a file has the signature of a PNG; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(PNG)) == PNG
    except OSError:
        return False


def is_animated(path: Path) -> bool:
    """Tell whether a file is an animated PNG or WebP; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return has_frames(file)
    except OSError:
        return False


def has_frames(file: IO[bytes]) -> bool:
    """Tell whether an open file is an animated PNG or WebP with at least two frames."""
    file.seek(0)
    head = file.read(21)
    if head.startswith(PNG):
        return _png_frames(file) > 1
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) == 21 and head[20] & _WEBP_ANIMATED:
        frames = (kind for kind, _ in _chunks(file, 12, "<4sI", 2) if kind == b"ANMF")
        return next(frames, None) is not None and next(frames, None) is not None
    return False


def _png_frames(file: IO[bytes]) -> int:
    """Read the frame count from the animation control chunk of a PNG, which precedes its pixels."""
    for kind, at in _chunks(file, len(PNG), ">I4s", 1, checksum=4):
        if kind == b"acTL":
            file.seek(at)
            return int.from_bytes(file.read(4), "big")
        if kind == b"IDAT":
            return 1
    return 1


def _chunks(file: IO[bytes], at: int, layout: str, align: int, checksum: int = 0) -> Iterator[tuple[bytes, int]]:
    """Yield the kind of each chunk and the offset of its content."""
    for _ in range(_MAX_CHUNKS):
        file.seek(at)
        raw = file.read(8)
        if len(raw) < 8:
            return
        first, second = struct.unpack(layout, raw)
        kind, length = (first, second) if isinstance(first, bytes) else (second, first)
        yield kind, at + 8
        at += 8 + length + length % align + checksum
