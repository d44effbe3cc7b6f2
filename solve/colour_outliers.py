"""Judge small groups of rows by their colours: jolts of the camera keep them, foreign frames have their own."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints, NeighbourGraph
from .colours import Yuv, colour_roots, is_colourless, sample_rows
from .outliers import OutlierVerdict, connected_groups, fewest_of_shot, has_short_shots

_SURE_CHORD = 0.5
"""Rows nearer than this belong together, whatever their colours. Of 1,680 frames of other clips, cropped to each of the
29 tuning clips, 2 % come nearer to it than the outlier cut, but none nearer than .73.
"""
_SAME_COLOURS = 0.4
"""Largest distance in colour at which a small group belongs to the film. In stretches of 100 and 300 frames of these
clips, small groups within a shot are at most .39 from the rest (a hand-held film in the dark), and frames of other
clips at least .44, unless both are black and white.
"""
_SAME_GREYS = 0.15
"""The same for a film in black and white. Without their chroma, small groups of these clips are at most .11 away; in
the three clips without colour, frames of others without colour are at least .18 away.
"""
_MOST_DOUBTFUL = 1000
"""Most rows that are compared with one another; a film with more has too much movement, and would take memory."""
_SHORT_SHOTS = 4
"""In a film of shots whose mean is at most so many times `min_group` frames, a group that only colours could drop may
be a shot. At 3, as where vectors decide, films cut together from shots of 1 to 30 frames lost 2 of 6,423 true frames
more, and 10 of 290 foreign ones more were found.
"""

_Rows: TypeAlias = npt.NDArray[np.bool_]


def judge_colours(
    verdict: OutlierVerdict, graph: NeighbourGraph, weights: Ints, yuv: Yuv, *, min_group: int, max_share: float
) -> OutlierVerdict:
    """Keep small groups with the colours of the film, and drop those that only resemble it otherwise.

    A jolt of the camera moves a frame away from all others, but leaves its colours. The layout of a foreign frame may
    be as near as that of a fast movement, but its colours are not. In a film of many short shots such a frame may be a
    shot of its own, and stays.

    Args:
        verdict: What the outlier rule decided.
        graph: The kNN graph of the distinct frames.
        weights: The number of frames that each row represents.
        yuv: Reads the small picture of a row of the graph.
        min_group: The fewest frames that make a shot.
        max_share: The largest share of the frames that may be dropped.
    """
    if verdict.overruled:
        return verdict
    close = connected_groups(graph, graph.distances < _SURE_CHORD)
    sizes, close_sizes = _sizes(verdict.component, weights), _sizes(close, weights)
    fewest = fewest_of_shot(sizes, min_group)
    apart = (close_sizes < min(fewest, close_sizes.max()))[close] & ~verdict.dropped
    unit = np.where(verdict.dropped, verdict.component, close + len(sizes))
    film = _Film(verdict, graph, weights, yuv, unit, fewest, min_group)
    short_shots = has_short_shots(close_sizes, min_group, _SHORT_SHOTS) or fewest < min_group
    if apart.any() and apart.sum() <= _MOST_DOUBTFUL and not short_shots:
        found = film.judged(verdict.dropped | apart)
        if weights[found.dropped].sum() <= max_share * weights.sum():
            return found
    return film.judged(verdict.dropped) if verdict.dropped.any() else verdict


def _sizes(group: Ints, weights: Ints) -> Ints:
    return np.bincount(group, weights).astype(np.int64)


@dataclass(frozen=True)
class _Film:
    verdict: OutlierVerdict
    graph: NeighbourGraph
    weights: Ints
    yuv: Yuv
    unit: Ints
    """What is kept or dropped as a whole: for every row its group, among rows that are sure to belong together."""
    fewest: int
    """The fewest frames that make a shot of this film."""
    min_group: int
    """The fewest frames that make a shot of any."""

    def limit(self, rows: Ints) -> float:
        """Return the largest distance in colour within a film that these rows are of."""
        return _SAME_GREYS if is_colourless(self.yuv, rows) else _SAME_COLOURS

    def judged(self, doubtful: _Rows) -> OutlierVerdict:
        """Drop the doubtful units that differ from the film in colour, unless they form a shot together."""
        rows, staying = np.flatnonzero(doubtful), sample_rows(np.flatnonzero(~doubtful))
        limit = self.limit(staying)
        roots = colour_roots(self.yuv, rows)
        distance = _distance(roots, colour_roots(self.yuv, staying))
        unlike = _unlike(self.unit[rows], roots, distance, limit)
        unlike[unlike] = ~_fast_shots(roots[unlike], self.weights[rows[unlike]], limit, self.min_group)
        score = np.zeros_like(self.verdict.score)
        score[rows] = distance / limit
        return self._dropped(rows[unlike], roots[unlike], limit, score)

    def _dropped(self, rows: Ints, roots: Floats, limit: float, score: Floats) -> OutlierVerdict:
        """Drop these rows in the groups that they form among themselves, but keep a group that may be a shot."""
        known = self.verdict
        place = np.full(len(self.graph), -1)
        place[rows] = np.arange(len(rows))
        links = (self.graph.distances < known.cut) & (place >= 0)[:, None] & (place[self.graph.indices] >= 0)
        at, column = np.nonzero(links)
        similarity = (roots[place[at]] * roots[place[self.graph.indices[at, column]]]).sum(axis=1)
        links[at, column] = (similarity >= 1 - limit**2) | (self.graph.distances[at, column] < _SURE_CHORD)
        group = connected_groups(self.graph, links)
        size = _sizes(group, self.weights)[group]
        new = (place >= 0) & ~known.dropped & (size < self.fewest)
        return replace(
            known,
            dropped=new | ((place >= 0) & known.dropped),
            component=np.where(new, group + known.component.max() + 1, known.component),
            size=np.where(new, size, known.size),
            score=np.where(new, score, known.score),
        )


def _distance(roots: Floats, others: Floats) -> Floats:
    """Return the Hellinger distance of each row to the nearest of the others."""
    return np.asarray(np.sqrt(np.maximum(0, 1 - (roots @ others.T).max(axis=1))), np.float32)


def _fast_shots(roots: Floats, weights: Ints, limit: float, fewest: int) -> _Rows:
    """Mark rows that share their colours with enough others for a shot, though it moves too fast for their vectors."""
    if len(roots) > _MOST_DOUBTFUL:
        return np.zeros(len(roots), bool)
    alike = roots @ roots.T >= 1 - limit**2
    found, left = np.zeros(len(roots), bool), np.ones(len(roots), bool)
    while left.any():
        look = alike[left.argmax()]
        while (wider := alike[look].any(axis=0)).sum() > look.sum():
            look = wider
        found |= look & (weights[look].sum() >= fewest)
        left &= ~look
    return found


def _unlike(unit: Ints, roots: Floats, distance: Floats, limit: float) -> _Rows:
    """Mark the units in which most rows differ from the film; what joins the film may bring others along."""
    left = np.ones(len(unit), bool)
    while True:
        alike = [one for one in np.unique(unit[left]).tolist() if np.median(distance[unit == one]) <= limit]
        if not alike:
            return left
        joining = np.isin(unit, alike)
        left &= ~joining
        distance = np.minimum(distance, _distance(roots, roots[joining]))
