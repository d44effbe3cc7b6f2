"""Describe the stretches in which nothing moves, by numbers that a model weighs: is this a freeze, or a rest?

A freeze stops and goes on at once, and skips what happened meanwhile: the frames on its two sides are as far apart as
frames of the film usually are over that time. A rest begins and ends slowly and skips nothing; a still ends at a cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from ..media.types import Floats
from .detection_scores import Marks
from .evidence import FrameEvidence
from .rules import is_still, runs_of, without
from .surroundings import Surroundings

_BESIDE = 8
"""Frames on either side that show how much moves there,"""
_NEAREST = 3
"""and those next to the stretch, where a rest slows down."""
_LEAST_BEFORE = 4
"""Fewer frames than these before a stretch say little, as do"""
_LEAST_AFTER = 3
"""fewer than these after it."""
_NOISE = 0.3
"""Grey levels of change that coding explains."""
_TINY_NOISE = 0.05
"""The same for means over tiny pictures."""
_MOST_TIMES = 20.0
"""Bounds a factor before its logarithm is taken."""


@dataclass(frozen=True)
class StillStretch:
    """The frames from `start` up to `end`, which show the same."""

    start: int
    end: int


class StillStretches:
    """The still stretches of a film, and the numbers that describe each."""

    def __init__(self, evidence: FrameEvidence, around: Surroundings, broken: Marks, shortest: int) -> None:
        self._evidence, self._around, self._broken = evidence, around, broken
        self._raw = evidence.of("change")
        self._change = without(self._raw, broken)
        still = is_still(self._change)
        self._runs = [(start, end) for start, end in runs_of(still) if end - start >= shortest]
        self._stills = int(np.count_nonzero(still))
        self._in_runs = sum(end - start for start, end in self._runs)

    def __iter__(self) -> Iterator[tuple[StillStretch, dict[str, float]]]:
        for start, end in self._runs:
            if start:
                yield StillStretch(start, end), self._described(start, end)

    def _described(self, start: int, end: int) -> dict[str, float]:
        times, frames, count = self._evidence.times, end - start, len(self._evidence)
        return {
            "frames": float(np.log(frames)),
            "seconds": float(np.log(max(0.02, times[min(end, count - 1)] - times[start]))),
            "still elsewhere": float((self._stills - frames) / max(1, count - frames)),
            "in stretches elsewhere": float(np.log1p(self._in_runs - frames) - np.log(count)),
            "stretches elsewhere": float(np.log(len(self._runs))),
            "at the end": float(end >= count),
            "broken before": float(self._broken[max(0, start - _NEAREST) : start].any()),
            "broken after": float(self._broken[end : end + 2].any()),
            "blank": float(self._evidence.of("blank")[start]),
            **self._movement(start, end),
            **self._skipped(start, end),
        }

    def _movement(self, start: int, end: int) -> dict[str, float]:
        """Compare what moves before and after with what moves inside, and with the jump at the end."""
        change = self._change
        before, after = change[max(1, start - _BESIDE) : start], change[end + 1 : end + 1 + _BESIDE]
        inside, jump = change[start:end], float(self._raw[end]) if end < len(change) else 0.0
        moves = _mean(before), _mean(after)
        around = float(np.percentile([*before, *after], 75)) if len(before) + len(after) else 0.0
        return {
            "few before": float(len(before) < _LEAST_BEFORE),
            "few after": float(len(after) < _LEAST_AFTER),
            "moves before": float(np.log1p(moves[0])),
            "moves after": float(np.log1p(moves[1])),
            "most inside": float(np.log1p(inside.max())),
            "moves inside": float(np.log1p(inside.mean())),
            "moves, rated": float(np.log((min(moves) + _TINY_NOISE) / (inside.max() + _NOISE))),
            "jump": float(np.log1p(jump)),
            "jump, rated": _factor(jump, around),
            "jump, after": _factor(jump, moves[1]),
            "last before": _beside(before[-1:], before),
            "most before": _beside(before[-_NEAREST:], before),
            "first after": _beside(after[:1], after),
            "least before": _slowest(before[-_NEAREST:], before),
            "least after": _slowest(after[:_NEAREST], after),
        }

    def _skipped(self, start: int, end: int) -> dict[str, float]:
        """Compare the difference of both sides with what the film usually skips in that time, and from frame to frame.

        At the end of the film there is but one side.
        """
        if end >= len(self._evidence):
            return dict.fromkeys(("goes on", "goes on, off", "skips", "skips, rated"), 0.0) | {"shades": 1.0}
        goes_on = float(np.log(min(_MOST_TIMES, self._around.goes_on(start, end)) + _TINY_NOISE))
        last = min(len(self._evidence) - 1, end + _BESIDE)
        steps = [*range(max(0, start - _BESIDE), start - 1), *range(end, last)]
        one = median([self._apart(at, at + 1) for at in steps] or [0.0])
        skips = float(np.log((self._apart(start - 1, end) + _TINY_NOISE) / (one + _TINY_NOISE)))
        return {
            "goes on": goes_on,
            "goes on, off": abs(goes_on),
            "skips": skips,
            "skips, rated": skips - float(np.log(end - start + 1)),
            "shades": float(np.log1p(self._around.shade_change(start, end))),
        }

    def _apart(self, one: int, other: int) -> float:
        return float(self._around.difference(one, other).mean())


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else 0.0


def _factor(value: float, usual: float) -> float:
    return float(np.log((value + _NOISE) / (usual + _NOISE)))


def _beside(near: Sequence[float] | Floats, side: Floats) -> float:
    """Return how much more moves next to a stretch than on that side of it."""
    return _factor(float(np.max(near)), float(np.median(side))) if len(side) else 0.0


def _slowest(near: Floats, side: Floats) -> float:
    """Return how much less moves next to a stretch than on that side of it."""
    return float(np.log((np.min(near) + 0.1) / (np.median(side) + 0.1))) if len(side) else 0.0
