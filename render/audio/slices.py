"""Which sound belongs to which frame, and how slices of it are joined without clicks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Ints

Seconds: TypeAlias = npt.NDArray[np.float64]
Samples: TypeAlias = npt.NDArray[Any]
"""Samples x channels, whole numbers."""

SILENT = -1
"""In the place of a frame: one that has no sound."""

_ROUNDING = 0.001
"""Containers that count milliseconds put a frame up to this far from its true time."""
_NOWHERE = -(1 << 60)
_SAME_PLACE = 2
_CHUNK = 1 << 16


@dataclass(frozen=True)
class SlicePositions:
    """For every place in the film the sample of the track where its sound begins, and of the film where it ends."""

    frames: Sequence[int]
    starts: Ints
    ends: Ints

    @property
    def total(self) -> int:
        return int(self.ends[-1])


def frame_edges(times: Sequence[float], rate: Fraction) -> Seconds:
    """When each frame begins and the last one ends; the exact times of a constant rate where rounding alone hid them.

    Rounded times are cut at other samples than the frames' true ones, and lengths made of them add up to a drift.
    """
    seen = np.maximum.accumulate(np.asarray(times, np.float64))
    exact: Seconds = seen[0] + np.arange(len(seen) + 1, dtype=np.float64) / float(rate)
    if np.abs(seen - exact[:-1]).max() <= _ROUNDING:
        return exact
    return np.append(seen, seen[-1] + 1 / float(rate))


def slice_positions(
    frames: Sequence[int], edges: Seconds, sample_rate: int, slot: Fraction | None = None
) -> SlicePositions:
    """Slices of their natural length one after another, or each as long as `slot` seconds whatever it was."""
    chosen = np.asarray(frames, np.int64)
    starts = np.where(chosen == SILENT, _NOWHERE, np.rint(edges[chosen] * sample_rate).astype(np.int64))
    lengths = np.diff(edges)[chosen] if slot is None else np.full(len(chosen), float(slot))
    return SlicePositions(frames, starts, np.rint(np.cumsum(lengths) * sample_rate).astype(np.int64))


def out_of_step(made: SlicePositions) -> float:
    """How far a slice lies at most from its picture where pictures all last as long: in mean lengths of a slice."""
    places = np.arange(1, len(made.ends) + 1)
    return float(np.abs(made.ends * (len(made.ends) / made.total) - places).max()) if made.total else 0.0


def contiguous_runs(made: SlicePositions) -> Iterator[tuple[int, int]]:
    """Start and length of each stretch of the track that plays on unbroken: neighbours there and in the film."""
    start = length = 0
    for place, (frame, begins) in enumerate(zip(made.frames, made.starts.tolist(), strict=True)):
        more = int(made.ends[place]) - (int(made.ends[place - 1]) if place else 0)
        neighbour = place > 0 and frame == made.frames[place - 1] + 1
        # Both ends of a slice are rounded to samples: going on is right as long as no more than that was lost.
        if neighbour and abs(start + length - begins) <= _SAME_PLACE:
            length += more
            continue
        if length:
            yield start, length
        start, length = begins, more
    if length:
        yield start, length


def joined_audio(track: Samples, made: SlicePositions, fade: int) -> Iterator[Samples]:
    """The film's sound in blocks; where the track ends there is silence, and `fade` samples soften each click."""
    before = track[:0]
    for start, length in contiguous_runs(made):
        for at in range(start, start + length, _CHUNK):
            block = _read(track, at, min(_CHUNK, start + length - at))
            if at == start:
                block = declicked(before, block, fade)
            yield block
            before = np.concatenate([before, block])[-max(fade, 1) :]


def declicked(before: Samples, after: Samples, fade: int) -> Samples:
    """`after` without the click it makes behind `before`, if it makes one: a step higher than those around it.

    What came before is faded out as its own mirror image, since the sound that once followed it is another
    frame's; a join that was one all along has no such step, and stays as it is to the bit.
    """
    n = min(fade, len(before), len(after))
    if n < 2:
        return after
    left, right = before[-n:].astype(np.float64), after[:n].astype(np.float64)
    usual = np.maximum(np.abs(np.diff(left, axis=0)).max(0), np.abs(np.diff(right, axis=0)).max(0))
    click = np.abs(right[0] - left[-1]) > usual
    if not click.any():
        return after
    share = np.arange(n, 0, -1)[:, None] / (n + 1)
    mixed = np.rint(share * left[::-1] + (1 - share) * right).astype(after.dtype)
    return np.concatenate([np.where(click, mixed, after[:n]), after[n:]])


def _read(track: Samples, start: int, length: int) -> Samples:
    """A stretch of the track as it lies there, with silence where it reaches past either end."""
    there = track[max(0, start) : max(0, start + length)]
    if len(there) == length:
        return there
    block = np.zeros((length, track.shape[1]), track.dtype)
    lead = min(length, max(0, -start))
    block[lead : lead + len(there)] = there
    return block
