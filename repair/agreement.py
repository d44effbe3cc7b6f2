"""Describe a stretch by how likely the stretches around it are broken.

Damage leaves several signs, none of them in all of its frames: borders of macroblocks here, a jump back there. A
stretch that is doubtful alone counts as broken where others agree: those on the same frames, those that end where it
does, for example at the next key frame, and those elsewhere in a damaged film.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..media.types import Floats
from .boosted import EDGES, KEPT, TORN
from .detection_scores import Marks, Shares
from .stretches import CHANGES, LONG, PATTERNS, Stretch

_FAMILIES = {"pattern": (*PATTERNS, "blank"), "change": CHANGES, "drift": ("drift",)}
"""Signs of one kind often come together, so that one kind that agrees with another says more."""
_SURE = 6.2
"""Bounds log odds: a probability of .998. Trees of boosting are surer of what they were fitted to."""
_NONE = -7.0
"""Log odds where there is no other stretch to compare with."""
_CLOSE = 1
"""Frames between two starts, or two ends, that are one."""
_NEXT = 12
"""Frames before and after a stretch in which others are next to it: half a second."""
_APART = 15
"""Frames beside a stretch that do not count as elsewhere."""
_LIKELY = -1.0
"""Log odds from which a stretch elsewhere is likely broken."""
_QUITE = 2.0
"""Log odds from which a frame is quite likely broken."""


@dataclass(frozen=True)
class _Others:
    """All stretches of a film, as columns."""

    names: npt.NDArray[np.str_]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    odds: Shares
    families: Mapping[str, Marks]
    best: Mapping[str, Floats]
    """The best log odds of each family in each frame."""

    def most(self, marks: Marks) -> float:
        """Return the log odds of the likeliest of these stretches."""
        return float(self.odds[marks].max()) if marks.any() else _NONE


def agreement(
    described: Sequence[tuple[Stretch, Mapping[str, float]]], odds: Shares, times: npt.NDArray[np.float64]
) -> list[dict[str, float]]:
    """Return for each stretch the numbers that say how far others agree with it.

    Args:
        described: The stretches of a film, each with its own features.
        odds: The log odds that each is broken, by these numbers.
        times: The time of each frame.
    """
    others = _others([one for one, _ in described], np.clip(odds, -_SURE, _SURE), len(times))
    return [
        {
            "alone": float(others.odds[at]),
            KEPT: numbers[KEPT],
            "frames": numbers["frames"],
            EDGES: numbers[EDGES],
            TORN: numbers[TORN],
            **_overlapping(others, at),
            **_elsewhere(others, at, times),
        }
        for at, (_, numbers) in enumerate(described)
    ]


def _others(stretches: Sequence[Stretch], odds: Shares, frames: int) -> _Others:
    names = np.array([one.name for one in stretches])
    families = {family: np.isin(names, signs) for family, signs in _FAMILIES.items()}
    best = {family: np.full(frames, -_SURE, np.float32) for family in _FAMILIES}
    for family, marks in families.items():
        for at in np.flatnonzero(marks).tolist():
            shown = best[family][stretches[at].start : stretches[at].end]
            np.maximum(shown, np.float32(odds[at]), out=shown)
    starts, ends = (np.array([getattr(one, side) for one in stretches], np.int64) for side in ("start", "end"))
    return _Others(names, starts, ends, odds, families, best)


def _overlapping(others: _Others, at: int) -> dict[str, float]:
    """Describe the stretches that have frames in common with one."""
    start, end = int(others.starts[at]), int(others.ends[at])
    over = (others.starts < end) & (others.ends > start)
    over[at] = False
    inside = over & (others.starts >= start) & (others.ends <= end)
    around = over & (others.starts <= start) & (others.ends >= end)
    ends = over & (np.abs(others.ends - end) <= _CLOSE)
    found: dict[str, float] = {}
    for family, marks in others.families.items():
        found |= {
            f"is {family}": float(marks[at]),
            f"over, {family}": others.most(over & marks),
            f"inside, {family}": others.most(inside & marks),
            f"ends with, {family}": others.most(ends & marks),
            f"mean, {family}": float(others.best[family][start:end].mean()),
        }
    best = np.max([values[start:end] for values in others.best.values()], axis=0)
    return found | {
        "around": others.most(around),
        "starts with": others.most(over & (np.abs(others.starts - start) <= _CLOSE)),
        "likely frames": float((best > 0).mean()),
        "quite likely frames": float((best > _QUITE).mean()),
        "likely signs": float(len(set(others.names[over & (others.odds > 0)]))),
        "signs": float(len(set(others.names[over]))),
    }


def _elsewhere(others: _Others, at: int, times: npt.NDArray[np.float64]) -> dict[str, float]:
    """Describe the stretches next to one, and those in the rest of the film around it."""
    start, end = others.starts[at], others.ends[at]
    near = np.abs(times[others.starts] - times[start]) <= LONG
    near &= (others.ends < start - _APART) | (others.starts > end + _APART)
    return {
        "before": others.most((others.ends <= start) & (others.ends >= start - _NEXT)),
        "after": others.most((others.starts >= end) & (others.starts <= end + _NEXT)),
        "elsewhere": others.most(near),
        "likely elsewhere": float(np.log1p(np.count_nonzero(near & (others.odds > _LIKELY)))),
        "stretches elsewhere": float(np.log1p(np.count_nonzero(near))),
    }
