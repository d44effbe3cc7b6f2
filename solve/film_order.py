"""Order the kept frames of a film by their pictures, and by sound that was shuffled along with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ..media.proxy import release_pages
from ..media.types import Ints, NeighbourGraph
from ..progress import Progress
from ..settings import Settings
from .choose_price import AGREED
from .cost.prices import price_features as small_pictures
from .distinct import DistinctRows
from .order import OrderResult, order_rows
from .order_cache import cached_order
from .order_input import OrderInput
from .plan.model import Shot
from .shots import find_shots
from .solve_input import SolveInput
from .sound import SOUND_LIMIT, SoundVerdict, directed, judge_sound, ordered_by_sound

_BREAK = 1.5
"""A join of this many times the median price may be a cut, and sound may move what is on either side. Prices that count
changes are bounded: at drawn cuts they are 1.6 to 2, within drawn shots at most 1.2.
"""


@dataclass(frozen=True)
class FilmOrder:
    """The kept rows and the path over them."""

    rows: Ints
    ordered: OrderResult

    @property
    def path(self) -> list[int]:
        return [int(self.rows[row]) for row in self.ordered.path.order]


def order_film(
    film: SolveInput, distinct: DistinctRows, kept: Ints, settings: Settings, progress: Progress
) -> FilmOrder:
    """Order the kept rows, and turn the film and its shots to the direction of sound that was shuffled along."""
    solved = _order(film, distinct, kept, settings, progress)
    verdict = sound_verdict(film, solved)
    if not (film.sound and verdict and verdict.state == "shuffled"):
        return solved
    played = [distinct.members[row] for row in solved.path]
    begins = np.cumsum([0, *map(len, played)]).tolist()
    starts = [begins.index(shot.start) for shot in played_shots(film, played, settings) if shot.start in begins]
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
    return FilmOrder(solved.rows, replace(solved.ordered, path=found))


def _order(film: SolveInput, distinct: DistinctRows, kept: Ints, settings: Settings, progress: Progress) -> FilmOrder:
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
    return FilmOrder(rows, cached_order(film.cache, order_input, film.space, settings.solve, solve))


def _needs_full_luma(count: int, settings: Settings) -> bool:
    """Return whether a search needs full-size pictures, not just the small ones that the default price compares."""
    return count <= settings.solve.flow_limit or settings.solve.price not in ("auto", "huber", "cosine")


def _kept_joins(graph: NeighbourGraph, kept: Ints) -> Ints:
    """Return the graph's pairs among the kept rows, renumbered."""
    new = np.full(len(graph), -1)
    new[kept] = np.arange(len(kept))
    pairs = np.stack([np.repeat(new, graph.indices.shape[1]), new[graph.indices.ravel()]], axis=1)
    return np.asarray(pairs[(pairs >= 0).all(axis=1)], np.int64)


def _pieces_moved(numbers: Sequence[int], joins: npt.NDArray[np.float64], by_sound: Sequence[int]) -> list[int]:
    """Move and turn whole pieces as sound does: between expensive joins the pictures are sure of the order."""
    cuts = np.flatnonzero(joins > _BREAK * np.median(joins)) + 1
    place = {number: at for at, number in enumerate(by_sound)}
    pieces = [part.tolist() for part in np.split(np.array(numbers, np.int64), cuts)]
    pieces = [piece[::-1] if place[piece[-1]] < place[piece[0]] else piece for piece in pieces]
    pieces.sort(key=lambda piece: float(np.mean([place[number] for number in piece])))
    return [number for piece in pieces for number in piece]


def sound_verdict(film: SolveInput, solved: FilmOrder) -> SoundVerdict | None:
    """Say whether sound was shuffled along with the frames; None where there is no sound."""
    return judge_sound(film.sound, film.rows.indices, solved.path) if film.sound else None


def played_shots(film: SolveInput, played: Sequence[Sequence[int]], settings: Settings) -> list[Shot]:
    """Find the shots of a path whose rows play along with their repeats."""
    rows = [row for group in played for row in group]
    if not rows:
        return []
    vectors = film.rows.vectors
    chords = [float(np.linalg.norm(vectors[a] - vectors[b])) for a, b in pairwise(rows)]
    return find_shots(np.array(chords, np.float32), **settings.shots.model_dump())
