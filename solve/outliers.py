"""Foreign frames: those that a rule leaves alone or in small groups of the kNN graph."""

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
"""Sparse matrices take a distance of nothing for no distance."""
_REACH = 2


@dataclass(frozen=True)
class RowGroups:
    """A group for every row, and the rows that may vouch for others: nearness to one that may not proves nothing."""

    group: Ints
    vouches: npt.NDArray[np.bool_]


class OutlierRule(Protocol):
    """Groups the rows; each stands for `weights` frames.

    `cut` is a distance that fits the film, `unrelated` one at which no two frames belong together.
    """

    def __call__(
        self, graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int
    ) -> RowGroups: ...


def by_density(graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int) -> RowGroups:
    """Single linkage: two rows nearer than the cut are of one group."""
    everybody = np.ones(len(graph), bool)
    return RowGroups(_linked(graph, graph.distances < cut), everybody)


def by_dbscan(graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int) -> RowGroups:
    """DBSCAN with the cut as its radius: a core has `min_group` frames within it, itself included.

    So a few frames on the way between two shots do not make one of them, as they do for single linkage.
    """
    from sklearn.cluster import DBSCAN
    from sklearn.neighbors import sort_graph_by_row_values

    # As many as a row can know of, for a film of few frames.
    core = min(min_group, graph.indices.shape[1] + 1)
    # DBSCAN counts a frame at the very radius in.
    found = DBSCAN(eps=float(np.nextafter(cut, 0)), min_samples=core, metric="precomputed").fit(
        sort_graph_by_row_values(_distances(graph), warn_when_not_sorted=False), sample_weight=weights
    )
    cores = np.zeros(len(graph), bool)
    cores[found.core_sample_indices_] = True
    return _with_the_rest(graph, np.where(cores, found.labels_, -1), cut)


def by_hdbscan(graph: NeighbourGraph, weights: Ints, *, cut: float, unrelated: float, min_group: int) -> RowGroups:
    """HDBSCAN: a shot of `min_group` frames that lie farther apart than the rest of the film is a shot all the same.

    Whatever is nearer than the cut is equally near, so that no shot is split and none is lost that single
    linkage keeps; unrelated frames are as far apart as unit vectors can be, so that strangers make no shot.
    """
    least = max(2, min_group)
    part = _linked(graph, graph.distances < unrelated)
    rows = np.flatnonzero(np.bincount(part)[part] >= least)
    group = _linked(graph, graph.distances < cut)
    size = np.bincount(group, weights)
    # What single linkage makes a shot of stays one; what it makes too little of goes with its cluster.
    for number, cluster in enumerate(_hdbscan(_connected(graph, rows, part, cut, unrelated), least)):
        linked = np.unique(group[rows[cluster]])
        large = linked[size[linked] >= least]
        home = large[size[large].argmax()] if len(large) else len(graph) + number
        group[np.isin(group, linked[size[linked] < least])] = home
    return RowGroups(np.unique(group, return_inverse=True)[1].astype(np.int64), np.ones(len(graph), bool))


def _hdbscan(distances: "csr_array", least: int) -> list[Ints]:
    """The rows of each cluster."""
    from sklearn.cluster import HDBSCAN

    if distances.shape[0] <= least:
        return []
    known = int(np.diff(distances.indptr).min())
    # Not by cluster_selection_epsilon, which fails for a single cluster with numpy 2.4.
    rule = HDBSCAN(
        min_cluster_size=least,
        min_samples=min(_REACH, known),
        metric="precomputed",
        allow_single_cluster=True,
        copy=True,
    )
    labels = rule.fit(distances).labels_
    return [np.flatnonzero(labels == number) for number in range(labels.max() + 1)]


RULES: dict[RuleName, OutlierRule] = {"density": by_density, "dbscan": by_dbscan, "hdbscan": by_hdbscan}


def _with_the_rest(graph: NeighbourGraph, cluster: Ints, cut: float) -> RowGroups:
    """Clusters, with what no cluster took: a row within the cut of a clustered one joins the nearest such.

    What is left is grouped by the cut among itself, so that a burst is told as one, and a shot too thin for a
    cluster is still judged by its size.
    """
    taken = cluster >= 0
    joined = _nearest_cluster(graph, cluster, cut)
    alone = joined < 0
    links = (graph.distances < cut) & alone[:, None] & alone[graph.indices]
    rest = _linked(graph, links) + joined.max(initial=-1) + 1
    return RowGroups(np.where(alone, rest, joined).astype(np.int64), taken)


def _nearest_cluster(graph: NeighbourGraph, cluster: Ints, cut: float) -> Ints:
    """For each row its own cluster or that of its nearest clustered row within the cut, whoever's list that is on."""
    both = _distances(graph).tocoo()
    row, other = both.coords
    known = (both.data < cut) & (cluster[row] < 0) & (cluster[other] >= 0)
    joined = cluster.astype(np.int64).copy()
    for place in np.flatnonzero(known)[np.argsort(-both.data[known], kind="stable")].tolist():
        joined[row[place]] = cluster[other[place]]
    return joined


def _linked(graph: NeighbourGraph, links: npt.NDArray[np.bool_]) -> Ints:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rows = np.repeat(np.arange(len(graph)), links.sum(axis=1))
    joined = csr_array((np.ones(len(rows), np.int8), (rows, graph.indices[links])), shape=(len(graph), len(graph)))
    return np.asarray(connected_components(joined, directed=False)[1], np.int64)


def _distances(graph: NeighbourGraph) -> "csr_array":
    """The known distances, both ways: a row may be on its neighbour's list without having it on its own."""
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(len(graph)), graph.indices.shape[1])
    values = np.maximum(graph.distances.ravel().astype(np.float64), _NEAREST)
    known = csr_array((values, (rows, graph.indices.ravel())), shape=(len(graph), len(graph)))
    return csr_array(known.maximum(known.T))


def _connected(graph: NeighbourGraph, rows: Ints, part: Ints, least: float, unrelated: float) -> "csr_array":
    """The distances between some rows from the least up; from part to part the farthest possible."""
    from scipy.sparse import csr_array

    near = _distances(graph)
    near.data = np.where(near.data < unrelated, np.maximum(near.data, least), 0)
    near = csr_array(near[rows][:, rows])
    near.eliminate_zeros()
    first = np.unique(part[rows], return_index=True)[1]
    ends = np.concatenate([first[:-1], first[1:]]), np.concatenate([first[1:], first[:-1]])
    far = csr_array((np.full(len(ends[0]), _FARTHEST), ends), shape=near.shape)
    return csr_array(near + far)


def distance_to_core(graph: NeighbourGraph, groups: RowGroups, cut: float) -> Floats:
    """The distance to the nearest row of another group that may vouch; where none is known, the least it can be."""
    other = (groups.group[graph.indices] != groups.group[:, None]) & groups.vouches[graph.indices]
    nearest = np.where(other, graph.distances, np.inf).min(axis=1)
    return np.asarray(np.where(other.any(axis=1), nearest, np.maximum(graph.distances[:, -1], cut)), np.float32)


@dataclass(frozen=True)
class OutlierVerdict:
    """What the graph says of every row: its group, how far off it lies, and whether it goes."""

    dropped: npt.NDArray[np.bool_]
    component: Ints
    size: Ints
    """Frames in the row's group."""
    score: Floats
    """Distance, in cuts, to the nearest frame; from a group that is too small, to the nearest that may vouch for it.

    So 1 or more convicts, unless the row is alone in a group that stays, the rule was called off, or it is
    HDBSCAN, which forgives a shot its own distances.
    """
    cut: float
    spared: int = 0
    """Rows that the rule would have dropped, had they not been too many."""


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
    """The rule's groups under a distance cut that adapts to the film; groups under `min_group` frames go.

    Losing a true frame is worse than keeping a foreign one: the largest group always stays, and a rule
    that would take more than `max_share` of the film does not fit it and takes nothing.
    """
    if graph.indices.shape[1] == 0:
        return _everything_stays(len(graph))
    second = graph.distances[:, min(1, graph.distances.shape[1] - 1)]
    cut = float(np.clip(cut_factor * np.median(second), cut_floor, cut_ceiling))
    groups = RULES[rule](graph, weights, cut=cut, unrelated=cut_ceiling, min_group=min_group)
    size = np.bincount(groups.group, weights=weights)[groups.group].astype(np.int64)
    guilty = (size < min_group) & (size < size.max())
    score = np.where(guilty, distance_to_core(graph, groups, cut), graph.distances[:, 0]) / cut
    spared = int(guilty.sum()) if weights[guilty].sum() > max_share * weights.sum() else 0
    dropped = np.zeros_like(guilty) if spared else guilty
    return OutlierVerdict(dropped, groups.group, size, score.astype(np.float32), cut, spared)


def _everything_stays(count: int) -> OutlierVerdict:
    return OutlierVerdict(
        np.zeros(count, bool), np.zeros(count, np.int64), np.full(count, count), np.zeros(count, np.float32), 1.0
    )
