"""Find the part of a frame that is broken, by the clean frames around its gap.

Each pixel is looked for in both of these frames. A broken one is in neither: it differs there, its way there and back
do not meet, or it moves unlike what surrounds it. What the gap itself leaves open, as where an object is uncovered,
says nothing. The measures are weighed by a logistic regression, fitted to 366 frames of 29 clips of the tuning half of
bench/clips.toml with damage of `scramble` of all kinds and severities.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from ..media.types import Floats, Mask
from ..render.interpolate import GapEnds
from ..render.optical_flow import (
    FAR,
    Motion,
    at_moment,
    blurred,
    estimate_flows,
    estimate_motion,
    flow_miss,
    resized,
    warped,
)
from ..render.planes import Planes
from ..render.region import FindBroken, Parts
from .gain import gains

Measures: TypeAlias = dict[str, Floats]
"""Measures of each pixel, by name."""

_LONGER_SIDE = 384
"""Pixels of the longer side at which pixels are compared: two flows a frame in each direction cost 30 ms there."""
_NEAR = 2.0
"""Width in pixels of the blur over which measures are taken."""
_WEIGHTS = {
    "luma": -0.275,
    "chroma": -0.02,
    "miss": 0.175,
    "made_luma": 0.602,
    "made_chroma": 0.487,
    "open": -0.955,
    "turn": 0.314,
    "both": 1.329,
}
"""Log odds of a broken pixel for each unit of the logarithm of a measure: see `_measures`.

A pixel weighed as much in the fit as it costs to mistake it: by the squared difference that stays where it is missed,
or that an in-between brings where it is intact. Fitted so, repair gains .7 dB more than with equal weights.
"""
_BIAS = -2.406
_LEAST = 0.5
"""Probability from which a pixel is broken."""
_CLOSED = 21
"""Pixels on a side of the holes in a mask that are closed: damage is right by chance there."""
_BESIDE = 6
"""Pixels by which a mask reaches beyond what is broken: there the replacement fades in."""
_INTACT = 0.15
"""Probability up to which a pixel of a mask stays as it is; from there to `_LEAST` the replacement fades in. Chosen on
25 frames of 11 clips of the tuning half; on 34 frames of 18 others of it the PSNR of the masked pixels rises by .5 dB,
and the gradients at the border differ by a third less from the true ones."""
_MOST_SHARE = 0.6
"""The share of the picture from which all of it is replaced."""
_DOUBTED = 0.3
"""A mask is trusted while the squared difference that it may have missed stays under this share of what the gap leaves
open in the rest of the picture. On frames of the tuning half under half broken, where training left their clips out,
regional repair gains 2.8 dB without this test; with it the gain is 2.6 dB, and 7.5 % of the frames are worse by .3 dB.
At .5 these are 9.4 %, at 1 they are 13.1 %, and nothing is gained."""


def broken_finder(mode: Literal["auto", "on", "off"]) -> FindBroken | None:
    """Return what finds the broken part of a frame: `on` wherever there is one, `auto` where it can be trusted."""
    return None if mode == "off" else BrokenFinder(is_careful=mode == "auto")


@dataclass
class BrokenFinder:
    """Find the broken part of a picture, or that all of it is to be replaced; `is_careful` also where doubt remains."""

    is_careful: bool = True
    _gap: "_Gap | None" = field(default=None, init=False)

    def __call__(self, broken: Planes, sides: GapEnds, at: float, made: Planes) -> Mask | None:
        """Return the pixels to replace, some of them beside the broken ones; None for all."""
        measures = self._measures(broken, sides, at, made)
        found = _broken_pixels(measures)
        mask = _widened(found)
        if not found.any() or (self.is_careful and not _is_trusted(mask, measures)):
            return None
        return _enlarged(mask, broken)

    def worth_replacing(self, broken: Planes, sides: GapEnds, at: float, made: Planes) -> Parts:
        """Return the pixels to replace; if `is_careful`, as far as that is likely to be better than leaving them."""
        if not self.is_careful:
            found = self(broken, sides, at, made)
            everything = np.ones(broken[0].shape, bool) if found is None else found
            return Parts(everything, everything)
        measures = self._measures(broken, sides, at, made)
        likely = _probability(measures)
        pixels = np.asarray(likely > _LEAST, bool)
        mask = _widened(pixels)
        regions = _connected(mask) if pixels.any() and _is_trusted(mask, measures) else [np.ones_like(mask)]
        luma, chroma = np.zeros_like(mask), np.zeros_like(mask)
        for region in regions:
            better = gains(measures, likely, region)
            luma |= region & better[0]
            chroma |= region & better[1]
        shares = np.clip((likely - np.float32(_INTACT)) / np.float32(_LEAST - _INTACT), 0, 1)
        return Parts(_enlarged(luma, broken), _enlarged(chroma, broken), resized(shares, _size(broken)))

    def broken_pixels(self, broken: Planes, sides: GapEnds, at: float, made: Planes) -> Mask:
        """Return the pixels that are broken."""
        return _enlarged(_broken_pixels(self._measures(broken, sides, at, made)), broken)

    def _measures(self, broken: Planes, sides: GapEnds, at: float, made: Planes) -> Measures:
        if self._gap is None or self._gap.sides is not sides:
            self._gap = _Gap(sides)
        return _measures(_small(broken), self._gap, at, _small(made))


class _Gap:
    """The clean pictures around a gap at the size at which pixels are compared, and the motion between them."""

    def __init__(self, sides: GapEnds) -> None:
        self.sides = sides
        self.before, self.after = _small(sides.before), _small(sides.after)
        self.motion: Motion = estimate_motion(self.before[0], self.after[0])

    def open_difference(self, at: float) -> Floats:
        """Return by how much the two pictures still differ once they are moved to a moment."""
        flow = at_moment(self.motion, at)
        moved = warped(self.before[0], np.float32(-at) * flow), warped(self.after[0], np.float32(1 - at) * flow)
        return blurred(np.abs(moved[0] - moved[1]), _NEAR)


def _probability(measures: Measures) -> Floats:
    """Return how likely each pixel is broken."""
    odds = sum((np.float32(weight) * np.log1p(measures[name]) for name, weight in _WEIGHTS.items()), np.float32(_BIAS))
    return np.asarray(1 / (1 + np.exp(-blurred(np.asarray(odds, np.float32), 2 * _NEAR))), np.float32)


def _broken_pixels(measures: Measures) -> Mask:
    return np.asarray(_probability(measures) > _LEAST, bool)


def _measures(broken: Planes, gap: _Gap, at: float, made: Planes) -> Measures:
    """Return the measures of each pixel.

    `luma` and `chroma` are the differences from the better of the two clean pictures, along the motion to it, `miss`
    is by how many pixels the way back from there misses, `made_...` are the differences from the interpolated picture,
    `both` is the smaller of the two kinds of difference, which only damage has in common, in luma or chroma. `open` is
    what the gap leaves open, and `turn` by how many pixels the motions to both sides are not one motion.
    """
    ways = [_looked_up(broken, side) for side in (gap.before, gap.after)]
    turn = np.linalg.norm((1 - at) * ways[0][3] + at * ways[1][3], axis=2).astype(np.float32)
    luma, chroma, miss = (np.minimum(one, other) for one, other in zip(ways[0][:3], ways[1][:3], strict=True))
    made_luma, made_chroma = _difference(broken[:1], made[:1]), _difference(broken[1:], made[1:])
    return {
        "luma": luma,
        "chroma": chroma,
        "miss": miss,
        "made_luma": made_luma,
        "made_chroma": made_chroma,
        "both": np.maximum(np.minimum(luma, made_luma), np.minimum(chroma, made_chroma)),
        "open": gap.open_difference(at),
        "turn": blurred(np.minimum(turn, np.float32(FAR)), _NEAR),
    }


def _looked_up(broken: Planes, side: Planes) -> tuple[Floats, Floats, Floats, Floats]:
    forth, back = estimate_flows(broken[0], side[0])
    shown = tuple(warped(plane, forth) for plane in side)
    miss = blurred(flow_miss(forth, back), _NEAR)
    return _difference(broken[:1], shown[:1]), _difference(broken[1:], shown[1:]), miss, forth


def _difference(one: Sequence[Floats], other: Sequence[Floats]) -> Floats:
    """Return the difference in the plane that differs most."""
    near = [blurred(np.abs(a - b), _NEAR) for a, b in zip(one, other, strict=True)]
    return np.asarray(np.max(near, axis=0), np.float32)


def _small(planes: Planes) -> Planes:
    """Scale all planes to one size."""
    height, width = planes[0].shape
    factor = min(1.0, _LONGER_SIDE / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return tuple(resized(plane, size) for plane in planes)


def _connected(mask: Mask) -> list[Mask]:
    import cv2

    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    return [np.asarray(labels == number, bool) for number in range(1, count)]


def _enlarged(mask: Mask, planes: Planes) -> Mask:
    """Scale a mask to the luma of a picture."""
    return np.asarray(resized(mask.astype(np.float32), _size(planes)) >= 0.5, bool)


def _size(planes: Planes) -> tuple[int, int]:
    return planes[0].shape[1], planes[0].shape[0]


def _widened(found: Mask) -> Mask:
    import cv2

    around = _CLOSED
    framed = cv2.copyMakeBorder(found.astype(np.uint8), around, around, around, around, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(framed, cv2.MORPH_CLOSE, np.ones((_CLOSED, _CLOSED), np.uint8))
    wide = cv2.dilate(closed, np.ones((2 * _BESIDE + 1, 2 * _BESIDE + 1), np.uint8))
    return np.asarray(wide[around:-around, around:-around], bool)


def _is_trusted(mask: Mask, measures: Measures) -> bool:
    """Return whether keeping the rest of the picture promises less error than interpolating it too."""
    if mask.mean() > _MOST_SHARE:
        return False
    rest, missed = ~mask, _probability(measures)
    left = (missed * np.square(measures["made_luma"]))[rest].mean()
    spared = ((1 - missed) * np.square(measures["open"]))[rest].mean()
    return bool(left < _DOUBTED * spared)
