"""Find foreign frames: rows that a clustering rule leaves alone or in small groups of the kNN graph."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints, NeighbourGraph
from ..settings import RuleName

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_FARTHEST = 2.0
"""The chord between opposite unit vectors."""
_NEAREST = 1e-6
"""Replaces a distance of 0, which a sparse matrix would take for an absent entry."""
_MIN_SAMPLES = 2
"""HDBSCAN's `min_samples`: the neighbour at which it measures density."""


_SHORT_SHOTS = 3
"""The shots of a film are short if they have at most so many times `min_group` frames in the mean. Of sixty films cut
together from shots of 1 to 30 frames, 431 of 6,000 true frames were lost without this and 51 with it, but of foreign
frames in bursts 25 of 300 were found instead of 190. The tuning clips have longer shots; none is judged differently.
"""
_MANY_SHOTS = 4
"""Fewer shots than this do not show that a film is cut fast."""
_FEWEST_OF_SHORT = 2
"""Fewest frames that make a shot in such a film. One frame is foreign there, too."""


@dataclass(frozen=True)
class RowGroups:
    """A group for every row, and which rows are cores: only a core makes a nearby row less foreign."""

    group: Ints
    core: npt.NDArray[np.bool_]


class OutlierRule(Protocol):
    """Group the rows, each of which stands for `weights` frames.

    `cut` is a distance adapted to the film; at the distance `unrelated` no two frames belong together.
    """

    def __call__(
        self, graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int
    ) -> RowGroups: ...


def by_density(graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int) -> RowGroups:
    """Single linkage: rows nearer than the cut are in one group."""
    everyone = np.ones(len(graph), bool)
    return RowGroups(connected_groups(graph, graph.distances < cut), everyone)


def by_dbscan(graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int) -> RowGroups:
    """DBSCAN with the cut as its radius: a core has `min_group` frames within it, itself included.

    Unlike single linkage, a few frames between two shots do not join the shots.
    """
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import sort_graph_by_row_values

    # In a film of few frames a row lists fewer neighbours than `min_group`.
    core = min(min_group, graph.indices.shape[1] + 1)
    # DBSCAN includes a frame at exactly the radius.
    found = DBSCAN(eps=float(np.nextafter(cut, 0)), min_samples=core, metric="precomputed").fit(
        sort_graph_by_row_values(_distances(graph), warn_when_not_sorted=False), sample_weight=weights
    )
    cores = np.zeros(len(graph), bool)
    cores[found.core_sample_indices_] = True
    return _attach_remaining(graph, np.where(cores, found.labels_, -1), cut)


def by_hdbscan(graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int) -> RowGroups:
    """HDBSCAN: keep a shot of `min_group` frames even if it is sparser than the rest of the film.

    Distances below the cut count as equal, so that no shot is split and every shot of single linkage is kept.
    Unrelated frames get the largest possible distance, so that foreign frames form no shot.
    """
    smallest = max(2, min_group)
    component = connected_groups(graph, graph.distances < unrelated)
    rows = np.flatnonzero(np.bincount(component)[component] >= smallest)
    group = connected_groups(graph, graph.distances < cut)
    size = np.bincount(group, weights)
    # Shots found by single linkage stay; its groups that are too small join their cluster.
    for number, cluster in enumerate(_hdbscan(_connected(graph, rows, component, cut, unrelated), smallest)):
        linked = np.unique(group[rows[cluster]])
        large = linked[size[linked] >= smallest]
        target = large[size[large].argmax()] if len(large) else len(graph) + number
        group[np.isin(group, linked[size[linked] < smallest])] = target
    return RowGroups(np.unique(group, return_inverse=True)[1].astype(np.int64), np.ones(len(graph), bool))


def _hdbscan(distances: "csr_array", smallest: int) -> list[Ints]:
    """Return the rows of each cluster."""
    from sklearn.cluster import HDBSCAN

    if distances.shape[0] <= smallest:
        return []
    known = int(np.diff(distances.indptr).min())
    # cluster_selection_epsilon is not used because it fails for a single cluster with numpy 2.4.
    rule = HDBSCAN(
        min_cluster_size=smallest,
        min_samples=min(_MIN_SAMPLES, known),
        metric="precomputed",
        allow_single_cluster=True,
        copy=True,
    )
    labels = rule.fit(distances).labels_
    return [np.flatnonzero(labels == number) for number in range(labels.max() + 1)]


RULES: dict[RuleName, OutlierRule] = {"density": by_density, "dbscan": by_dbscan, "hdbscan": by_hdbscan}


def _attach_remaining(graph: NeighbourGraph, cluster: Ints, cut: float) -> RowGroups:
    """Assign unclustered rows: to the nearest cluster within the cut, else to groups among themselves.

    So a burst of foreign frames is reported as one group, and a shot too sparse for a cluster is judged by its size.
    """
    clustered = cluster >= 0
    joined = _nearest_cluster(graph, cluster, cut)
    alone = joined < 0
    links = (graph.distances < cut) & alone[:, None] & alone[graph.indices]
    rest = connected_groups(graph, links) + joined.max(initial=-1) + 1
    return RowGroups(np.where(alone, rest, joined).astype(np.int64), clustered)


def _nearest_cluster(graph: NeighbourGraph, cluster: Ints, cut: float) -> Ints:
    """Return each row's cluster or, for unclustered rows, that of the nearest clustered row within the cut."""
    both = _distances(graph).tocoo()
    row, other = both.coords
    known = (both.data < cut) & (cluster[row] < 0) & (cluster[other] >= 0)
    joined = cluster.astype(np.int64).copy()
    for place in np.flatnonzero(known)[np.argsort(-both.data[known], kind="stable")].tolist():
        joined[row[place]] = cluster[other[place]]
    return joined


def connected_groups(graph: NeighbourGraph, links: npt.NDArray[np.bool_]) -> Ints:
    """Return the connected component of every row, numbered by its first row.

    scipy.sparse does the same, but its import takes 0.18 CPU seconds, and most short films need nothing else of it.
    """
    rows, others = np.repeat(np.arange(len(graph)), links.sum(axis=1)), graph.indices[links]
    least = np.arange(len(graph))
    while True:
        # Give both ends of a link, and the rows they stand for, the lesser of their numbers; then follow the numbers.
        found = least.copy()
        for one, other in ((rows, others), (others, rows)):
            np.minimum.at(found, least[one], least[other])
            np.minimum.at(found, one, least[other])
        found = found[found]
        if np.array_equal(found, least):
            return np.asarray(np.unique(least, return_inverse=True)[1], np.int64)
        least = found


def _distances(graph: NeighbourGraph) -> "csr_array":
    """Return the known distances made symmetric, because only one of two rows may list the other."""
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(len(graph)), graph.indices.shape[1])
    values = np.maximum(graph.distances.ravel().astype(np.float64), _NEAREST)
    known = csr_array((values, (rows, graph.indices.ravel())), shape=(len(graph), len(graph)))
    return csr_array(known.maximum(known.T))


def _connected(graph: NeighbourGraph, rows: Ints, component: Ints, smallest: float, unrelated: float) -> "csr_array":
    """Return distances between some rows, at least `smallest`, with components linked at the farthest distance."""
    from scipy.sparse import csr_array

    near = _distances(graph)
    near.data = np.where(near.data < unrelated, np.maximum(near.data, smallest), 0)
    near = csr_array(near[rows][:, rows])
    near.eliminate_zeros()
    first = np.unique(component[rows], return_index=True)[1]
    ends = np.concatenate([first[:-1], first[1:]]), np.concatenate([first[1:], first[:-1]])
    far = csr_array((np.full(len(ends[0]), _FARTHEST), ends), shape=near.shape)
    return csr_array(near + far)


def distance_to_core(graph: NeighbourGraph, groups: RowGroups, cut: float) -> Floats:
    """Return the distance to the nearest core of another group, or a lower bound if none is listed."""
    other = (groups.group[graph.indices] != groups.group[:, None]) & groups.core[graph.indices]
    nearest = np.where(other, graph.distances, np.inf).min(axis=1)
    return np.asarray(np.where(other.any(axis=1), nearest, np.maximum(graph.distances[:, -1], cut)), np.float32)


@dataclass(frozen=True)
class OutlierVerdict:
    """For every row its group, its score and whether it is dropped."""

    dropped: npt.NDArray[np.bool_]
    component: Ints
    size: Ints
    """The number of frames in the row's group."""
    score: Floats
    """Distance in cuts: to the nearest frame or, for a row of a small group, to the nearest core of another group.

    For a row that its colours dropped, distance in colour in units of the largest that is allowed.

    A score of 1 or more means dropped, except for a row alone in a group that stays, where the rule was overruled, and
    under HDBSCAN, which allows a shot its own distances.
    """
    cut: float
    overruled: int = 0
    """How many rows the rule would have dropped, had they not been too many."""


def find_outliers(
    graph: NeighbourGraph,
    weights: Ints,
    *,
    rule: RuleName,
    cut_factor: float,
    cut_floor: float,
    cut_ceiling: float,
    min_group: int,
    max_share: float,
) -> OutlierVerdict:
    """Group the rows under a distance cut adapted to the film, and drop groups under `min_group` frames.

    Losing a true frame is worse than keeping a foreign one: the largest group always stays, and a rule that would drop
    more than `max_share` of the frames does not fit the film and drops nothing.

    Args:
        graph: The kNN graph of the distinct frames.
        weights: The number of frames that each row represents.
        rule: The clustering rule.
        cut_factor: The cut in multiples of the median distance to the second-nearest row.
        cut_floor: The smallest cut.
        cut_ceiling: The largest cut; beyond it frames are unrelated.
        min_group: The fewest frames that make a shot.
        max_share: The largest share of the frames that may be dropped.
    """
    if graph.indices.shape[1] == 0:
        return _keep_all(len(graph))
    second = graph.distances[:, min(1, graph.distances.shape[1] - 1)]
    cut = float(np.clip(cut_factor * np.median(second), cut_floor, cut_ceiling))
    groups = RULES[rule](graph, weights, cut=cut, unrelated=cut_ceiling, min_group=min_group)
    sizes = np.bincount(groups.group, weights=weights).astype(np.int64)
    size = sizes[groups.group]
    too_small = (size < fewest_of_shot(sizes, min_group)) & (size < size.max())
    score = np.where(too_small, distance_to_core(graph, groups, cut), graph.distances[:, 0]) / cut
    overruled = int(too_small.sum()) if weights[too_small].sum() > max_share * weights.sum() else 0
    dropped = np.zeros_like(too_small) if overruled else too_small
    return OutlierVerdict(dropped, groups.group, size, score.astype(np.float32), cut, overruled)


def fewest_of_shot(sizes: Ints, min_group: int) -> int:
    """Return the fewest frames that make a shot: in a film of many short shots, a small group may be one, too."""
    return min(min_group, _FEWEST_OF_SHORT) if has_short_shots(sizes, min_group, _SHORT_SHOTS) else min_group


def has_short_shots(sizes: Ints, min_group: int, most: int) -> bool:
    """Return whether a film has many shots, of at most `most` times `min_group` frames in the mean."""
    shots = sizes[sizes >= min_group]
    return len(shots) >= _MANY_SHOTS and bool(shots.mean() <= most * min_group)


def _keep_all(count: int) -> OutlierVerdict:
    return OutlierVerdict(
        np.zeros(count, bool), np.zeros(count, np.int64), np.full(count, count), np.zeros(count, np.float32), 1.0
    )
