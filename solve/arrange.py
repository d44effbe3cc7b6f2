"""From stored rows to an arrangement: who plays, in which order, and how sure each step is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..frames import Floats, FrameRows, Ints, NeighbourGraph
from ..progress import Progress
from ..settings import Settings
from .collapse import Groups, apart, collapse
from .confidence import join_confidence
from .constrain import constrain
from .costs import looks as small_pictures
from .measured import Matcher
from .motion import Forgetful, MotionMemory
from .numbered import Block, NumberedShot, blocks, in_frames, number_shots, numbered_as
from .order import Ordered, Rows, order_rows
from .outliers import Verdict, find_outliers
from .plan import Dropped, Neighbour, Reason, Shot
from .shelf import NoShelf, Shelf, shelved
from .shots import find_shots
from .tied import tied_rows
from .undetermined import by_chance, same_rows
from .weak import Weighed, weigh_joins
from .wishes import NO_WISHES, Wishes, check_wishes

_NEIGHBOURS_NAMED = 3

_T = TypeVar("_T")


@dataclass(frozen=True)
class Film:
    """All that solving looks at; `nearest` makes a kNN graph, so that this room needs no index of its own."""

    rows: FrameRows
    luma: npt.NDArray[np.uint8]
    nearest: Callable[[Floats, int], NeighbourGraph]
    space: str
    kind: Literal["video", "pictures"]
    chroma: npt.NDArray[np.uint8] | None = None
    """The two planes of colour of every frame, half its luma's sides; wanted for the price `histogram`."""
    matcher: Matcher | None = None
    """Wanted for the price `match`; made elsewhere, so that this room needs no network of its own."""
    motion: MotionMemory = field(default_factory=Forgetful)
    shelf: Shelf = field(default_factory=NoShelf)
    """Where orders that were found are kept."""


@dataclass(frozen=True)
class Arrangement:
    """The outcome in frame indices, and the graph behind it."""

    order: list[int]
    dropped: list[Dropped]
    shots: list[Shot]
    confidence: list[float]
    undetermined: list[int]
    """The joins that nothing decides, by their places in `order`."""
    direction_known: bool
    weighed: Weighed
    ordered: Ordered
    evidence: "Evidence"
    wishes: Wishes
    """Those that it holds to, all lists of them expanded."""


@dataclass(frozen=True)
class Evidence:
    """The kNN graph of the frames that repeat no other, and what it says of them."""

    frames: Ints
    graph: NeighbourGraph
    verdict: Verdict
    repeats: dict[int, list[int]]
    """The frames that look the same as a frame of the graph."""


@dataclass(frozen=True)
class _Looks:
    """Which rows stand for which, and what the graph of those that stand for others says of them."""

    leaders: Ints
    members: dict[int, list[int]]
    graph: NeighbourGraph
    verdict: Verdict


@dataclass(frozen=True)
class _Solved:
    """Rows of the film, and the path over them."""

    rows: Ints
    ordered: Ordered

    @property
    def path(self) -> list[int]:
        return [int(self.rows[row]) for row in self.ordered.path.order]


def arrange(film: Film, settings: Settings, progress: Progress, wishes: Wishes = NO_WISHES) -> Arrangement:
    """Repeats count once, foreign frames go, the rest is put in order, repeats return to their place.

    What the user knows is then made to hold in the order that was found without it, so that shots keep
    the numbers by which he names them.
    """
    frames = film.rows.indices.tolist()
    wishes = wishes.of_frames(frames)
    check_wishes(wishes, frames)
    with progress.stage("neighbours", 3) as stage:
        graph = film.nearest(film.rows.vectors, settings.neighbours.k)
        stage.advance()
        groups = collapse(film.luma, graph, settings.ingest.duplicate_level)
        looks = _look(film, groups, graph, settings, progress)
        stage.advance(2)
    solved = _order(film, looks, np.flatnonzero(~looks.verdict.dropped), settings, progress)
    shots = _number(film, looks, solved, settings)
    wishes = wishes.of_shots([shot.number for shot in shots])
    if wishes:
        wanted = in_frames(wishes, shots)
        found = _wished_looks(film, groups, graph, looks, wishes, settings, progress)
        kept = _kept(found, wanted, film)
        if not len(kept):
            raise UsageError("No frame would be left to play.", "Drop fewer.")
        if not np.array_equal(found.leaders[kept], solved.rows):
            solved = _order(film, found, kept, settings, progress)
        looks, solved = found, _wished(solved, film, found, wanted, shots, settings)
    return _arrangement(film, looks, solved, shots, wishes, settings)


def _look(film: Film, groups: Groups, graph: NeighbourGraph, settings: Settings, progress: Progress) -> _Looks:
    leaders, members = groups.leaders, groups.members()
    if len(leaders) < len(graph):
        graph = film.nearest(film.rows.vectors[leaders], settings.neighbours.k)
    return _Looks(leaders, members, graph, _verdict(graph, leaders, members, settings, progress))


def _wished_looks(
    film: Film,
    groups: Groups,
    graph: NeighbourGraph,
    looks: _Looks,
    wishes: Wishes,
    settings: Settings,
    progress: Progress,
) -> _Looks:
    """A frame that the user names stands for itself alone."""
    named = wishes.placed | {*wishes.keep, *wishes.drop}
    alone = apart(groups, np.flatnonzero(np.isin(film.rows.indices, list(named))).tolist())
    return looks if alone is groups else _look(film, alone, graph, settings, progress)


def _kept(looks: _Looks, wanted: Wishes, film: Film) -> Ints:
    frames = film.rows.indices[looks.leaders]
    playing = np.isin(frames, [*wanted.placed, *wanted.keep])
    return np.flatnonzero((~looks.verdict.dropped | playing) & ~np.isin(frames, wanted.drop))


def _order(film: Film, looks: _Looks, kept: Ints, settings: Settings, progress: Progress) -> _Solved:
    rows = looks.leaders[kept]
    seen = Rows(
        film.rows.vectors if len(rows) == len(film.rows) else film.rows.vectors[rows],
        film.luma[rows] if _wants_pictures(len(rows), settings) else small_pictures(film.luma, rows),
        film.rows.indices[rows],
        _joins(looks.graph, kept),
        film.kind == "video",
        None if film.chroma is None else film.chroma[rows],
        film.matcher,
        film.motion,
    )
    find = partial(order_rows, seen, film.space, settings.solve, progress)
    return _Solved(rows, shelved(film.shelf, seen, film.space, settings.solve, find))


def _wants_pictures(count: int, settings: Settings) -> bool:
    """Whether whole pictures are looked at, and not just the small ones that the usual price compares."""
    return count <= settings.solve.flow_limit or settings.solve.price not in ("auto", "huber", "cosine")


def _wished(
    solved: _Solved, film: Film, looks: _Looks, wanted: Wishes, shots: Sequence[NumberedShot], settings: Settings
) -> _Solved:
    """The path with the wishes held: within each shot where the shots are to stay whole, else over all of it."""
    row = {int(film.rows.indices[at]): number for number, at in enumerate(solved.rows.tolist())}
    path, costs = solved.ordered.path, solved.ordered.costs
    played = [int(film.rows.indices[at]) for at in solved.path]
    whole = blocks(wanted, shots, played) or [Block(0, played, wanted)]
    order = [
        number
        for block in whole
        for number in constrain(
            [row[frame] for frame in block.frames], costs, tied_rows(block.wishes, row), settings.solve
        )
    ]
    return _Solved(solved.rows, replace(solved.ordered, path=path.taking(order, costs)))


def _arrangement(
    film: Film,
    looks: _Looks,
    solved: _Solved,
    shots: Sequence[NumberedShot],
    wishes: Wishes,
    settings: Settings,
) -> Arrangement:
    frames = film.rows.indices
    played = [looks.members[row] for row in solved.path]
    order = [int(frames[row]) for group in played for row in group]
    shown = numbered_as(_shots(film, played, settings), order, shots)
    made = _made(order, wishes)
    alike = [is_open and not known for is_open, known in zip(_alike(played, solved.ordered), made, strict=True)]
    confidence = _confidence(played, solved.ordered, made, alike)
    cuts = {shot.start - 1 for shot in shown[1:]}
    undetermined = [at for at, known in enumerate(made) if alike[at] or (at in cuts and not known)]
    row_of = {int(frames[at]): row for row, leader in enumerate(solved.rows.tolist()) for at in looks.members[leader]}
    return Arrangement(
        order=order,
        dropped=_dropped(film, looks, set(solved.rows.tolist()), shots),
        shots=shown,
        confidence=confidence,
        undetermined=undetermined,
        direction_known=wishes.say_direction,
        weighed=weigh_joins(
            order, confidence, shown, row_of, solved.ordered.costs, settings.report.weak_joins, {*undetermined} - cuts
        ),
        ordered=solved.ordered,
        evidence=Evidence(frames[looks.leaders], looks.graph, looks.verdict, _repeats(frames, looks.members)),
        wishes=wishes,
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


def _number(film: Film, looks: _Looks, solved: _Solved, settings: Settings) -> list[NumberedShot]:
    """The shots as they play, and behind them the groups of two frames or more that were dropped."""
    played = [looks.members[row] for row in solved.path]
    order = [int(film.rows.indices[row]) for group in played for row in group]
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(looks.verdict.dropped).tolist():
        members = looks.members[int(looks.leaders[row])]
        groups.setdefault(int(looks.verdict.component[row]), []).extend(film.rows.indices[members].tolist())
    return number_shots(
        [order[shot.start : shot.start + shot.length] for shot in _shots(film, played, settings)],
        [sorted(group) for group in groups.values() if len(group) > 1],
    )


def _dropped(film: Film, looks: _Looks, playing: set[int], shots: Sequence[NumberedShot]) -> list[Dropped]:
    frames, leaders, verdict = film.rows.indices, looks.leaders, looks.verdict
    number = {frame: shot.number for shot in shots if not shot.plays for frame in shot.frames}
    found = []
    for row in (row for row, leader in enumerate(leaders.tolist()) if leader not in playing):
        near = zip(looks.graph.indices[row].tolist(), looks.graph.distances[row].tolist(), strict=True)
        named = [Neighbour(frame=int(frames[leaders[n]]), distance=round(d, 4)) for n, d in near][:_NEIGHBOURS_NAMED]
        judged: Reason = "outlier" if verdict.size[row] == 1 else "foreign"
        for member in looks.members[int(leaders[row])]:
            found.append(
                Dropped(
                    frame=int(frames[member]),
                    reason=judged if verdict.dropped[row] else "user",
                    score=round(float(verdict.score[row]), 4),
                    component=int(verdict.component[row]),
                    shot=number.get(int(frames[member])),
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


def _made(order: Sequence[int], wishes: Wishes) -> list[bool]:
    """For each join whether the user made it; who says how two frames play says all of their order."""
    pairs = {frozenset(pair) for pair in wishes.adjacent}
    if len(order) == 2 and wishes.say_direction:
        return [True]
    return [frozenset(join) in pairs for join in pairwise(order)]


def _alike(played: Sequence[Sequence[int]], ordered: Ordered) -> list[bool]:
    """For each join whether another order of the frames around it is as good: any is, of those that look the same."""
    path, orderless = ordered.path.order, ordered.orderless
    only = sum(map(len, played)) == 2
    joins = [
        only or same or (a in orderless and b in orderless)
        for (a, b), same in zip(pairwise(path), same_rows(path, ordered.costs), strict=True)
    ]
    return _among_repeats(played, joins, True)


def _confidence(
    played: Sequence[Sequence[int]], ordered: Ordered, made: Sequence[bool], alike: Sequence[bool]
) -> list[float]:
    """Joins that the user made are sure; those between frames that nothing tells apart are as good as chance."""
    joins = _among_repeats(played, join_confidence(ordered), 1.0)
    return [
        1.0 if known else round(chance if is_open else said, 4)
        for said, chance, is_open, known in zip(joins, by_chance(alike), alike, made, strict=True)
    ]


def _among_repeats(played: Sequence[Sequence[int]], joins: Sequence[_T], between: _T) -> list[_T]:
    """What is said of the joins of rows, said of the joins of all frames; `between` of those of repeats."""
    values: list[_T] = []
    for place, group in enumerate(played):
        values += joins[place - 1 : place] if place else []
        values += [between] * (len(group) - 1)
    return values


def _repeats(frames: Ints, members: dict[int, list[int]]) -> dict[int, list[int]]:
    return {
        int(frames[leader]): [int(frames[row]) for row in rows if row != leader]
        for leader, rows in members.items()
        if len(rows) > 1
    }
