"""Estimate the motion between two pictures, and derive the motion at a moment between them."""

from dataclasses import dataclass

import numpy as np

from ..media.types import Floats

FAR = 20.0
"""Pixels at which a disagreement between two motions is clipped: beyond it they simply disagree."""
_LEAST_TRUST = 1e-6
"""Weight of pixels whose motion is unknown, so that no sum of weights is 0."""
_FILL_WIDTHS = (2.0, 8.0, 32.0)
"""Widths, in pixels, of the blurs that fill holes from their surroundings, tried from the nearest."""
_BLUR = 4.0
"""Standard deviation, in pixels, of the widest Gaussian that is applied at full size."""
_MISS_RATE = 0.3
"""Decay of trust for each pixel by which forward and backward motion disagree."""
_DIFFERENCE_RATE = 0.1
"""Decay of trust for each grey level by which the matched pixels differ."""
_LEAST_SIDE = 12
"""Pixels of the shorter side below which OpenCV estimates no motion."""
_SCENE_PIXELS = 320
"""Longer side at which two pictures are compared for showing the same scene."""
# On 18 clips and gaps of 1 to 30 frames the share of consistent pixels was at most .15 across cuts, and .30 or more
# elsewhere.
_SAME_SCENE = 0.22
"""Share of pixels with consistent motion below which two pictures show different scenes."""
_SURELY_SAME = 0.4
"""Share above which they show the same scene however they differ."""
_EXPLAINED = 0.65
"""Between the two: the most of the difference that may remain after motion compensation."""


@dataclass(frozen=True)
class Motion:
    """Motion in both directions, by how many pixels the way back misses each pixel, and how far to trust it."""

    forth: Floats
    back: Floats
    forth_miss: Floats
    back_miss: Floats
    forth_trust: Floats
    back_trust: Floats


def estimate_motion(before: Floats, after: Floats) -> Motion:
    """Estimate the motion between two luma planes of the same size."""
    forth, back = estimate_flows(before, after)
    forth_miss, back_miss = flow_miss(forth, back), flow_miss(back, forth)
    forth_trust = _trust(forth_miss, before, warped(after, forth))
    back_trust = _trust(back_miss, after, warped(before, back))
    return Motion(forth, back, forth_miss, back_miss, forth_trust, back_trust)


def estimate_flows(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Estimate forward and backward flow; a picture of a few pixels has none."""
    import cv2

    zero = np.zeros((*before.shape, 2), np.float32)
    if min(before.shape) < _LEAST_SIDE:
        return zero, zero
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    a, b = (np.clip(np.rint(luma), 0, 255).astype(np.uint8) for luma in (before, after))
    forth, back = flow.calc(a, b, zero.copy()), flow.calc(b, a, zero.copy())
    return np.asarray(forth, np.float32), np.asarray(back, np.float32)


def at_moment(motion: Motion, at: float) -> Floats:
    """Return the motion from before to after of what is visible at each pixel at a moment from 0 (before) to 1 (after).

    The pixels of both pictures are splatted to that moment with their motion, weighted by trust; holes are filled
    from their surroundings.
    """
    weight, flow = _splatted(motion.forth, at, motion.forth_trust * np.float32(1 - at))
    weight_back, flow_back = _splatted(motion.back, 1 - at, motion.back_trust * np.float32(at))
    return _filled(weight + weight_back, flow - flow_back)


def warped(plane: Floats, flow: Floats, *, smooth: bool = True) -> Floats:
    """Return the plane with each pixel fetched from where `flow` points."""
    import cv2

    rows, columns = (np.arange(size, dtype=np.float32) for size in flow.shape[:2])
    method = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    across, down = flow[..., 0] + columns, flow[..., 1] + rows[:, None]
    return np.asarray(cv2.remap(plane, across, down, method, borderMode=cv2.BORDER_REPLICATE), np.float32)


def inside(flow: Floats) -> Floats:
    """Return 1 where `flow` points into the picture, nearly 0 elsewhere."""
    height, width = flow.shape[:2]
    across = flow[..., 0] + np.arange(width, dtype=np.float32)
    down = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    within = (across > -1) & (across < width) & (down > -1) & (down < height)
    return np.where(within, np.float32(1), np.float32(1e-3))


def blurred(plane: Floats, width: float) -> Floats:
    """Blur a plane with a Gaussian of that standard deviation in pixels; a wide one on a smaller plane."""
    import cv2

    factor = min(round(width / _BLUR), *plane.shape[:2])
    if factor <= 1:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), width), np.float32)
    size = plane.shape[1], plane.shape[0]
    small = resized(plane, (size[0] // factor, size[1] // factor))
    return resized(blurred(small, width / factor), size)


def resized(plane: Floats, size: tuple[int, int]) -> Floats:
    """Scale a plane to another width and height."""
    import cv2

    if (plane.shape[1], plane.shape[0]) == size:
        return plane
    method = cv2.INTER_AREA if size[0] < plane.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, size, interpolation=method), np.float32)


def scaled(flow: Floats, size: tuple[int, int]) -> Floats:
    """Scale a flow to a picture of another size."""
    ratio = np.array([size[0] / flow.shape[1], size[1] / flow.shape[0]], np.float32)
    return flow if (flow.shape[1], flow.shape[0]) == size else np.asarray(resized(flow, size) * ratio, np.float32)


def flow_miss(flow: Floats, back: Floats) -> Floats:
    """Return by how many pixels the way back misses each pixel."""
    return np.asarray(np.minimum(np.linalg.norm(flow + warped(back, flow, smooth=False), axis=2), FAR), np.float32)


def _trust(miss: Floats, luma: Floats, matched: Floats) -> Floats:
    difference = blurred(np.abs(luma - matched), 1.0)
    return np.asarray(np.exp(-_MISS_RATE * miss - _DIFFERENCE_RATE * difference) + _LEAST_TRUST, np.float32)


def _splatted(flow: Floats, share: float, trust: Floats) -> tuple[Floats, Floats]:
    """Move all pixels by `share` of their flow; return the weights that land on each pixel and their weighted flow."""
    height, width = trust.shape
    across = np.float32(share) * flow[..., 0] + np.arange(width, dtype=np.float32)
    down = np.float32(share) * flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    left, top = np.floor(across).astype(np.int64), np.floor(down).astype(np.int64)
    right_part, low_part = across - left, down - top
    sums = np.zeros((3, height * width))
    for low in (0, 1):
        for right in (0, 1):
            x, y = left + right, top + low
            part = (right_part if right else 1 - right_part) * (low_part if low else 1 - low_part) * trust
            part = (part * ((x >= 0) & (x < width) & (y >= 0) & (y < height))).ravel()
            target = (np.clip(y, 0, height - 1) * width + np.clip(x, 0, width - 1)).ravel()
            for total, values in zip(
                sums, (part, part * flow[..., 0].ravel(), part * flow[..., 1].ravel()), strict=True
            ):
                total += np.bincount(target, values, height * width)
    weight, across_sum, down_sum = sums.astype(np.float32).reshape(3, height, width)
    return weight, np.dstack([across_sum, down_sum])


def _filled(weight: Floats, weighted_flow: Floats) -> Floats:
    """Divide by the weights, and fill pixels without weight from their surroundings."""
    flow = weighted_flow / np.maximum(weight, 1e-9)[..., None]
    known = np.clip(weight * 1e3, 0, 1)
    for width in _FILL_WIDTHS:
        near = blurred(weight, width) + np.float32(1e-12)
        flow = known[..., None] * flow + (1 - known[..., None]) * (blurred(weighted_flow, width) / near[..., None])
        known = np.maximum(known, np.clip(near * 1e4, 0, 1))
    return np.asarray(flow, np.float32)


def same_scene(before: Floats, after: Floats) -> bool:
    """Decide whether two luma planes show the same scene: across a cut, few pixels have consistent motion.

    Blurred pictures can be warped into anything, so the motion must also reduce their difference.
    """
    height, width = before.shape
    factor = min(1.0, _SCENE_PIXELS / max(width, height))
    size = max(16, round(width * factor)), max(16, round(height * factor))
    one, other = resized(before, size), resized(after, size)
    between = estimate_motion(one, other)
    near = 1 + 0.05 * np.linalg.norm(between.forth, axis=2)
    consistent = float((between.forth_miss < near).mean())
    remaining = float(np.abs(one - warped(other, between.forth)).mean()) / max(float(np.abs(one - other).mean()), 1e-6)
    return consistent >= _SAME_SCENE and (consistent >= _SURELY_SAME or remaining <= _EXPLAINED)
