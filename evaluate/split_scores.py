"""Score how well mixed films were separated: the grouping, and each plan against the clip that most of it is from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import PlanError
from ..media.types import Ints
from ..solve.plan.model import Plan
from .scores import Scores, check_positions, score_plan
from .truth import FOREIGN, Truth


@dataclass(frozen=True)
class FilmScores:
    """The scores of one plan. `film` is the clip most of its frames are from: 0 the source, then those of `mixed`."""

    film: int
    source: str
    frames: int
    scores: Scores


@dataclass(frozen=True)
class Grouping:
    """How the frames of the clips were grouped, without foreign ones; a frame that no plan plays is a group by itself.

    `rand` is the adjusted Rand index (0 is chance, 1 is right). `purity` is the share of the played frames from the
    clip that most of their plan is from, `completeness` the share of all frames that the main plan of their clip plays.
    """

    films: int
    plans: int
    rand: float
    purity: float
    completeness: float


@dataclass(frozen=True)
class SplitScores:
    """The answer of `evaluate` for mixed films, or for several plans of one video."""

    grouping: Grouping
    plans: list[FilmScores]


def evaluate_split(plans: Sequence[Plan], truth: Truth) -> SplitScores:
    """Score the plans of one scrambled video; to each plan the frames of other clips are foreign.

    Raises:
        PlanError: A frame is in two plans or outside the truth.
    """
    played = _played(plans, truth)
    true = [position for position in range(len(truth.frames)) if truth.film_at(position) != FOREIGN]
    kept = [position for position in true if position in played]
    groups = _table(
        [truth.film_at(position) for position in true], [played.get(position, -1 - position) for position in true]
    )
    main = _table([truth.film_at(position) for position in kept], [played[position] for position in kept])
    grouping = Grouping(
        films=truth.clips,
        plans=len(plans),
        rand=round(_adjusted_rand(groups), 6),
        purity=float(main.max(axis=0).sum() / len(kept)) if kept else 1.0,
        completeness=float(main.max(axis=1).sum() / len(true)) if kept else float(not true),
    )
    return SplitScores(grouping, [_score_film(plan, truth) for plan in plans])


def _played(plans: Sequence[Plan], truth: Truth) -> dict[int, int]:
    """Map each played frame to the number of its plan."""
    played: dict[int, int] = {}
    for number, plan in enumerate(plans):
        check_positions(plan.order, len(truth.frames))
        for position in plan.order:
            if position in played:
                raise PlanError(f"Frame {position} is in two of the plans.", "Give each plan of one split once.")
            played[position] = number
    return played


def _score_film(plan: Plan, truth: Truth) -> FilmScores:
    counts = Counter(film for position in plan.order if (film := truth.film_at(position)) != FOREIGN)
    film = counts.most_common(1)[0][0] if counts else 0
    own = truth.of_film(film)
    return FilmScores(film, own.source, len(plan.order), score_plan(plan, own))


def _table(films: Sequence[int], groups: Sequence[int]) -> Ints:
    """Return the number of frames of each clip (rows) in each group (columns)."""
    rows, columns = (np.unique(np.array(values), return_inverse=True)[1] for values in (films, groups))
    counts = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def _adjusted_rand(counts: Ints) -> float:
    """Return Hubert and Arabie's index: pairs grouped correctly, beyond those expected by chance."""
    together, true, found = (_pairs(part) for part in (counts, counts.sum(axis=1), counts.sum(axis=0)))
    chance = true * found / max(1.0, _pairs(counts.sum(keepdims=True)))
    most = (true + found) / 2
    return 1.0 if most == chance else (together - chance) / (most - chance)


def _pairs(sizes: Ints) -> float:
    return float((sizes * (sizes - 1) / 2).sum())
