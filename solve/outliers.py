"""Foreign frames: those that the kNN graph leaves alone or in small groups."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..frames import Floats, Ints, NeighbourGraph


@dataclass(frozen=True)
class Verdict:
    """What the graph says of every row: its group, how far off it lies, and whether it goes."""

    dropped: npt.NDArray[np.bool_]
    component: Ints
    size: Ints
    """Frames in the row's group."""
    score: Floats
    """Distance, in cuts, to the nearest frame; from a group that is too small, to the nearest outside it.

    So 1 or more convicts, unless the row is alone in a group that stays or the rule was called off.
    """
    cut: float
    spared: int = 0
    """Rows that the rule would have dropped, had they not been too many."""


def find_outliers(
    graph: NeighbourGraph,
    weights: Ints,
    *,
    cut_factor: float,
    cut_floor: float,
    cut_ceiling: float,
    min_group: int,
    max_share: float,
) -> Verdict:
    """Single linkage under a distance cut that adapts to the film; groups under `min_group` frames go.

    Losing a true frame is worse than keeping a foreign one: the largest group always stays, and a rule
    that would take more than `max_share` of the film does not fit it and takes nothing.
    """
    if graph.indices.shape[1] == 0:
        return _everything_stays(len(graph))
    second = graph.distances[:, min(1, graph.distances.shape[1] - 1)]
    cut = float(np.clip(cut_factor * np.median(second), cut_floor, cut_ceiling))
    component = _components(graph, cut)
    size = np.bincount(component, weights=weights)[component].astype(np.int64)
    guilty = (size < min_group) & (size < size.max())
    score = np.where(guilty, _gap_to_others(graph, component, cut), graph.distances[:, 0]) / cut
    spared = int(guilty.sum()) if weights[guilty].sum() > max_share * weights.sum() else 0
    dropped = np.zeros_like(guilty) if spared else guilty
    return Verdict(dropped, component, size, score.astype(np.float32), cut, spared)


def _components(graph: NeighbourGraph, cut: float) -> Ints:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    near = graph.distances < cut
    rows = np.repeat(np.arange(len(graph)), near.sum(axis=1))
    joined = csr_array((np.ones(len(rows), np.int8), (rows, graph.indices[near])), shape=(len(graph), len(graph)))
    return np.asarray(connected_components(joined, directed=False)[1], np.int64)


def _gap_to_others(graph: NeighbourGraph, component: Ints, cut: float) -> Floats:
    """The distance to the nearest neighbour of another group; where none is known, the least that it can be."""
    foreign = component[graph.indices] != component[:, None]
    nearest = np.where(foreign, graph.distances, np.inf).min(axis=1)
    return np.asarray(np.where(foreign.any(axis=1), nearest, np.maximum(graph.distances[:, -1], cut)), np.float32)


def _everything_stays(count: int) -> Verdict:
    return Verdict(
        np.zeros(count, bool), np.zeros(count, np.int64), np.full(count, count), np.zeros(count, np.float32), 1.0
    )
