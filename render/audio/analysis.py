"""Read the sound of a source for the solver, without decoding a picture."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from ...media import ffmpeg
from ...solve.cost.sound import SliceSound, slice_sound
from ..reorder import write_all
from .slices import Samples, frame_edges

_RATE = 32_000
"""Samples a second to which the track is brought: at 16,000 the resampling blurs joins, more tells nothing more."""
_BLOCK = 1 << 20
"""Bytes that are read at a time."""


def read_slices(source: Path, times: Sequence[float], fps: float) -> SliceSound | None:
    """Measure the sound of every frame; return None if the source has none, or none that can be decoded.

    Args:
        source: A video file.
        times: The time of every frame.
        fps: Frames a second.
    """
    rate = Fraction(fps).limit_denominator(1001) or Fraction(fps)
    with _mono(source) as samples:
        if not len(samples):
            return None
        return slice_sound(samples, frame_edges(times, rate), float(1 / rate), _RATE)


@contextmanager
def _mono(source: Path) -> Iterator[Samples]:
    """Decode the first track to one channel in a scratch file, mapped into memory; it begins at time 0."""
    sound = ["-map", "0:a:0", "-ac", "1", "-af", "aresample=async=1:first_pts=0", "-ar", str(_RATE)]
    with tempfile.TemporaryFile(prefix=".reelweave-", buffering=0) as scratch:
        with ffmpeg.Reader(["-vn", "-i", ffmpeg.input_argument(source), *sound, "-f", "s16le", "-"]) as reader:
            while block := reader.read(_BLOCK):
                write_all(scratch, block)
        size = scratch.tell() // 2
        yield np.memmap(scratch, "<i2", "r", shape=(size,)) if size else np.zeros(0, "<i2")
