"""Describe the stretches of a film that its signs call broken, by numbers that a model weighs.

A stretch is a run of frames in which one sign reaches 1. What tells damage from what films show is seldom one number:
how strong each sign is, alone and beside what is ordinary in the film; how well the film goes on behind the stretch;
how the film jumps into and out of it, and how often it jumps like that elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..media.types import Floats
from .boosted import KEPT
from .detection_scores import Marks
from .evidence import FrameEvidence
from .misfit import is_jump
from .rules import Signs, runs_of, usual_jump
from .surroundings import Fit, Surroundings

PATTERNS = ("torn", "grain", "stripes", "blocks", "edges")
"""The signs that show what damage looks like."""
CHANGES = ("misfit", "run", "healed")
"""The signs that say only that something changed for a while."""
_CALLING = (*PATTERNS, "blank", *CHANGES)
"""The signs that call frames broken before they are weighed."""
WEIGHED = (*_CALLING, "drift")
"""The signs whose stretches are weighed. Drift is a mere proposal: cuts and sudden movements end runs, too."""
_RATED = (*PATTERNS, "misfit")
"""The signs that are compared with those of the rest of the film."""
_ORDINARY = 98
"""Percentile of the frames under 1 that is ordinary in a film."""
_ORDINARY_LEAST = 0.3
"""What a sign reaches in any film."""
_MOST = 20.0
"""Bounds a number before its logarithm is taken."""
LONG = 30.0
"""Seconds on either side in which jumps are counted."""
AS_LARGE = 0.6
"""The share of a jump from which another one is as large."""
_COMPARED = ("edges", "blocks", "stripes", "smears", "blank", "contrast")
"""The measures of a frame by itself that are compared with those of both sides,"""
_SIDE = 6
"""and how many frames of a side."""
_SPOTS_LEAST = 0.3
"""Grey levels by which spots jump where nothing moves."""
_NO_FIT = Fit(0.6, 6.0, 0.4, 0.6)
"""Stands for the fit of a stretch at an end of the film, which has one side: about that of an unclear one."""


@dataclass(frozen=True)
class Stretch:
    """The frames from `start` up to `end`, in which the sign `name` reaches 1."""

    name: str
    start: int
    end: int


class Stretches:
    """The stretches of a film, and the numbers that describe each."""

    def __init__(self, evidence: FrameEvidence, around: Surroundings, signs: Signs, kept: Marks) -> None:
        self._evidence, self._around, self._signs, self._kept = evidence, around, signs, kept
        self.called: Marks = np.max([signs[name] for name in _CALLING], axis=0) >= 1
        """The frames that any sign but drift calls broken."""

    def __iter__(self) -> Iterator[tuple[Stretch, dict[str, float]]]:
        for whole in runs_of(self.called):
            for name in _CALLING:
                for first, last in runs_of(self._signs[name][slice(*whole)] >= 1):
                    start, end = whole[0] + first, whole[0] + last
                    yield Stretch(name, start, end), self._described(name, start, end, whole)
        for start, end in self._drifting():
            yield Stretch("drift", start, end), self._described("drift", start, end, (start, end))

    def _drifting(self) -> Iterator[tuple[int, int]]:
        """Yield the stretches that drift, each by itself, even where one follows another."""
        begun = self._evidence.of("drift_start")
        for first, last in runs_of(self._signs["drift"] >= 1):
            others = first + 1 + np.flatnonzero(np.diff(begun[first:last]))
            yield from pairwise([first, *others.tolist(), last])

    def _described(self, name: str, start: int, end: int, whole: tuple[int, int]) -> dict[str, float]:
        usual = self._around.usual_change(start, end)
        return {
            KEPT: float(self._kept[start:end].mean()),
            "frames": float(np.log(end - start)),
            "frames, whole": float(np.log(whole[1] - whole[0])),
            "usual change": float(np.log1p(usual)),
            **{f"is {one}": float(one == name) for one in WEIGHED},
            **self._strengths(start, end),
            **_fitting("", self._around.fit(start, end), usual),
            **_fitting(", whole", self._around.fit(*whole), usual),
            **self._jumps(start, end),
            **self._looks(start, end),
            **self._drift(start, end),
            **self._beside(start, end),
        }

    def _strengths(self, start: int, end: int) -> dict[str, float]:
        most = {name: float(self._signs[name][start:end].max()) for name in WEIGHED}
        patterns = [most[name] for name in PATTERNS]
        return {
            **{name: _log(most[name]) for name in WEIGHED},
            **{f"{name}, rated": _log(most[name] / self._ordinary[name]) for name in _RATED},
            "patterns": float(sum(value >= 1 for value in patterns)),
            "strongest pattern": _log(max(patterns)),
        }

    def _jumps(self, start: int, end: int) -> dict[str, float]:
        """Describe the jumps into and out of a stretch, and how often the film jumps elsewhere."""
        times, jump, ordinary = self._evidence.times, self._evidence.of("jump"), self._ordinary_jumps
        last = min(end, len(times) - 1)
        first, after = np.searchsorted(times, (times[start] - LONG, times[last] + LONG))
        near = ordinary[first:after]
        seconds = max(1.0, float(times[min(after, len(times) - 1)] - times[first]))
        found = {
            "as large": _log(float(np.count_nonzero(near >= AS_LARGE * min(jump[start], jump[last])))),
            "jumps a minute": float(np.log1p(60 * np.count_nonzero(near) / seconds)),
        }
        for side, at in (("in", start), ("out", last)):
            found |= {f"jump {side}": _log(jump[at]), f"jump {side}, rated": _log(jump[at] / (self._usual[at] + 1))}
        return found

    def _looks(self, start: int, end: int) -> dict[str, float]:
        share, gain = self._around.one_shade(start, end)
        inside = start > 0 and end < len(self._evidence)
        return {
            "shade": share,
            "shade, gain": max(0.0, gain),
            "level": float(self._evidence.of("level")[(start + end - 1) // 2]) / 255,
            "goes on": _log(self._around.goes_on(start, end)) if inside else 1.0,
            "shades": _log(self._around.shade_change(start, end)) if inside else 1.0,
        }

    def _drift(self, start: int, end: int) -> dict[str, float]:
        """Describe how the spots of a stretch jump as it begins and ends, and how clearly they change more in it."""
        jump, last = self._evidence.of("drift_jump"), min(end, len(self._evidence) - 1)
        return {
            "rise": _log(self._evidence.of("drift_rise")[start:end].max()),
            "spots": float(self._evidence.of("drift_share")[start:end].max()),
            "borders lost": float(self._evidence.of("drift_borders")[start:end].max()),
            "spots in": _log(jump[start]),
            "spots out": _log(jump[last]),
            "spots out, rated": _log(jump[last] / (self._usual_spots + _SPOTS_LEAST)),
        }

    def _beside(self, start: int, end: int) -> dict[str, float]:
        """Compare how a stretch looks with how both sides of it do."""
        found = {}
        for name in _COMPARED:
            values = self._evidence.of(name)
            sides = [side for side in (values[max(0, start - _SIDE) : start], values[end : end + _SIDE]) if len(side)]
            most = max((float(np.median(side)) for side in sides), default=0.0)
            found[f"{name}, beside"] = _log(float(np.median(values[start:end]))) - _log(most)
        return found

    @cached_property
    def _usual_spots(self) -> float:
        return float(np.percentile(self._evidence.of("drift_jump"), _ORDINARY))

    @cached_property
    def _ordinary(self) -> dict[str, float]:
        """What each rated sign reaches in frames that it does not call broken."""
        return {name: self._reached(self._signs[name]) for name in _RATED}

    def _reached(self, values: Floats) -> float:
        under = values[values < 1]
        return max(_ORDINARY_LEAST, float(np.percentile(under, _ORDINARY)) if len(under) else 1.0)

    @cached_property
    def _usual(self) -> Floats:
        return usual_jump(self._evidence.of("jump"))

    @cached_property
    def _ordinary_jumps(self) -> Floats:
        return ordinary_jumps(self._evidence.of("jump"), self._usual, self.called)


def ordinary_jumps(jump: Floats, usual: Floats, called: Marks) -> Floats:
    """Return for each frame its jump where this has nothing to do with frames called broken, else 0."""
    beside = called | np.concatenate([[False], called[:-1]])
    return np.where(is_jump(jump, usual) & ~beside, jump, 0).astype(np.float32)


def _fitting(of: str, fit: Fit | None, usual: float) -> dict[str, float]:
    shown = fit or _NO_FIT
    return {
        f"at an end{of}": float(fit is None),
        f"returns{of}": shown.returns,
        f"excess{of}": float(np.log1p(shown.excess)),
        f"excess, rated{of}": float(np.log1p(shown.excess / (usual + 1))),
        f"cover{of}": shown.cover,
        f"abrupt{of}": min(1.5, shown.abrupt),
    }


def _log(value: float) -> float:
    return float(np.log1p(np.clip(value, 0, _MOST)))
