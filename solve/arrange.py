"""From stored rows to an arrangement: who plays, in which order, and how sure each step is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..frames import Floats, FrameRows, Ints, NeighbourGraph
from ..progress import Progress
from ..settings import Settings
from .collapse import Groups, collapse
from .confidence import join_confidence
from .costs import looks
from .order import Ordered, Rows, order_rows
from .outliers import Verdict, find_outliers
from .plan import Dropped, Neighbour, Shot
from .shots import find_shots

_NEIGHBOURS_NAMED = 3


@dataclass(frozen=True)
class Film:
    """All that solving looks at; `nearest` makes a kNN graph, so that this room needs no index of its own."""

    rows: FrameRows
    luma: npt.NDArray[np.uint8]
    nearest: Callable[[Floats, int], NeighbourGraph]
    space: str
    kind: Literal["video", "pictures"]


@dataclass(frozen=True)
class Arrangement:
    """The outcome in frame indices, and the graph behind it."""

    order: list[int]
    dropped: list[Dropped]
    shots: list[Shot]
    confidence: list[float]
    ordered: Ordered
    evidence: "Evidence"


@dataclass(frozen=True)
class Evidence:
    """The kNN graph of the frames that repeat no other, and what it says of them."""

    frames: Ints
    graph: NeighbourGraph
    verdict: Verdict
    repeats: dict[int, list[int]]
    """The frames that look the same as a frame of the graph."""


def arrange(film: Film, settings: Settings, progress: Progress) -> Arrangement:
    """Repeats count once, foreign frames go, the rest is put in order, repeats return to their place."""
    with progress.stage("neighbours", 3) as stage:
        graph = film.nearest(film.rows.vectors, settings.neighbours.k)
        stage.advance()
        groups = collapse(film.luma, graph, settings.ingest.duplicate_level)
        leaders, members = groups.leaders, groups.members()
        graph = film.nearest(film.rows.vectors[leaders], settings.neighbours.k) if len(leaders) < len(graph) else graph
        stage.advance()
        verdict = _verdict(graph, leaders, members, settings, progress)
        stage.advance()
    kept = np.flatnonzero(~verdict.dropped)
    rows = leaders[kept]
    pictures = film.luma[rows] if len(rows) <= settings.solve.flow_limit else looks(film.luma, rows)
    vectors = film.rows.vectors if len(rows) == len(film.rows) else film.rows.vectors[rows]
    seen = Rows(vectors, pictures, film.rows.indices[rows], _joins(graph, kept), film.kind == "video")
    ordered = order_rows(seen, film.space, settings.solve, progress)
    played = [members[int(rows[row])] for row in ordered.path.order]
    frames = film.rows.indices
    return Arrangement(
        order=[int(frames[row]) for group in played for row in group],
        dropped=_dropped(film, leaders, members, graph, verdict),
        shots=_shots(film, played, settings),
        confidence=_confidence(played, ordered),
        ordered=ordered,
        evidence=Evidence(frames[leaders], graph, verdict, _repeats(frames, groups)),
    )


def _verdict(
    graph: NeighbourGraph, leaders: Ints, members: dict[int, list[int]], settings: Settings, progress: Progress
) -> Verdict:
    weights = np.array([len(members[int(leader)]) for leader in leaders], np.int64)
    verdict = find_outliers(graph, weights, **settings.outliers.model_dump())
    if verdict.spared:
        progress.note(
            f"The outlier rule would drop {verdict.spared} of {len(weights)} distinct frames. "
            "It does not fit this film, so none is dropped (outliers.max_share)."
        )
    return verdict


def _joins(graph: NeighbourGraph, kept: Ints) -> Ints:
    """The graph's pairs among the kept rows, numbered as those are."""
    new = np.full(len(graph), -1)
    new[kept] = np.arange(len(kept))
    pairs = np.stack([np.repeat(new, graph.indices.shape[1]), new[graph.indices.ravel()]], axis=1)
    return np.asarray(pairs[(pairs >= 0).all(axis=1)], np.int64)


def _dropped(
    film: Film, leaders: Ints, members: dict[int, list[int]], graph: NeighbourGraph, verdict: Verdict
) -> list[Dropped]:
    frames = film.rows.indices
    found = []
    for row in np.flatnonzero(verdict.dropped).tolist():
        near = zip(graph.indices[row].tolist(), graph.distances[row].tolist(), strict=True)
        named = [Neighbour(frame=int(frames[leaders[n]]), distance=round(d, 4)) for n, d in near][:_NEIGHBOURS_NAMED]
        for member in members[int(leaders[row])]:
            found.append(
                Dropped(
                    frame=int(frames[member]),
                    reason="outlier" if verdict.size[row] == 1 else "foreign",
                    score=round(float(verdict.score[row]), 4),
                    component=int(verdict.component[row]),
                    neighbours=named,
                )
            )
    return sorted(found, key=lambda dropped: dropped.frame)


def _shots(film: Film, played: Sequence[Sequence[int]], settings: Settings) -> list[Shot]:
    rows = [row for group in played for row in group]
    if not rows:
        return []
    vectors = film.rows.vectors
    chords = [float(np.linalg.norm(vectors[a] - vectors[b])) for a, b in pairwise(rows)]
    return find_shots(np.array(chords, np.float32), **settings.shots.model_dump())


def _confidence(played: Sequence[Sequence[int]], ordered: Ordered) -> list[float]:
    """Joins between repeats are sure, since any order of theirs looks the same."""
    values: list[float] = []
    for group, before in zip(played, [None, *join_confidence(ordered)][: len(played)], strict=True):
        values += [] if before is None else [round(before, 4)]
        values += [1.0] * (len(group) - 1)
    return values


def _repeats(frames: Ints, groups: Groups) -> dict[int, list[int]]:
    return {
        int(frames[leader]): [int(frames[row]) for row in rows if row != leader]
        for leader, rows in groups.members().items()
        if len(rows) > 1
    }
