"""Find the distinct frames of a film, those that repeat them, and those that are foreign."""

from dataclasses import dataclass

import numpy as np

from ..media.types import Ints, NeighbourGraph
from ..progress import Progress
from ..settings import Settings
from .colour_outliers import judge_colours
from .constraints import Constraints
from .outliers import OutlierVerdict, find_outliers
from .repeats import RepeatGroups, split_groups
from .solve_input import SolveInput

_IDENTICAL = 1e-6
"""Mean difference, in grey levels, below which two pictures are the same. Small differences tell the order of quiet
films: at .25, a film of a game lost a quarter of its right joins.
"""


@dataclass(frozen=True)
class DistinctRows:
    """The distinct rows, the rows each of them stands for, their kNN graph and the outlier verdict."""

    leaders: Ints
    members: dict[int, list[int]]
    graph: NeighbourGraph
    verdict: OutlierVerdict


def repeat_level(count: int, settings: Settings) -> float:
    """Return the difference below which frames count once: where every pair is priced, only identical frames do.

    In longer films a frame has few candidates, and near-repeats would take all of them.
    """
    return _IDENTICAL if count <= settings.solve.dense_limit else settings.ingest.duplicate_level


def distinct_rows(
    film: SolveInput, groups: RepeatGroups, graph: NeighbourGraph, settings: Settings, progress: Progress
) -> DistinctRows:
    leaders, members = groups.leaders, groups.members()
    if len(leaders) < len(graph):
        graph = film.nearest(film.rows.vectors[leaders], settings.neighbours.k)
    return DistinctRows(leaders, members, graph, _verdict(film, graph, leaders, members, settings, progress))


def regroup_named(
    film: SolveInput,
    groups: RepeatGroups,
    graph: NeighbourGraph,
    distinct: DistinctRows,
    constraints: Constraints,
    settings: Settings,
    progress: Progress,
) -> DistinctRows:
    """Let every frame that the user names stand for itself alone."""
    named = constraints.placed | {*constraints.keep, *constraints.drop}
    regrouped = split_groups(groups, np.flatnonzero(np.isin(film.rows.indices, list(named))).tolist())
    return distinct if regrouped is groups else distinct_rows(film, regrouped, graph, settings, progress)


def kept_rows(distinct: DistinctRows, in_frames: Constraints, film: SolveInput) -> Ints:
    frames = film.rows.indices[distinct.leaders]
    playing = np.isin(frames, [*in_frames.placed, *in_frames.keep])
    return np.flatnonzero((~distinct.verdict.dropped | playing) & ~np.isin(frames, in_frames.drop))


def _verdict(
    film: SolveInput,
    graph: NeighbourGraph,
    leaders: Ints,
    members: dict[int, list[int]],
    settings: Settings,
    progress: Progress,
) -> OutlierVerdict:
    weights = np.array([len(members[int(leader)]) for leader in leaders], np.int64)
    verdict = find_outliers(graph, weights, **settings.outliers.model_dump())
    if film.colours:
        yuv, limits = film.colours, settings.outliers
        verdict = judge_colours(
            verdict,
            graph,
            weights,
            lambda row: yuv(int(leaders[row])),
            min_group=limits.min_group,
            max_share=limits.max_share,
        )
    if verdict.overruled:
        progress.note(
            f"The outlier rule would drop {verdict.overruled} of {len(weights)} distinct frames. "
            "It does not fit this film, so none is dropped (outliers.max_share)."
        )
    return verdict
