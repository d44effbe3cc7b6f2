"""Frames that are to be replaced, as gaps between clean ones, and what becomes of each gap."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import UsageError

Long: TypeAlias = Literal["leave", "hold"]
Why: TypeAlias = Literal["", "start", "end", "cut", "long"]
"""Why a gap is not filled from both its sides: it has only one, the film cuts in it, or it is too long."""


@dataclass(frozen=True)
class Gap:
    """Frames `first` to `last`, both of them broken, and whether the film has clean ones on either side."""

    first: int
    last: int
    why: Why = ""

    @property
    def frames(self) -> range:
        return range(self.first, self.last + 1)

    def __len__(self) -> int:
        return self.last - self.first + 1


def gaps_of(broken: Collection[int], frames: int, longest: int) -> list[Gap]:
    """The gaps of a film of so many frames; those of more than `longest` frames are marked as long."""
    runs: list[list[int]] = []
    for frame in sorted(set(broken)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    if runs == [[0, frames - 1]]:
        raise UsageError(f"All {frames} frames are to be replaced.", "Nothing clean is left to make others from.")
    return [Gap(first, last, _why(first, last, frames, longest)) for first, last in runs]


def _why(first: int, last: int, frames: int, longest: int) -> Why:
    if last - first + 1 > longest:
        return "long"
    return "start" if first == 0 else "end" if last == frames - 1 else ""
