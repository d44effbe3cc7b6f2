"""Arrange stored rows into a film: drop foreign frames, order the rest, find shots and rate every join."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..media.proxy import release_pages
from ..media.types import Floats, FrameRows, Ints, NeighbourGraph
from ..progress import Progress
from ..settings import Settings
from .choose_price import AGREED
from .colour_outliers import judge_colours
from .colours import Yuv
from .confidence import JoinReview, join_confidence, review_joins
from .constraints import NO_CONSTRAINTS, Constraints, check_constraints
from .cost.prices import price_features as small_pictures
from .cost.sound import SliceSound
from .exchanges import exchangeable_joins, order_is_shared
from .measured_prices import Matcher
from .motion import MotionCache, NoMotionCache
from .order import OrderResult, order_rows
from .order_cache import NoOrderCache, OrderCache, cached_order
from .order_input import OrderInput
from .outliers import OutlierVerdict, find_outliers
from .path.constrain import constrain
from .path.pinned import pinned_rows
from .plan.model import Direction, Dropped, Neighbour, Reason, Shot, UndeterminedReason
from .repeats import RepeatGroups, collapse, split_groups
from .shots import (
    NumberedShot,
    ShotBlock,
    constraints_in_frames,
    edit_shots,
    edited_cuts,
    find_shots,
    match_numbers,
    number_shots,
    shot_blocks,
)
from .sound import (
    SOUND_LIMIT,
    SoundVerdict,
    directed,
    direction_confidence,
    direction_score,
    judge_sound,
    ordered_by_sound,
)
from .undetermined import chance_confidence, interchangeable_joins

_NEIGHBOURS_NAMED = 3
"""Nearest frames that the plan lists as evidence for each dropped frame."""

_IDENTICAL = 1e-6
"""Mean difference, in grey levels, below which two pictures are the same. Small differences tell the order of quiet
films: at .25, a film of a game lost a quarter of its right joins.
"""

_BREAK = 1.5
"""A join of this many times the median price may be a cut, and sound may move what is on either side. Prices that count
changes are bounded: at drawn cuts they are 1.6 to 2, within drawn shots at most 1.2.
"""

_MOSTLY = 0.5
"""Share of undetermined joins above which the order of a shot is undetermined."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class SolveInput:
    """Everything that solving reads. `nearest` builds the kNN graph: this package has no index of its own."""

    rows: FrameRows
    luma: npt.NDArray[np.uint8]
    nearest: Callable[[Floats, int], NeighbourGraph]
    space: str
    kind: Literal["video", "pictures"]
    chroma: npt.NDArray[np.uint8] | None = None
    """The two chroma planes of every frame, half the luma's sides. Needed for the price `histogram`."""
    matcher: Matcher | None = None
    """Needed for the price `match`; passed in, so that this package needs no network of its own."""
    motion: MotionCache = field(default_factory=NoMotionCache)
    colours: Yuv | None = None
    """Reads a row's small picture in colour; without it, small groups are judged by their vectors alone."""
    cache: OrderCache = field(default_factory=NoOrderCache)
    """Orders of earlier runs."""
    sound: SliceSound | None = None
    """The sound of every row, where there is any."""


@dataclass(frozen=True)
class Arrangement:
    """The result in frame indices, with the kNN graph behind it."""

    order: list[int]
    dropped: list[Dropped]
    shots: list[Shot]
    confidence: list[float]
    undetermined: list[int]
    """The joins that no evidence decides, by their positions in `order`."""
    direction: Direction
    sound: SoundVerdict | None
    review: JoinReview
    ordered: OrderResult
    evidence: "OutlierEvidence"
    constraints: Constraints
    """The user's constraints that the order satisfies, with all lists expanded."""

    @property
    def direction_known(self) -> bool:
        """Whether the user or the sound tells the direction of time."""
        return self.direction.confidence > 0


@dataclass(frozen=True)
class OutlierEvidence:
    """The kNN graph of the distinct frames, and the outlier verdict on them."""

    frames: Ints
    graph: NeighbourGraph
    verdict: OutlierVerdict
    repeats: dict[int, list[int]]
    """For each frame of the graph that has repeats, those repeats."""


@dataclass(frozen=True)
class _DistinctRows:
    """The distinct rows, the rows each of them stands for, their kNN graph and the outlier verdict."""

    leaders: Ints
    members: dict[int, list[int]]
    graph: NeighbourGraph
    verdict: OutlierVerdict


@dataclass(frozen=True)
class _Solved:
    """The kept rows and the path over them."""

    rows: Ints
    ordered: OrderResult

    @property
    def path(self) -> list[int]:
        return [int(self.rows[row]) for row in self.ordered.path.order]


def arrange(
    film: SolveInput, settings: Settings, progress: Progress, constraints: Constraints = NO_CONSTRAINTS
) -> Arrangement:
    """Order the frames of a file.

    Repeats count once, foreign frames are dropped, the rest is ordered, and repeats return next to their frame. The
    user's constraints are applied last, to the order found without them, so that shots keep the numbers by which the
    user names them.

    Args:
        film: The stored rows and pictures.
        settings: The settings of the run.
        progress: Receives stages and notes.
        constraints: What the user knows of the film; lists may still be unexpanded.

    Raises:
        UsageError: The constraints contradict each other, name something that does not exist, or leave no frame.
    """
    frames = film.rows.indices.tolist()
    constraints = constraints.of_frames(frames)
    check_constraints(constraints, frames)
    with progress.stage("neighbours", 3) as stage:
        graph = film.nearest(film.rows.vectors, settings.neighbours.k)
        stage.advance()
        groups = collapse(film.luma, graph, _repeat_level(len(film.rows), settings))
        release_pages(film.luma)
        distinct = _distinct_rows(film, groups, graph, settings, progress)
        stage.advance(2)
    solved = _directed_order(film, distinct, np.flatnonzero(~distinct.verdict.dropped), settings, progress)
    if solved.ordered.loop and constraints.first is None and constraints.last is None:
        progress.note("The film ends as it begins; the pictures do not tell where it starts. State it with --first.")
    shots = edit_shots(_number(film, distinct, solved, settings), constraints, _last_repeats(film, distinct))
    constraints = constraints.of_shots([shot.number for shot in shots])
    if constraints:
        in_frames = constraints_in_frames(constraints, shots)
        found = _regroup_named(film, groups, graph, distinct, constraints, settings, progress)
        kept = _kept_rows(found, in_frames, film)
        if not len(kept):
            raise UsageError("No frame would be left to play.", "Drop fewer frames or shots.")
        if not np.array_equal(found.leaders[kept], solved.rows):
            solved = _directed_order(film, found, kept, settings, progress)
        distinct, solved = found, _apply_constraints(solved, film, found, in_frames, shots, settings)
    return _arrangement(film, distinct, solved, shots, constraints, settings)


def _repeat_level(count: int, settings: Settings) -> float:
    """Return the difference below which frames count once: where every pair is priced, only identical frames do.

    In longer films a frame has few candidates, and near-repeats would take all of them.
    """
    return _IDENTICAL if count <= settings.solve.dense_limit else settings.ingest.duplicate_level


def _distinct_rows(
    film: SolveInput, groups: RepeatGroups, graph: NeighbourGraph, settings: Settings, progress: Progress
) -> _DistinctRows:
    leaders, members = groups.leaders, groups.members()
    if len(leaders) < len(graph):
        graph = film.nearest(film.rows.vectors[leaders], settings.neighbours.k)
    return _DistinctRows(leaders, members, graph, _verdict(film, graph, leaders, members, settings, progress))


def _regroup_named(
    film: SolveInput,
    groups: RepeatGroups,
    graph: NeighbourGraph,
    distinct: _DistinctRows,
    constraints: Constraints,
    settings: Settings,
    progress: Progress,
) -> _DistinctRows:
    """Let every frame that the user names stand for itself alone."""
    named = constraints.placed | {*constraints.keep, *constraints.drop}
    regrouped = split_groups(groups, np.flatnonzero(np.isin(film.rows.indices, list(named))).tolist())
    return distinct if regrouped is groups else _distinct_rows(film, regrouped, graph, settings, progress)


def _kept_rows(distinct: _DistinctRows, in_frames: Constraints, film: SolveInput) -> Ints:
    frames = film.rows.indices[distinct.leaders]
    playing = np.isin(frames, [*in_frames.placed, *in_frames.keep])
    return np.flatnonzero((~distinct.verdict.dropped | playing) & ~np.isin(frames, in_frames.drop))


def _order(film: SolveInput, distinct: _DistinctRows, kept: Ints, settings: Settings, progress: Progress) -> _Solved:
    rows = distinct.leaders[kept]
    order_input = OrderInput(
        film.rows.vectors if len(rows) == len(film.rows) else film.rows.vectors[rows],
        film.luma[rows] if _needs_full_luma(len(rows), settings) else small_pictures(film.luma, rows),
        film.rows.indices[rows],
        _kept_joins(distinct.graph, kept),
        film.kind == "video",
        None if film.chroma is None else film.chroma[rows],
        film.matcher,
        film.motion,
    )
    release_pages(film.luma)
    solve = partial(order_rows, order_input, film.space, settings.solve, progress)
    return _Solved(rows, cached_order(film.cache, order_input, film.space, settings.solve, solve))


def _directed_order(
    film: SolveInput, distinct: _DistinctRows, kept: Ints, settings: Settings, progress: Progress
) -> _Solved:
    """Order the kept rows, and turn the film and its shots to the direction of sound that was shuffled along."""
    solved = _order(film, distinct, kept, settings, progress)
    verdict = _sound_verdict(film, solved)
    if not (film.sound and verdict and verdict.state == "shuffled"):
        return solved
    played = [distinct.members[row] for row in solved.path]
    begins = np.cumsum([0, *map(len, played)]).tolist()
    starts = [begins.index(shot.start) for shot in _shots(film, played, settings) if shot.start in begins]
    path, costs = solved.ordered.path, solved.ordered.costs
    numbers = directed(film.sound, played, starts)
    if costs.matrix is not None and len(numbers) <= SOUND_LIMIT:
        order = [path.order[number] for number in numbers]
        prices = costs.matrix[np.ix_(order, order)].astype(np.float64)
        groups = [played[number] for number in numbers]
        by_sound = [numbers[at] for at in ordered_by_sound(film.sound, groups, prices)]
        sure = (solved.ordered.agreement or 0.0) >= AGREED
        numbers = _pieces_moved(numbers, np.diagonal(prices, 1), by_sound) if sure else by_sound
    order = [path.order[number] for number in numbers]
    found = replace(path, order=order, cost=costs.of(order) / costs.scale)
    return _Solved(solved.rows, replace(solved.ordered, path=found))


def _pieces_moved(numbers: Sequence[int], joins: npt.NDArray[np.float64], by_sound: Sequence[int]) -> list[int]:
    """Move and turn whole pieces as sound does: between expensive joins the pictures are sure of the order."""
    cuts = np.flatnonzero(joins > _BREAK * np.median(joins)) + 1
    place = {number: at for at, number in enumerate(by_sound)}
    pieces = [part.tolist() for part in np.split(np.array(numbers, np.int64), cuts)]
    pieces = [piece[::-1] if place[piece[-1]] < place[piece[0]] else piece for piece in pieces]
    pieces.sort(key=lambda piece: float(np.mean([place[number] for number in piece])))
    return [number for piece in pieces for number in piece]


def _sound_verdict(film: SolveInput, solved: _Solved) -> SoundVerdict | None:
    return judge_sound(film.sound, film.rows.indices, solved.path) if film.sound else None


def _direction(
    film: SolveInput, played: Sequence[Sequence[int]], verdict: SoundVerdict | None, constraints: Constraints
) -> Direction:
    """Say how certain the direction of time is: the user's word, else that of sound that was shuffled along."""
    if constraints.fixes_direction:
        return Direction(confidence=1.0, by="user")
    if film.sound and verdict and verdict.state == "shuffled":
        sure = direction_confidence(direction_score(film.sound, played), verdict)
        return Direction(confidence=round(sure, 4), by="sound")
    return Direction()


def _needs_full_luma(count: int, settings: Settings) -> bool:
    """Return whether a search needs full-size pictures, not just the small ones that the default price compares."""
    return count <= settings.solve.flow_limit or settings.solve.price not in ("auto", "huber", "cosine")


def _apply_constraints(
    solved: _Solved,
    film: SolveInput,
    distinct: _DistinctRows,
    in_frames: Constraints,
    shots: Sequence[NumberedShot],
    settings: Settings,
) -> _Solved:
    """Apply the constraints to the path: within each shot where shots stay in one piece, else over the whole path."""
    row = {int(film.rows.indices[at]): number for number, at in enumerate(solved.rows.tolist())}
    path, costs = solved.ordered.path, solved.ordered.costs
    played = [int(film.rows.indices[at]) for at in solved.path]
    blocks = shot_blocks(in_frames, shots, played) or [ShotBlock(0, played, in_frames)]
    order = [
        number
        for block in blocks
        for number in constrain(
            [row[frame] for frame in block.frames], costs, pinned_rows(block.constraints, row), settings.solve
        )
    ]
    return _Solved(solved.rows, replace(solved.ordered, path=path.with_order(order, costs)))


def _arrangement(
    film: SolveInput,
    distinct: _DistinctRows,
    solved: _Solved,
    shots: Sequence[NumberedShot],
    constraints: Constraints,
    settings: Settings,
) -> Arrangement:
    frames = film.rows.indices
    played = [distinct.members[row] for row in solved.path]
    order = [int(frames[row]) for group in played for row in group]
    final_shots = match_numbers(edited_cuts(_shots(film, played, settings), order, shots), order, shots)
    user_joins = _user_joins(order, constraints)
    tied_joins = _undecided_joins(played, solved.ordered)
    verdict = _sound_verdict(film, solved)
    undecided = [tied and not known for tied, known in zip(tied_joins, user_joins, strict=True)]
    confidence = _confidence(played, solved.ordered, user_joins, undecided)
    torn = _torn_joins(played, solved.ordered, user_joins)
    final_shots = [_judged_shot(shot, played, solved.ordered, undecided, torn) for shot in final_shots]
    cuts = {shot.start - 1 for shot in final_shots[1:]}
    exchangeable = {
        at for shot in final_shots if shot.undetermined == "exchangeable" for at in shot.joins if at in torn
    }
    undetermined = [
        at for at, known in enumerate(user_joins) if undecided[at] or at in exchangeable or (at in cuts and not known)
    ]
    row_of = {
        int(frames[at]): row for row, leader in enumerate(solved.rows.tolist()) for at in distinct.members[leader]
    }
    return Arrangement(
        order=order,
        dropped=_dropped(film, distinct, set(solved.rows.tolist()), shots),
        shots=final_shots,
        confidence=confidence,
        undetermined=undetermined,
        direction=_direction(film, played, verdict, constraints),
        sound=verdict,
        review=review_joins(
            order,
            confidence,
            final_shots,
            row_of,
            solved.ordered.costs,
            settings.report.weak_joins,
            {*undetermined} - cuts,
        ),
        ordered=solved.ordered,
        evidence=OutlierEvidence(
            frames[distinct.leaders], distinct.graph, distinct.verdict, _repeats(frames, distinct.members)
        ),
        constraints=constraints,
    )


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


def _kept_joins(graph: NeighbourGraph, kept: Ints) -> Ints:
    """Return the graph's pairs among the kept rows, renumbered."""
    new = np.full(len(graph), -1)
    new[kept] = np.arange(len(kept))
    pairs = np.stack([np.repeat(new, graph.indices.shape[1]), new[graph.indices.ravel()]], axis=1)
    return np.asarray(pairs[(pairs >= 0).all(axis=1)], np.int64)


def _number(film: SolveInput, distinct: _DistinctRows, solved: _Solved, settings: Settings) -> list[NumberedShot]:
    """Number the shots in playing order, then the dropped groups of two frames or more."""
    played = [distinct.members[row] for row in solved.path]
    order = [int(film.rows.indices[row]) for group in played for row in group]
    groups: dict[int, list[int]] = {}
    for row in np.flatnonzero(distinct.verdict.dropped).tolist():
        members = distinct.members[int(distinct.leaders[row])]
        groups.setdefault(int(distinct.verdict.component[row]), []).extend(film.rows.indices[members].tolist())
    return number_shots(
        [order[shot.start : shot.start + shot.length] for shot in _shots(film, played, settings)],
        [sorted(group) for group in groups.values() if len(group) > 1],
    )


def _last_repeats(film: SolveInput, distinct: _DistinctRows) -> dict[int, int]:
    """Map every frame that has repeats to the one that plays last."""
    groups = (film.rows.indices[rows].tolist() for rows in distinct.members.values() if len(rows) > 1)
    return {frame: group[-1] for group in groups for frame in group}


def _dropped(
    film: SolveInput, distinct: _DistinctRows, playing: set[int], shots: Sequence[NumberedShot]
) -> list[Dropped]:
    frames, leaders, verdict = film.rows.indices, distinct.leaders, distinct.verdict
    number = {frame: shot.number for shot in shots if not shot.plays for frame in shot.frames}
    found = []
    for row in (row for row, leader in enumerate(leaders.tolist()) if leader not in playing):
        near = zip(distinct.graph.indices[row].tolist(), distinct.graph.distances[row].tolist(), strict=True)
        named = [Neighbour(frame=int(frames[leaders[n]]), distance=round(d, 4)) for n, d in near][:_NEIGHBOURS_NAMED]
        judged: Reason = "outlier" if verdict.size[row] == 1 else "foreign"
        for member in distinct.members[int(leaders[row])]:
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


def _shots(film: SolveInput, played: Sequence[Sequence[int]], settings: Settings) -> list[Shot]:
    rows = [row for group in played for row in group]
    if not rows:
        return []
    vectors = film.rows.vectors
    chords = [float(np.linalg.norm(vectors[a] - vectors[b])) for a, b in pairwise(rows)]
    return find_shots(np.array(chords, np.float32), **settings.shots.model_dump())


def _user_joins(order: Sequence[int], constraints: Constraints) -> list[bool]:
    """Mark the joins that the user set; in a film of two frames, giving the direction sets the only join."""
    pairs = {frozenset(pair) for pair in constraints.adjacent}
    if len(order) == 2 and constraints.fixes_direction:
        return [True]
    return [frozenset(join) in pairs for join in pairwise(order)]


def _undecided_joins(played: Sequence[Sequence[int]], ordered: OrderResult) -> list[bool]:
    """Mark the joins around which another order is as cheap; joins between repeats always are."""
    path, orderless = ordered.path.order, ordered.orderless
    only = sum(map(len, played)) == 2
    joins = [
        only or same or (a in orderless and b in orderless)
        for (a, b), same in zip(pairwise(path), interchangeable_joins(path, ordered.costs), strict=True)
    ]
    return _expand_repeats(played, joins, True)


def _judged_shot(
    shot: Shot, played: Sequence[Sequence[int]], ordered: OrderResult, undecided: Sequence[bool], torn: set[int]
) -> Shot:
    """Say why the order within a shot is undetermined, if it is."""
    tied = [undecided[at] for at in shot.joins]
    if tied and sum(tied) > _MOSTLY * len(tied):
        return shot.model_copy(update={"undetermined": _reason_of_ties(ordered)})
    if torn.isdisjoint(shot.joins) or order_is_shared(_rows_of(shot, played, ordered), ordered.halves):
        return shot
    return shot.model_copy(update={"undetermined": "exchangeable"})


def _reason_of_ties(ordered: OrderResult) -> UndeterminedReason:
    if ordered.recurring:
        return "recurring"
    if ordered.orderless:
        return "equal"
    return "direction" if len(ordered.path.order) == 2 else "same"


def _rows_of(shot: Shot, played: Sequence[Sequence[int]], ordered: OrderResult) -> list[int]:
    """Return the rows of a shot in play order; repeats count once."""
    starts = np.cumsum([0, *map(len, played)])[:-1]
    within = (shot.start <= starts) & (starts < shot.start + shot.length)
    return [row for row, inside in zip(ordered.path.order, within, strict=True) if inside]


def _torn_joins(played: Sequence[Sequence[int]], ordered: OrderResult, user_joins: Sequence[bool]) -> set[int]:
    """Return the joins that most paths by halves tear apart; the user knows others, or the file had all of them."""
    if ordered.path.in_file_order:
        return set()
    torn = _expand_repeats(played, exchangeable_joins(ordered.path.order, ordered.halves), False)
    return {at for at, (apart, known) in enumerate(zip(torn, user_joins, strict=True)) if apart and not known}


def _confidence(
    played: Sequence[Sequence[int]], ordered: OrderResult, user_joins: Sequence[bool], undecided: Sequence[bool]
) -> list[float]:
    """Rate joins set by the user as certain, and joins between indistinguishable frames at chance level."""
    joins = _expand_repeats(played, join_confidence(ordered), 1.0)
    chances = chance_confidence(undecided)
    return [
        1.0 if known else round(chance if tied else sure, 4)
        for sure, chance, tied, known in zip(joins, chances, undecided, user_joins, strict=True)
    ]


def _expand_repeats(played: Sequence[Sequence[int]], joins: Sequence[_T], between: _T) -> list[_T]:
    """Expand values of joins between rows to joins between frames; joins between repeats get `between`."""
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
