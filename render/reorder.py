"""Frames that arrive in file order, given out in play order: an external sort on disk."""

import errno
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import IO

from ..errors import RenderError
from ..progress import Progress

Decode = Callable[[int], Generator[bytes, None, None]]
"""Frames 0 to the given one, in file order; raises where it cannot give them all."""

_SHARE_OF_FREE_DISK = 0.8
FULL = (errno.ENOSPC, errno.EDQUOT)


def in_play_order(
    decode: Decode, order: Sequence[int], frame_bytes: int, folder: Path, room: int, progress: Progress
) -> Generator[bytes, None, None]:
    """Decode in sequence as often as the scratch room demands, never one seek a frame."""
    if all(a < b for a, b in pairwise(order)):
        with closing(_wanted(decode, order, progress)) as arriving:
            yield from (frame for _, frame in arriving)
        return
    room = min(room, int(shutil.disk_usage(folder).free * _SHARE_OF_FREE_DISK))
    parts = windows(order, max(1, room // frame_bytes))
    if len(parts) > 1:
        progress.note(f"{len(order)} frames do not fit in {room} bytes of scratch disk: {len(parts)} passes.")
    with _nameless_file(folder) as scratch:
        for part in parts:
            _fill(scratch, decode, part, frame_bytes, folder, progress)
            yield from _front_to_back(scratch, len(part), frame_bytes)


def windows(order: Sequence[int], most: int) -> list[Sequence[int]]:
    """Consecutive stretches of play order, as even as can be, none longer than `most`."""
    passes = -(-len(order) // most)
    cuts = [len(order) * i // passes for i in range(passes + 1)]
    return [order[a:b] for a, b in pairwise(cuts)]


def no_space(folder: Path, needed: int) -> RenderError:
    return RenderError(
        f"There is no space left in {folder}: {needed} bytes were needed there, and room for the film itself.",
        "Free some, write the film to another disk, or lower render.scratch_gb.",
    )


def _wanted(decode: Decode, part: Sequence[int], progress: Progress) -> Generator[tuple[int, bytes], None, None]:
    """The frames of `part` in file order, each with its place in `part`."""
    places = {frame: place for place, frame in enumerate(part)}
    last = max(part)
    with progress.stage("read", last + 1) as stage, closing(decode(last)) as frames:
        for index, frame in enumerate(frames):
            if (place := places.get(index)) is not None:
                yield place, frame
            stage.advance()


def _fill(
    scratch: IO[bytes], decode: Decode, part: Sequence[int], frame_bytes: int, folder: Path, progress: Progress
) -> None:
    try:
        with closing(_wanted(decode, part, progress)) as arriving:
            for place, frame in arriving:
                _put(scratch, place * frame_bytes, frame)
    except OSError as failed:
        if failed.errno in FULL:
            raise no_space(folder, len(part) * frame_bytes) from failed
        raise


def _put(scratch: IO[bytes], offset: int, frame: bytes) -> None:
    scratch.seek(offset)
    rest = memoryview(frame)
    while rest:
        rest = rest[scratch.write(rest) :]


def _front_to_back(scratch: IO[bytes], count: int, frame_bytes: int) -> Iterator[bytes]:
    scratch.seek(0)
    for _ in range(count):
        frame = b""
        while len(frame) < frame_bytes:
            frame += scratch.read(frame_bytes - len(frame))
        yield frame


def _nameless_file(folder: Path) -> IO[bytes]:
    """A file that vanishes with the process, however that ends; unbuffered, since frames are large."""
    return tempfile.TemporaryFile(dir=folder, prefix=".reelweave-", buffering=0)
