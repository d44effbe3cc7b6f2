"""Interpolate pictures between two clean ones: several methods behind one protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import numpy as np

from ..media.types import Floats
from .optical_flow import FAR, Motion, at_moment, blurred, estimate_motion, inside, resized, same_scene, scaled, warped
from .planes import Planes

MethodName = Literal["auto", "motion", "blend", "hold"]

_MOST_MOTION_PIXELS = 960
"""Longer side at which motion is estimated: motion is smooth, and full size costs more than it gains."""
_OCCLUSION_RATE = 0.2
"""Decay, for each pixel of difference in motion, of the weight of a picture in which a point is hidden."""
_NEIGHBOURHOOD = 4.0
"""Width in pixels of the blur over which two pictures are compared."""
_NOISE = 4.0
"""Squared grey levels of difference that count as noise when motion and crossfade are compared."""
_MISMATCH_RATE = 0.2
"""Log odds against motion for each pixel by which forward and backward motion disagree."""
_PRIOR = 0.1
"""Mean squared grey levels of a trial that would have gone well, added to the trials: where hardly anything moves,
they tell nothing."""


@dataclass(frozen=True)
class GapEnds:
    """The clean pictures next to a gap."""

    before: Planes
    after: Planes


@dataclass(frozen=True)
class KnownFrame:
    """A clean picture at a moment between two others, on which a method can be tried."""

    sides: GapEnds
    at: float
    true: Planes


@dataclass(frozen=True)
class Interpolated:
    """An interpolated picture, and the share of it that follows motion."""

    planes: Planes
    moved: float


AtMoment: TypeAlias = Callable[[float], Interpolated]
"""Make the picture at a moment from 0 (before) to 1 (after)."""


class Interpolator(Protocol):
    """A method of interpolation."""

    def across(self, sides: GapEnds) -> AtMoment:
        """Analyse a gap once, and return the function that makes its pictures."""
        ...


class HoldNearest:
    """Repeat the nearer of the two pictures."""

    def across(self, sides: GapEnds) -> AtMoment:
        return lambda at: Interpolated(sides.before if at <= 0.5 else sides.after, 0.0)


class Crossfade:
    """Fade one picture into the other."""

    def across(self, sides: GapEnds) -> AtMoment:
        return lambda at: Interpolated(_mixed(sides.before, sides.after, at), 0.0)


class FollowMotion:
    """Move each pixel along its motion, taken from the picture in which it is visible."""

    def across(self, sides: GapEnds) -> AtMoment:
        motion = _MotionCompensation(sides)
        return lambda at: Interpolated(motion.at(at).planes, 1.0)


@dataclass(frozen=True)
class AutomaticInterpolator:
    """Follow motion where that makes the two pictures agree, crossfade elsewhere, with a soft transition.

    The difference of the two pictures at a pixel, as they are and after motion compensation, estimates the error
    of each method there. It does not tell whether the motion is steady: where a camera shakes, a picture halfway is
    sharp and in the wrong place, farther from the true one than a crossfade. Known frames tell, and the share of
    motion becomes what would have suited them.
    """

    most: float = 1.0
    """Bounds the share of motion."""
    known: Sequence[KnownFrame] = ()
    """Clean frames close to the gap."""

    def across(self, sides: GapEnds) -> AtMoment:
        shares, most = _MotionShares(sides), min(self.most, _best_share(self.known))

        def make(at: float) -> Interpolated:
            faded, moved, share = shares.at(at)
            share = share * np.float32(most)
            planes = tuple(
                faded_one + resized(share, _size(faded_one)) * (moved_one - faded_one)
                for faded_one, moved_one in zip(faded, moved, strict=True)
            )
            return Interpolated(planes, float(share.mean()))

        return make


class _MotionShares:
    """The crossfade and the motion-compensated picture, and at which share each pixel follows motion."""

    def __init__(self, sides: GapEnds) -> None:
        self._sides = sides
        self._motion = _MotionCompensation(sides)
        self._difference = _local_difference(sides.before[0], sides.after[0])

    def at(self, at: float) -> tuple[Planes, Planes, Floats]:
        moved = self._motion.at(at)
        compensated = _local_difference(moved.before, moved.after)
        odds = np.log((self._difference + _NOISE) / (compensated + _NOISE)) - _MISMATCH_RATE * moved.mismatch
        share = np.asarray(1 / (1 + np.exp(-odds)), np.float32)
        return _mixed(self._sides.before, self._sides.after, at), moved.planes, share


def _best_share(known: Sequence[KnownFrame]) -> float:
    """Return the factor for the share of motion with which known frames come out best: the least squares of luma."""
    gained, moved = _PRIOR, _PRIOR
    for frame in known:
        if same_scene(frame.sides.before[0], frame.sides.after[0]):
            lumas = GapEnds(frame.sides.before[:1], frame.sides.after[:1])
            faded, followed, share = _MotionShares(lumas).at(frame.at)
            change = share * (followed[0] - faded[0])
            gained += float(np.mean(change * (frame.true[0] - faded[0])))
            moved += float(np.mean(np.square(change)))
    return float(np.clip(gained / moved, 0, 1))


def interpolator(method: MethodName, motion_share: float = 1.0, known: Sequence[KnownFrame] = ()) -> Interpolator:
    """Return the interpolator of that name; `auto` gives motion no more than this share, and less if known frames
    would have come out better so.
    """
    if method == "auto":
        return AutomaticInterpolator(motion_share, known)
    methods: dict[MethodName, type[Interpolator]] = {
        "motion": FollowMotion,
        "blend": Crossfade,
        "hold": HoldNearest,
    }
    return methods[method]()


@dataclass(frozen=True)
class _Moved:
    """A motion-compensated picture, the luma warped from each side, and by how much the motions disagree there."""

    planes: Planes
    before: Floats
    after: Floats
    mismatch: Floats


@dataclass
class _MotionCompensation:
    sides: GapEnds
    motion: Motion = field(init=False)

    def __post_init__(self) -> None:
        small = _motion_size(self.sides.before[0])
        self.motion = estimate_motion(*(resized(side[0], small) for side in (self.sides.before, self.sides.after)))

    def at(self, at: float) -> _Moved:
        flow = at_moment(self.motion, at)
        to_before, to_after = np.float32(-at) * flow, np.float32(1 - at) * flow
        visible_before = _visibility(self.motion.forth, to_before, flow) * np.float32(1 - at)
        visible_after = _visibility(-self.motion.back, to_after, flow) * np.float32(at)
        share = np.asarray((visible_after + 1e-6) / (visible_before + visible_after + 2e-6), np.float32)
        planes, lumas = [], []
        for before, after in zip(self.sides.before, self.sides.after, strict=True):
            size = _size(before)
            a, b = warped(before, scaled(to_before, size)), warped(after, scaled(to_after, size))
            lumas.append((a, b))
            planes.append(a + resized(share, size) * (b - a))
        misses = (self.motion.forth_miss, to_before), (self.motion.back_miss, to_after)
        # At an occlusion only one of the two directions misses.
        mismatch = np.minimum(*(warped(miss, flow, smooth=False) for miss, flow in misses))
        return _Moved(tuple(planes), *lumas[0], resized(blurred(mismatch, _NEIGHBOURHOOD), _size(lumas[0][0])))


def _visibility(own: Floats, to_picture: Floats, flow: Floats) -> Floats:
    """Estimate how likely a picture shows what moves by `flow`: where its own motion differs, something hides it."""
    difference = np.minimum(np.linalg.norm(warped(own, to_picture, smooth=False) - flow, axis=2), FAR)
    return np.asarray(np.exp(-_OCCLUSION_RATE * difference) * inside(to_picture), np.float32)


def _local_difference(a: Floats, b: Floats) -> Floats:
    return blurred(np.square(a - b), _NEIGHBOURHOOD)


def _mixed(before: Planes, after: Planes, at: float) -> Planes:
    return tuple(a + np.float32(at) * (b - a) for a, b in zip(before, after, strict=True))


def _size(plane: Floats) -> tuple[int, int]:
    return plane.shape[1], plane.shape[0]


def _motion_size(luma: Floats) -> tuple[int, int]:
    width, height = _size(luma)
    factor = min(1.0, _MOST_MOTION_PIXELS / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))
