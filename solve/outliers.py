"""Foreign frames: those that a rule leaves alone or in small groups of the kNN graph."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..frames import Floats, Ints, NeighbourGraph
from ..settings import RuleName
from .grouping import RULES, gap_to_vouched


@dataclass(frozen=True)
class Verdict:
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
) -> Verdict:
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
    score = np.where(guilty, gap_to_vouched(graph, groups, cut), graph.distances[:, 0]) / cut
    spared = int(guilty.sum()) if weights[guilty].sum() > max_share * weights.sum() else 0
    dropped = np.zeros_like(guilty) if spared else guilty
    return Verdict(dropped, groups.group, size, score.astype(np.float32), cut, spared)


def _everything_stays(count: int) -> Verdict:
    return Verdict(
        np.zeros(count, bool), np.zeros(count, np.int64), np.full(count, count), np.zeros(count, np.float32), 1.0
    )
