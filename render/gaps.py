"""Group broken frames into gaps, and decide which gaps cannot be interpolated."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import UsageError

Long: TypeAlias = Literal["leave", "hold"]
"""What to do with a gap that is too long: leave its frames unchanged, or hold the nearest clean frame."""
GapReason: TypeAlias = Literal["", "start", "end", "cut", "long"]
"""Why a gap is not interpolated: it has a clean frame on one side only, the film cuts in it, or it is too long."""


@dataclass(frozen=True)
class Gap:
    """The broken frames `first` to `last`, and why they cannot be interpolated, if so."""

    first: int
    last: int
    why: GapReason = ""

    @property
    def frames(self) -> range:
        return range(self.first, self.last + 1)

    def __len__(self) -> int:
        return self.last - self.first + 1


def gaps_of(broken: Collection[int], frames: int, longest: int) -> list[Gap]:
    """Group the broken frames of a film; gaps longer than `longest` are marked.

    Raises:
        UsageError: Every frame is broken.
    """
    runs: list[list[int]] = []
    for frame in sorted(set(broken)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    if runs == [[0, frames - 1]]:
        raise UsageError(f"All {frames} frames are to be replaced.", "Leave a clean frame to make the others from.")
    return [Gap(first, last, _why(first, last, frames, longest)) for first, last in runs]


def _why(first: int, last: int, frames: int, longest: int) -> GapReason:
    if last - first + 1 > longest:
        return "long"
    return "start" if first == 0 else "end" if last == frames - 1 else ""
