"""Pictures between two clean ones: several ways behind one protocol, none of which knows where frames come from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np

from ..media.types import Floats
from .optical_flow import FAR, Motion, at_moment, blurred, estimate_motion, inside, resized, scaled, warped
from .planes import Planes

MethodName = Literal["auto", "motion", "blend", "hold"]

_MOST_LOOKED_AT = 960
"""Pixels across at which motion is told: it is smooth, and at full size costs more than it shows."""
_HIDDEN = 0.2
_AROUND = 4.0
_NOISE = 4.0
_LOST = 0.2
"""How quickly a place is left to fading with each pixel by which both ways miss each other."""


@dataclass(frozen=True)
class GapEnds:
    """The clean pictures next to a gap."""

    before: Planes
    after: Planes


@dataclass(frozen=True)
class Interpolated:
    """A picture, and the share of it that was made by following motion."""

    planes: Planes
    moved: float


AtMoment: TypeAlias = Callable[[float], Interpolated]


class Interpolator(Protocol):
    def across(self, sides: GapEnds) -> AtMoment:
        """Look at a gap once; the answer makes its picture at any moment from 0 (before) to 1 (after)."""
        ...


class HoldNearest:
    """The nearer of the two pictures."""

    def across(self, sides: GapEnds) -> AtMoment:
        return lambda at: Interpolated(sides.before if at <= 0.5 else sides.after, 0.0)


class Crossfade:
    """One picture fades into the other."""

    def across(self, sides: GapEnds) -> AtMoment:
        return lambda at: Interpolated(_mixed(sides.before, sides.after, at), 0.0)


class FollowMotion:
    """Each thing is put where it was on its way, taken from the picture that shows it."""

    def across(self, sides: GapEnds) -> AtMoment:
        moving = _Moving(sides)
        return lambda at: Interpolated(moving.at(at).planes, 1.0)


class AutomaticInterpolator:
    """Motion where following it makes the two pictures agree, fading where it does not; from one to the other softly.

    Both are guesses at what nobody saw. How far the two pictures are apart at a place, as they are and once they
    are bent together, tells how far off each guess may be.
    """

    def across(self, sides: GapEnds) -> AtMoment:
        moving = _Moving(sides)
        apart = _apart(sides.before[0], sides.after[0])

        def make(at: float) -> Interpolated:
            moved = moving.at(at)
            odds = np.log((apart + _NOISE) / (_apart(moved.before, moved.after) + _NOISE)) - _LOST * moved.lost
            share = np.asarray(1 / (1 + np.exp(-odds)), np.float32)
            faded = _mixed(sides.before, sides.after, at)
            planes = tuple(
                faded_one + resized(share, _size(faded_one)) * (moved_one - faded_one)
                for faded_one, moved_one in zip(faded, moved.planes, strict=True)
            )
            return Interpolated(planes, float(share.mean()))

        return make


def interpolator(method: MethodName) -> Interpolator:
    ways: dict[MethodName, type[Interpolator]] = {
        "auto": AutomaticInterpolator,
        "motion": FollowMotion,
        "blend": Crossfade,
        "hold": HoldNearest,
    }
    return ways[method]()


@dataclass(frozen=True)
class _Moved:
    """The picture at a moment, the luma of each side bent to that moment, and by how much both ways miss there."""

    planes: Planes
    before: Floats
    after: Floats
    lost: Floats


@dataclass
class _Moving:
    sides: GapEnds
    motion: Motion = field(init=False)

    def __post_init__(self) -> None:
        small = _looked_at(self.sides.before[0])
        self.motion = estimate_motion(*(resized(side[0], small) for side in (self.sides.before, self.sides.after)))

    def at(self, at: float) -> _Moved:
        flow = at_moment(self.motion, at)
        to_before, to_after = np.float32(-at) * flow, np.float32(1 - at) * flow
        seen_before = _seen(self.motion.forth, to_before, flow) * np.float32(1 - at)
        seen_after = _seen(-self.motion.back, to_after, flow) * np.float32(at)
        share = np.asarray((seen_after + 1e-6) / (seen_before + seen_after + 2e-6), np.float32)
        planes, lumas = [], []
        for before, after in zip(self.sides.before, self.sides.after, strict=True):
            size = _size(before)
            a, b = warped(before, scaled(to_before, size)), warped(after, scaled(to_after, size))
            lumas.append((a, b))
            planes.append(a + resized(share, size) * (b - a))
        misses = (self.motion.forth_miss, to_before), (self.motion.back_miss, to_after)
        # Where one side hides what the other shows, only one of the two misses.
        lost = np.minimum(*(warped(miss, flow, smooth=False) for miss, flow in misses))
        return _Moved(tuple(planes), *lumas[0], resized(blurred(lost, _AROUND), _size(lumas[0][0])))


def _seen(own: Floats, there: Floats, flow: Floats) -> Floats:
    """How likely a picture shows what moves like this: where it moves otherwise, something else hides it."""
    otherwise = np.minimum(np.linalg.norm(warped(own, there, smooth=False) - flow, axis=2), FAR)
    return np.asarray(np.exp(-_HIDDEN * otherwise) * inside(there), np.float32)


def _apart(a: Floats, b: Floats) -> Floats:
    return blurred(np.square(a - b), _AROUND)


def _mixed(before: Planes, after: Planes, at: float) -> Planes:
    return tuple(a + np.float32(at) * (b - a) for a, b in zip(before, after, strict=True))


def _size(plane: Floats) -> tuple[int, int]:
    return plane.shape[1], plane.shape[0]


def _looked_at(luma: Floats) -> tuple[int, int]:
    width, height = _size(luma)
    factor = min(1.0, _MOST_LOOKED_AT / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))
