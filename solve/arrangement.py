"""The result of solving: the order of the frames, the shots, and what is known of every join."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..media.types import Ints, NeighbourGraph
from ..settings import Settings
from .confidence import JoinReview, review_joins
from .constraints import Constraints
from .distinct import DistinctRows
from .film_order import FilmOrder, played_shots, sound_verdict
from .judge_joins import joins_confidence, judged_shot, torn_joins, undecided_joins, user_joins
from .order import OrderResult
from .outliers import OutlierVerdict
from .plan.model import Direction, Dropped, Neighbour, Reason, Shot
from .shots import NumberedShot, edited_cuts, match_numbers
from .solve_input import SolveInput
from .sound import SoundVerdict, direction_confidence, direction_score

_NEIGHBOURS_NAMED = 3
"""Nearest frames that the plan lists as evidence for each dropped frame."""


@dataclass(frozen=True)
class OutlierEvidence:
    """The kNN graph of the distinct frames, and the outlier verdict on them."""

    frames: Ints
    graph: NeighbourGraph
    verdict: OutlierVerdict
    repeats: dict[int, list[int]]
    """For each frame of the graph that has repeats, those repeats."""


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
    evidence: OutlierEvidence
    constraints: Constraints
    """The user's constraints that the order satisfies, with all lists expanded."""

    @property
    def direction_known(self) -> bool:
        """Whether the user or the sound tells the direction of time."""
        return self.direction.confidence > 0


def arrangement_of(
    film: SolveInput,
    distinct: DistinctRows,
    solved: FilmOrder,
    shots: Sequence[NumberedShot],
    constraints: Constraints,
    settings: Settings,
) -> Arrangement:
    """Describe the path found over the kept rows in frames: its shots, and what is known of every join."""
    frames = film.rows.indices
    played = [distinct.members[row] for row in solved.path]
    order = [int(frames[row]) for group in played for row in group]
    final_shots = match_numbers(edited_cuts(played_shots(film, played, settings), order, shots), order, shots)
    by_user = user_joins(order, constraints)
    tied_joins = undecided_joins(played, solved.ordered)
    verdict = sound_verdict(film, solved)
    undecided = [tied and not known for tied, known in zip(tied_joins, by_user, strict=True)]
    confidence = joins_confidence(played, solved.ordered, by_user, undecided)
    torn = torn_joins(played, solved.ordered, by_user)
    final_shots = [judged_shot(shot, played, solved.ordered, undecided, torn) for shot in final_shots]
    cuts = {shot.start - 1 for shot in final_shots[1:]}
    exchangeable = {
        at for shot in final_shots if shot.undetermined == "exchangeable" for at in shot.joins if at in torn
    }
    undetermined = [
        at for at, known in enumerate(by_user) if undecided[at] or at in exchangeable or (at in cuts and not known)
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


def _dropped(
    film: SolveInput, distinct: DistinctRows, playing: set[int], shots: Sequence[NumberedShot]
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


def _repeats(frames: Ints, members: dict[int, list[int]]) -> dict[int, list[int]]:
    return {
        int(frames[leader]): [int(frames[row]) for row in rows if row != leader]
        for leader, rows in members.items()
        if len(rows) > 1
    }
