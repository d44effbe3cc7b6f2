"""Assign the sound to frames, and join the slices without clicks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Ints

Seconds: TypeAlias = npt.NDArray[np.float64]
Samples: TypeAlias = npt.NDArray[Any]
"""Integer samples x channels."""

SILENT = -1
"""Stands for a frame without sound."""

_ROUNDING = 0.001
"""Seconds by which containers that count milliseconds round the time of a frame."""
_NOWHERE = -(1 << 60)
"""A sample before every track, which reads as silence."""
_SAME_POSITION = 2
"""Samples by which neighbouring slices may be off, since both ends of a slice are rounded."""
_CHUNK = 1 << 16
"""Samples that are copied at a time, which bounds memory."""


@dataclass(frozen=True)
class SlicePositions:
    """For each frame of the film the first sample of its sound in the track, and its end in the film in samples."""

    frames: Sequence[int]
    starts: Ints
    ends: Ints

    @property
    def total(self) -> int:
        """The length of the film's sound in samples."""
        return int(self.ends[-1])


def frame_edges(times: Sequence[float], rate: Fraction) -> Seconds:
    """Return the start of each frame and the end of the last; restore the exact times of a constant rate.

    Rounded times would cut the sound at wrong samples, and their errors would add up to a drift.
    """
    seen = np.maximum.accumulate(np.asarray(times, np.float64))
    exact: Seconds = seen[0] + np.arange(len(seen) + 1, dtype=np.float64) / float(rate)
    if np.abs(seen - exact[:-1]).max() <= _ROUNDING:
        return exact
    return np.append(seen, seen[-1] + 1 / float(rate))


def slice_positions(
    frames: Sequence[int], edges: Seconds, sample_rate: int, slot: Fraction | None = None
) -> SlicePositions:
    """Place the slices one after another, each with its natural length, or with a length of `slot` seconds."""
    chosen = np.asarray(frames, np.int64)
    starts = np.where(chosen == SILENT, _NOWHERE, np.rint(edges[chosen] * sample_rate).astype(np.int64))
    lengths = np.diff(edges)[chosen] if slot is None else np.full(len(chosen), float(slot))
    return SlicePositions(frames, starts, np.rint(np.cumsum(lengths) * sample_rate).astype(np.int64))


def out_of_step(made: SlicePositions) -> float:
    """Return the largest distance of a slice from its picture at a constant rate, in mean lengths of a slice."""
    numbers = np.arange(1, len(made.ends) + 1)
    return float(np.abs(made.ends * (len(made.ends) / made.total) - numbers).max()) if made.total else 0.0


def contiguous_runs(made: SlicePositions) -> Iterator[tuple[int, int]]:
    """Yield the start and length of each stretch of the track that plays without interruption."""
    start = length = 0
    for index, (frame, begins) in enumerate(zip(made.frames, made.starts.tolist(), strict=True)):
        more = int(made.ends[index]) - (int(made.ends[index - 1]) if index else 0)
        neighbour = index > 0 and frame == made.frames[index - 1] + 1
        if neighbour and abs(start + length - begins) <= _SAME_POSITION:
            length += more
            continue
        if length:
            yield start, length
        start, length = begins, more
    if length:
        yield start, length


def joined_audio(track: Samples, made: SlicePositions, fade: int) -> Iterator[Samples]:
    """Yield the film's sound in blocks, silent where the track has ended, each click softened over `fade` samples."""
    before = track[:0]
    for start, length in contiguous_runs(made):
        for at in range(start, start + length, _CHUNK):
            block = _read(track, at, min(_CHUNK, start + length - at))
            if at == start:
                block = declicked(before, block, fade)
            yield block
            before = np.concatenate([before, block])[-max(fade, 1) :]


def declicked(before: Samples, after: Samples, fade: int) -> Samples:
    """Soften the click at the start of `after`, if there is one: a step larger than the steps on either side.

    The end of `before` is mirrored and faded out, since the sound that followed it belongs to another frame. Sound
    that was continuous in the source has no such step, and stays bit-identical.
    """
    n = min(fade, len(before), len(after))
    if n < 2:
        return after
    left, right = before[-n:].astype(np.float64), after[:n].astype(np.float64)
    largest_step = np.maximum(np.abs(np.diff(left, axis=0)).max(0), np.abs(np.diff(right, axis=0)).max(0))
    click = np.abs(right[0] - left[-1]) > largest_step
    if not click.any():
        return after
    share = np.arange(n, 0, -1)[:, None] / (n + 1)
    mixed = np.rint(share * left[::-1] + (1 - share) * right).astype(after.dtype)
    return np.concatenate([np.where(click, mixed, after[:n]), after[n:]])


def _read(track: Samples, start: int, length: int) -> Samples:
    """Return a stretch of the track, padded with silence past either end."""
    part = track[max(0, start) : max(0, start + length)]
    if len(part) == length:
        return part
    block = np.zeros((length, track.shape[1]), track.dtype)
    lead = min(length, max(0, -start))
    block[lead : lead + len(part)] = part
    return block
