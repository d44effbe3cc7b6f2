"""How well films that were mixed came apart: each plan against the clip that most of it is from, and the grouping."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import PlanError
from ..media.types import Ints
from ..solve.plan.model import Plan
from .scores import Scores, check_places, score_plan
from .truth import FOREIGN, Truth

if TYPE_CHECKING:
    from ..solve.plan.model import Plan
    from .scores import Scores
    from .truth import Truth


@dataclass(frozen=True)
class FilmScores:
    """A plan by itself: `film` is the clip that most of its frames are from, 0 the source, then those of `mixed`."""

    film: int
    source: str
    frames: int
    scores: Scores


@dataclass(frozen=True)
class Grouping:
    """How the frames of the clips were grouped; foreign ones are left out, and one that no plan plays stands alone.

    `rand` is the adjusted Rand index (0 is chance, 1 is right), `purity` the share of the played frames that are
    from the clip most of their plan is from, `completeness` the share of all that the main plan of their clip plays.
    """

    films: int
    plans: int
    rand: float
    purity: float
    completeness: float


@dataclass(frozen=True)
class SplitScores:
    """What `evaluate` says where films were mixed, or where a video has several plans."""

    grouping: Grouping
    plans: list[FilmScores]


def score_split(plans: Sequence[Plan], truth: Truth) -> SplitScores:
    """Score the plans of one scrambled video; to each the frames of other clips are foreign."""
    played = _played(plans, truth)
    true = [place for place in range(len(truth.frames)) if truth.film_at(place) != FOREIGN]
    shown = [place for place in true if place in played]
    groups = _table([truth.film_at(place) for place in true], [played.get(place, -1 - place) for place in true])
    main = _table([truth.film_at(place) for place in shown], [played[place] for place in shown])
    grouping = Grouping(
        films=truth.clips,
        plans=len(plans),
        rand=round(_adjusted_rand(groups), 6),
        purity=float(main.max(axis=0).sum() / len(shown)) if shown else 1.0,
        completeness=float(main.max(axis=1).sum() / len(true)) if shown else float(not true),
    )
    return SplitScores(grouping, [_by_itself(plan, truth) for plan in plans])


def _played(plans: Sequence[Plan], truth: Truth) -> dict[int, int]:
    """The plan that plays each frame."""
    played: dict[int, int] = {}
    for number, plan in enumerate(plans):
        check_places(plan.order, len(truth.frames))
        for place in plan.order:
            if place in played:
                raise PlanError(f"Frame {place} plays in two of the plans.", "Give the plans of one split, each once.")
            played[place] = number
    return played


def _by_itself(plan: Plan, truth: Truth) -> FilmScores:
    shown = Counter(film for place in plan.order if (film := truth.film_at(place)) != FOREIGN)
    film = shown.most_common(1)[0][0] if shown else 0
    own = truth.of_film(film)
    return FilmScores(film, own.source, len(plan.order), score_plan(plan, own))


def _table(films: Sequence[int], groups: Sequence[int]) -> Ints:
    """How many frames of each clip (down) are in each group (across)."""
    rows, columns = (np.unique(np.array(values), return_inverse=True)[1] for values in (films, groups))
    counts = np.zeros((rows.max(initial=-1) + 1, columns.max(initial=-1) + 1), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def _adjusted_rand(counts: Ints) -> float:
    """Hubert and Arabie's: pairs that belong together and are, over what chance would give."""
    together, true, found = (_pairs(part) for part in (counts, counts.sum(axis=1), counts.sum(axis=0)))
    chance = true * found / max(1.0, _pairs(counts.sum(keepdims=True)))
    most = (true + found) / 2
    return 1.0 if most == chance else (together - chance) / (most - chance)


def _pairs(sizes: Ints) -> float:
    return float((sizes * (sizes - 1) / 2).sum())


def evaluate_split(plans: "Sequence[Plan]", truth: "Truth") -> "SplitScores":
    """How well films that were mixed came apart, and how well each is in order."""
    return score_split(plans, truth)
