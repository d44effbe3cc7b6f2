"""Find frames that repeat without the noise of the film around them: a recorder that stands still, not a scene.

A camera that rests still records noise, and coding leaves some of it in most of the picture. A recorder that repeats a
frame repeats it exactly, and coding adds next to nothing. It goes on in a jump, since it skipped what happened
meanwhile; a still between two cuts begins with one.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..media.types import Floats
from .detection_scores import Marks
from .rules import runs_of
from .surroundings import Pictures

# All numbers but one were chosen on the tuning half of bench/clips.toml, as it is and with freezes of 4 to 30 frames.
_QUIET = 0.5
"""Grey levels that the worst part of a repeated frame changes by in coding; a key frame changes it by more."""
_FEWEST = 6
"""Frames at least: a film that repeats frames now and then repeats one to three."""
_BESIDE = 8
"""Frames on either side that show how much noise there is,"""
_BESIDE_LEAST = 4
"""and how many of them there are at least."""
_EVERYWHERE = 0.3
"""The share of the tiny picture that changes at all in the frames beside; where only lips move less does."""
_LESS = 6
"""The factor by which less of it changes from frame to frame in a freeze; in rests of a dark, noisy room it is 2."""
_NOISE = 2
"""Grey levels of noise in the tiny picture, most of the time,"""
_CALM = 0.9
"""and the share of it that changes by no more beside a freeze: what moves hides noise, and drawn films move as well.
Without this three times as many freezes are found, and a held picture of a drawn film of the check half."""
_JUMP = 1.5
"""The factor by which the first frame after a freeze changes more than those that follow it,"""
_CUT = 4.0
"""and that up to which the last one before it may: a still begins at a cut."""
_CODING = 0.3
"""Grey levels of change that are added to both before they are compared."""
_STILL = 0.05
"""The share of the tiny picture under which a frame shows no noise,"""
_STILLS = 0.05
"""and that of such frames in a film that has noise, beside its freezes. It is 0 to .05 in most films of cameras; in
those that repeat frames it is up to .45."""


def noiseless(pictures: Pictures, change: Floats) -> Marks:
    """Mark the frames that stand still without noise in a film that has noise.

    Args:
        pictures: The tiny picture of each frame.
        change: The change of the worst part into each frame.
    """
    found = np.zeros(len(change), bool)
    quiet = change < _QUIET
    quiet[:1] = False
    runs = [(start, end) for start, end in runs_of(quiet) if end - start >= _FEWEST]
    freezes = [run for run in runs if _is_freeze(pictures, change, *run)]
    if freezes and _has_noise(pictures, freezes):
        for start, end in freezes:
            found[start:end] = True
    return found


def _has_noise(pictures: Pictures, freezes: Sequence[tuple[int, int]]) -> bool:
    """Return whether nearly all frames but those show noise."""
    shares = np.array([np.mean(one != before) for before, one in pairwise(pictures)])
    others = np.ones(len(shares), bool)
    for start, end in freezes:
        others[start - 1 : end - 1] = False
    return bool((shares[others] < _STILL).mean() <= _STILLS)


def _is_freeze(pictures: Pictures, change: Floats, start: int, end: int) -> bool:
    before, after = (max(1, start - _BESIDE), start), (end + 1, min(len(change), end + 1 + _BESIDE))
    if min(last - first for first, last in (before, after)) < _BESIDE_LEAST:
        return False
    noise = [_steps(pictures, *side) for side in (before, after)]
    return (
        all(map(_is_noise, noise))
        and _rated(change[end], change[slice(*after)]) >= _JUMP
        and _rated(change[start - 1], change[before[0] : start - 1]) <= _CUT
        and min(map(_share, noise)) >= _LESS * _share(_steps(pictures, start, end))
    )


def _is_noise(steps: Pictures) -> bool:
    """Return whether pixels change from frame to frame, everywhere and by little."""
    calm = np.percentile(steps, 75, axis=0) <= _NOISE
    return bool(steps.any(axis=0).mean() >= _EVERYWHERE and calm.mean() >= _CALM)


def _steps(pictures: Pictures, start: int, end: int) -> Pictures:
    """Return the grey levels by which each pixel changes into each of the frames."""
    import cv2

    shown = pictures[start - 1 : end]
    return np.stack([np.asarray(cv2.absdiff(one, before), np.uint8) for before, one in pairwise(shown)])


def _share(steps: Pictures) -> float:
    return float(np.median((steps > 0).mean(axis=(1, 2))))


def _rated(value: float, others: Floats) -> float:
    return (float(value) + _CODING) / (float(np.median(others)) + _CODING)
