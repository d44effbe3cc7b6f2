"""Pack raw frames with timestamps into IVF, the simplest container that ffmpeg reads from a pipe."""

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

from .frame_layout import FrameLayout

TICKS = 90_000
"""Ticks per second: the clock of transport streams, in which the usual rates are whole numbers."""

TIMED_INPUT = ["-f", "ivf", "-c:v", "rawvideo", "-i", "pipe:0"]
TIMED_OUTPUT = ["-enc_time_base", f"1:{TICKS}"]

_CODES = {
    "yuv420p": b"I420",
    "yuv422p": b"Y42B",
    "yuv444p": b"444P",
    "yuv420p10le": b"Y3\x0b\x0a",
    "yuv422p10le": b"Y3\x0a\x0a",
    "yuv444p10le": b"Y3\x00\x0a",
}


def ticks_of(times: Sequence[float]) -> list[int] | None:
    """Convert times to ticks since the first; return `None` if they do not increase from frame to frame."""
    ticks = [round((time - times[0]) * TICKS) for time in times]
    return ticks if all(one < other for one, other in pairwise(ticks)) else None


def timestamped(frames: Iterator[bytes], times: Sequence[float], layout: FrameLayout) -> Iterator[bytes]:
    """Yield the frames as an IVF stream, each with its time."""
    header = struct.pack("<4sHH4sHHIIII", b"DKIF", 0, 32, _CODES[layout.piped], *layout.size, TICKS, 1, 0, 0)
    for frame, tick in zip(frames, ticks_of(times) or range(len(times)), strict=True):
        yield header + struct.pack("<IQ", len(frame), tick) + frame
        header = b""
