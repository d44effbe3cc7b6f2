"""Reorder frames from file order to play order with an external sort on disk.

The source is decoded in sequence, if need be several times, and never by a seek for each frame.
"""

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
"""Yield frames 0 to the given one in file order; raise if there are fewer."""

_SHARE_OF_FREE_DISK = 0.8
"""Of the free disk space, for scratch; the film itself needs the rest."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error codes of a full disk."""


def in_play_order(
    decode: Decode, order: Sequence[int], frame_bytes: int, folder: Path, room: int, progress: Progress
) -> Generator[bytes, None, None]:
    """Yield frames in play order.

    If the frames do not fit into `room` bytes of scratch space in `folder`, the source is decoded several times.

    Raises:
        RenderError: The disk is full.
    """
    if all(a < b for a, b in pairwise(order)):
        with closing(_selected(decode, order, progress)) as frames:
            yield from (frame for _, frame in frames)
        return
    room = min(room, int(shutil.disk_usage(folder).free * _SHARE_OF_FREE_DISK))
    windows = split_order(order, max(1, room // frame_bytes))
    if len(windows) > 1:
        note = f"{len(order)} frames do not fit in {room} bytes of scratch disk"
        progress.note(f"{note}; the source is decoded {len(windows)} times.")
    # Unlinked, so that it vanishes with the process; unbuffered, since frames are large.
    with tempfile.TemporaryFile(dir=folder, prefix=".reelweave-", buffering=0) as scratch:
        for window in windows:
            _store(scratch, decode, window, frame_bytes, folder, progress)
            yield from _stored(scratch, len(window), frame_bytes)


def split_order(order: Sequence[int], most: int) -> list[Sequence[int]]:
    """Split the play order into windows of nearly equal length, none longer than `most`."""
    passes = -(-len(order) // most)
    cuts = [len(order) * i // passes for i in range(passes + 1)]
    return [order[a:b] for a, b in pairwise(cuts)]


def no_space(folder: Path, needed: int) -> RenderError:
    """Return the error of a disk that is full."""
    return RenderError(
        f"There is no space left in {folder}, which needs {needed} bytes and room for the film itself.",
        "Free some space, write the film to another disk, or lower render.scratch_gb.",
    )


def missing_frame(source: Path, frame: int, frames: int, problems: Sequence[str] = ()) -> RenderError:
    """Return the error of a source that has fewer frames than the plan."""
    why = f" ({problems[-1]})" if problems else ""
    return RenderError(
        f"Frame {frame} of {source} could not be read: only {frames} frames were decoded{why}.",
        "The source is not the one that the plan was made from; solve it again.",
    )


def write_all(file: IO[bytes], data: bytes) -> None:
    """Write all of `data` to an unbuffered file, which may take it in several parts."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _selected(decode: Decode, window: Sequence[int], progress: Progress) -> Generator[tuple[int, bytes], None, None]:
    """Yield the frames of `window` in file order, each with its position in `window`."""
    positions = {frame: position for position, frame in enumerate(window)}
    last = max(window)
    with progress.stage("read", last + 1) as stage, closing(decode(last)) as frames:
        for index, frame in enumerate(frames):
            if (position := positions.get(index)) is not None:
                yield position, frame
            stage.advance()


def _store(
    scratch: IO[bytes], decode: Decode, window: Sequence[int], frame_bytes: int, folder: Path, progress: Progress
) -> None:
    try:
        with closing(_selected(decode, window, progress)) as frames:
            for position, frame in frames:
                scratch.seek(position * frame_bytes)
                write_all(scratch, frame)
    except OSError as failed:
        if failed.errno in FULL:
            raise no_space(folder, len(window) * frame_bytes) from failed
        raise


def _stored(scratch: IO[bytes], count: int, frame_bytes: int) -> Iterator[bytes]:
    scratch.seek(0)
    for _ in range(count):
        frame = b""
        while len(frame) < frame_bytes:
            frame += scratch.read(frame_bytes - len(frame))
        yield frame
