"""Find moments: hills in the curve of a video's scores, with ends at cuts where these are near."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..index.matrix import Matrix
from ..media.types import Floats, Ints
from ..settings import ShotSettings
from .results import Moment, Ranked, locate
from .thresholds import auto_cut

_FRAMES_APART = 1.5
"""Frame intervals within which sampled neighbours make one moment."""

BEST = 4
"""Frames whose mean is the score of a moment, since a single frame may be an accident."""


@dataclass(frozen=True)
class MomentRule:
    """What makes a moment; chosen on the tuning films of bench/moments.py."""

    gap: float
    """Seconds that may be lower within a moment."""
    smoothing: float = 1.0
    """Seconds over which scores are averaged, never across a cut."""
    base: float = 0.25
    """The quantile of a video's scores that counts as the ground on which its hills stand."""
    side: float = 0.7
    """A moment extends as far as its scores stay over this share of its height above the ground."""
    near: float = 0.9
    """Scores over this share of its height always belong to it, so that a video that matches throughout is one."""
    best: int = BEST
    """Frames whose mean is the score of a moment."""
    snap: float = 0.25
    """Seconds within which an end of a moment moves to a cut."""
    level: float | None = None
    """The score to stay over instead of that share."""


def hills(gap: float) -> MomentRule:
    """Return the rule by which moments are as long as the curve of scores says."""
    return MomentRule(gap)


def over_level(level: float, gap: float) -> MomentRule:
    """Return the rule for a score that the user named: a moment is where it is reached."""
    return MomentRule(gap, smoothing=0, snap=0, level=level)


CutFinder = Callable[[Matrix, int], Ints]
"""Returns the positions of the first frame of each shot of a video, except the first shot."""


def stored_cuts(shots: ShotSettings) -> CutFinder:
    """Find cuts by the distances of neighbouring vectors, with the rule that finds them in an order of frames."""

    # Imported here, because it brings the models of plans, which a search does not need otherwise.
    from ..solve.shots import find_shots

    def cuts(matrix: Matrix, owner: int) -> Ints:
        vectors = matrix.segments[owner].rows.vectors
        cosines = np.einsum("ij,ij->i", vectors[1:], vectors[:-1])
        chords = np.sqrt(np.maximum(0, 2 - 2 * cosines)).astype(np.float32)
        found = find_shots(chords, cut_chord=shots.cut_chord, cut_ratio=shots.cut_ratio)
        return np.array([shot.start for shot in found[1:]], np.int64)

    return cuts


@dataclass(frozen=True)
class _Curve:
    """The scores of some frames of a video in the order of time."""

    rows: Ints
    times: npt.NDArray[np.float64]
    scores: Floats
    smooth: Floats
    cuts: Ints
    """The positions of frames before which there is a cut."""
    gap: float


def find_moments(
    matrix: Matrix, found: Ranked, cut: float, count: int, rule: MomentRule, find_cuts: CutFinder
) -> list[Moment]:
    """Return the best `count` moments, each with a frame that scores at least `cut`.

    Args:
        matrix: The vectors.
        found: The rows to search, in ascending order, and their scores.
        cut: The least score of the best frame of a moment.
        count: How many moments to return.
        rule: How far a moment extends from its best frame.
        find_cuts: Finds the cuts to which ends move.
    """
    spans: list[Ranked] = []
    for owner in np.unique(matrix.owners(found.rows[found.scores >= cut])).tolist():
        curve = _curve(matrix, found, owner, rule, find_cuts)
        spans += _spans(curve, cut, count, rule)
    spans.sort(key=lambda span: (-_score(span, rule), int(span.rows[0])))
    return [_moment(matrix, span, rank, _score(span, rule)) for rank, span in enumerate(spans[:count], 1)]


def _curve(matrix: Matrix, found: Ranked, owner: int, rule: MomentRule, find_cuts: CutFinder) -> _Curve:
    first, end = np.searchsorted(found.rows, matrix.starts[owner : owner + 2])
    rows, scores = found.rows[first:end], found.scores[first:end]
    times, segment = matrix.times[rows], matrix.segments[owner]
    cuts = np.zeros(0, np.int64)
    if rule.smoothing or rule.snap:
        # Frames may have been left out, so that a cut may lie between two that are not neighbours.
        cuts = np.unique(np.searchsorted(rows - matrix.starts[owner], find_cuts(matrix, owner)))
        cuts = cuts[(cuts > 0) & (cuts < len(rows))]
    sampled = segment.video.sampled_fps
    gap = max(rule.gap, _FRAMES_APART / sampled) if sampled else rule.gap
    return _Curve(rows, times, scores, _smoothed(times, scores, cuts, rule.smoothing), cuts, gap)


def _smoothed(times: npt.NDArray[np.float64], scores: Floats, cuts: Ints, seconds: float) -> Floats:
    """Average each score with those of the same shot around it."""
    if not seconds:
        return scores
    place = np.arange(len(times))
    edges = np.r_[0, cuts, len(times)]
    shot = np.searchsorted(edges, place, side="right") - 1
    low = np.maximum(np.searchsorted(times, times - seconds / 2), edges[shot])
    high = np.minimum(np.searchsorted(times, times + seconds / 2, side="right"), edges[shot + 1])
    sums = np.cumsum(np.r_[0, scores], dtype=np.float64)
    return np.asarray((sums[high] - sums[low]) / (high - low), np.float32)


def _spans(curve: _Curve, cut: float, count: int, rule: MomentRule) -> Iterator[Ranked]:
    """Yield up to `count` stretches from the highest peak down.

    A peak from which a moment that was found is reached without a valley belongs to the slope of that moment.
    """
    free, peaks = np.ones(len(curve.rows), bool), curve.scores >= (cut if rule.level is None else rule.level)
    base = float(np.quantile(curve.smooth, rule.base))
    while count and (peaks & free).any():
        peak = int(np.argmax(np.where(peaks & free, curve.smooth, -np.inf)))
        top = float(curve.smooth[peak])
        high = min(auto_cut(top, rule.near), base + rule.side * (top - base))
        start, end = _around(curve, peak, high if rule.level is None else rule.level)
        if free[start:end].all():
            start, end = _snapped(curve, start, end, peak, free, rule.snap)
            yield Ranked(curve.rows[start:end], curve.scores[start:end])
            count -= 1
        free[start:end] = free[peak] = False


def _around(curve: _Curve, peak: int, level: float) -> tuple[int, int]:
    """Return the stretch around a peak that stays over a level but for short gaps."""
    over = np.flatnonzero(curve.smooth >= level)
    breaks = np.flatnonzero(np.diff(curve.times[over]) > curve.gap) + 1
    at = np.searchsorted(over, peak)
    group = int(np.searchsorted(breaks, at, side="right"))
    first, end = np.r_[0, breaks, len(over)][group : group + 2]
    return int(over[first]), int(over[end - 1]) + 1


def _snapped(
    curve: _Curve, start: int, end: int, peak: int, free: npt.NDArray[np.bool_], seconds: float
) -> tuple[int, int]:
    """Move the ends of a stretch to near cuts, but over no other moment."""
    edges = np.r_[0, curve.cuts, len(curve.rows)]
    starts, ends = edges[:-1], edges[1:]
    nearest = int(starts[np.argmin(np.abs(curve.times[starts] - curve.times[start]))])
    if nearest <= peak and abs(curve.times[nearest] - curve.times[start]) <= seconds and free[nearest:start].all():
        start = nearest
    nearest = int(ends[np.argmin(np.abs(curve.times[ends - 1] - curve.times[end - 1]))])
    if nearest > peak and abs(curve.times[nearest - 1] - curve.times[end - 1]) <= seconds and free[end:nearest].all():
        end = nearest
    return start, end


def _score(span: Ranked, rule: MomentRule) -> float:
    """Return the mean of the best frames."""
    return float(np.sort(span.scores)[-rule.best :].mean())


def _moment(matrix: Matrix, span: Ranked, rank: int, score: float) -> Moment:
    video, peak, peak_time = locate(matrix, int(span.rows[np.argmax(span.scores)]))
    times = matrix.times[span.rows]
    return Moment(
        rank=rank,
        video=video.id,
        name=video.name,
        start=float(times.min()),
        end=float(times.max()),
        peak_frame=peak,
        peak_time=peak_time,
        frames=len(span),
        score=round(score, 6),
        space=matrix.space.name,
    )
