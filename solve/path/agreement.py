"""Choose among prices without ground truth: the two halves of a picture should give the same order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...media.types import Floats, Ints
from ..cost.echo import EchoCorrectedPrice
from ..cost.pixels import PatchPrice
from ..cost.prices import SMALL_SIZE, JoinCosts, Masks, Price, dense_costs
from ..cost.scroll import ScrollPrice
from ..cost.states import StatesPrice
from .greedy import greedy_path
from .local import improve

_TILE = 2
"""Pixels that stay together, up and across. Both halves must see a small thing that moves: with tiles of 8, halves of
drawn films with a ball or a text agreed on a third of the joins where every join was right, with 2 on nine tenths.
"""
_SPLITS = 2
"""How often the picture is divided; every division costs two searches."""
_NEAREST = 4
"""Nearest rows by one half that are looked up on the path of the other."""
_FARTHEST = 20
"""Limits that distance, so that a shot played elsewhere does not dominate."""
_BY_CHANCE = 5
"""Joins between neighbours in a shuffled file that are right by chance: 2 are expected, over 5 in one file of 60."""
_SPREAD = 0.05
"""Weight of that distance against the share of joins agreed on. At .1, a scene whose halves both followed the coding
errors was chosen over one in which they agreed on twice as many joins. On 44 films, weights from 0 to .1 were within
.005 of adjacency.
"""
_SAME = 0.5
"""Rows that differ by less than this share of a join may take its place: which of several pictures of one drawing comes
first, and where a shot joins the next, no half can tell.
"""
_CHUNK = 1024

RateablePrice: TypeAlias = PatchPrice | EchoCorrectedPrice | ScrollPrice | StatesPrice
"""A price that halves of the pictures have, too."""


@dataclass(frozen=True)
class Agreement:
    """How far paths by two halves of the pictures agree."""

    joins: float
    """Share of the joins that both paths have. It predicts how many joins of the whole path are right."""
    echo: float
    """Share of the joins between neighbours in a shuffled file, beyond chance: both halves share their coding errors,
    and agree where both follow the file."""
    spread: float
    """Mean distance along the path of one half to the rows nearest by the other half; 1.5 is perfect."""
    paths: Sequence[Sequence[int]] = field(default=(), repr=False)
    """The path by each half."""

    @property
    def score(self) -> float:
        return self.believed - _SPREAD * self.spread

    @property
    def believed(self) -> float:
        """The share of agreed joins that coding errors do not explain."""
        return self.joins - self.echo


def halves() -> Masks:
    """Return masks of pixels: each pair of masks is one division of the picture into two random halves."""
    rng = np.random.default_rng(0)
    rows, columns = (-(-side // _TILE) for side in SMALL_SIZE)
    masks = []
    for _ in range(_SPLITS):
        tiles = rng.permutation(rows * columns).reshape(rows, columns) % 2 == 0
        half = np.kron(tiles, np.ones((_TILE, _TILE), bool))[: SMALL_SIZE[0], : SMALL_SIZE[1]].ravel()
        masks += [half, ~half]
    return np.array(masks)


@dataclass(frozen=True)
class RatedPrice:
    """What a price costs by the whole picture and by each half, and how far the halves agree."""

    name: str
    costs: JoinCosts
    halves: Sequence[JoinCosts]
    agreement: Agreement
    files: Ints | None = None
    """The rows' positions in a shuffled file, if neighbours in it share coding errors."""


def rate(price: RateablePrice, count: int, candidates: int) -> RatedPrice:
    """Price all pairs of rows, and compare the orders by the halves of the pictures."""
    whole, *parts = (dense_costs(matrix, candidates) for matrix in priced_parts(price, count))
    files = files_of(price)
    return RatedPrice(price.name, whole, [part.without_rows() for part in parts], agreement(parts, files), files)


def files_of(price: Price) -> Ints | None:
    """Return the rows' positions in a shuffled file, in which neighbours share coding errors."""
    return price.files if isinstance(price, EchoCorrectedPrice | ScrollPrice | StatesPrice) else None


def priced_parts(price: RateablePrice, count: int) -> list[npt.NDArray[np.float64]]:
    """Return the price of all pairs by the whole picture, then by each half."""
    parts = np.concatenate([np.ones((1, SMALL_SIZE[0] * SMALL_SIZE[1]), bool), halves()])
    left, right = np.triu_indices(count, 1)
    found = np.zeros((len(parts), count, count))
    for start in range(0, len(left), _CHUNK):
        a, b = left[start : start + _CHUNK], right[start : start + _CHUNK]
        found[:, a, b] = found[:, b, a] = _by_part(price, a, b, parts).T
    return list(found)


def _by_part(price: RateablePrice, left: Ints, right: Ints, parts: Masks) -> Floats:
    if isinstance(price, ScrollPrice | StatesPrice):
        return price.by_halves(left, right)
    if isinstance(price, EchoCorrectedPrice):
        echo = price.level * price.correction(left, right)
        return price.price.by_part(left, right, parts) + echo[:, None]
    return price.by_part(left, right, parts)


def agreement(parts: Sequence[JoinCosts], files: Ints | None) -> Agreement:
    """Compare the paths by each pair of halves. `files` holds the rows' positions in a shuffled file."""
    paths = [quick_path(costs) for costs in parts]
    joins, spread = [], []
    for at in range(0, len(parts), 2):
        one, other = paths[at : at + 2]
        joins += [_agreed(one, other, parts[at]), _agreed(other, one, parts[at + 1])]
        spread += [_spread(parts[at], other), _spread(parts[at + 1], one)]
    echo = [] if files is None else [_echo(path, files) for path in paths]
    mean_joins, mean_echo, mean_spread = (sum(values) / max(1, len(values)) for values in (joins, echo, spread))
    return Agreement(mean_joins, mean_echo, mean_spread, paths=paths)


def agreement_of(paths: Sequence[Sequence[int]], files: Ints | None) -> Agreement:
    """Compare two paths by halves that were found without prices of joins."""
    one, other = ({frozenset(join) for join in pairwise(path)} for path in paths)
    echo = 0.0 if files is None else sum(_echo(path, files) for path in paths) / 2
    return Agreement(len(one & other) / max(1, len(one)), echo, 0.0, paths=paths)


def agreed_among(rows: Collection[int], paths: Sequence[Sequence[int]], files: Ints | None) -> float:
    """Return the share of the joins among some rows, by one half of the pictures, that the other half has, too.

    Joins between neighbours in a file do not count as agreed: both halves share their coding errors.
    """
    found = [{frozenset(join) for join in pairwise(path) if set(join) <= set(rows)} for path in paths]
    apart = [{join for join in joins if files is None or np.ptp(files[list(join)]) > 1} for joins in found]
    agreed = sum(2 * len(one & other) for one, other in zip(apart[::2], apart[1::2], strict=True))
    return agreed / max(1, sum(map(len, found)))


def _echo(path: Sequence[int], files: Ints) -> float:
    beside = int((np.abs(np.diff(files[path])) == 1).sum())
    return max(0, beside - _BY_CHANCE) / max(1, len(path) - 1)


def quick_path(costs: JoinCosts) -> list[int]:
    """Return a path by local search without kicks: good enough to measure, compare or learn on."""
    return improve(greedy_path(costs), costs, kicks=0, seed=0)


def _agreed(path: Sequence[int], other: Sequence[int], costs: JoinCosts) -> float:
    """Return the share of a path's joins that another path has, too, or has between frames that look the same."""
    known = {*pairwise(other), *pairwise(other[::-1])}
    agreed = sum((a, b) in known or _like_another(a, b, known, costs) for a, b in pairwise(path))
    return agreed / max(1, len(path) - 1)


def _like_another(a: int, b: int, known: set[tuple[int, int]], costs: JoinCosts) -> bool:
    """Return whether a join is known between rows that differ from its own by much less than those do."""
    limit = _SAME * costs.rows[a][b]
    left, right = ([row, *(c for c in costs.neighbours[row] if costs.rows[row][c] <= limit)] for row in (a, b))
    return any((x, y) in known for x in left for y in right)


def _spread(costs: JoinCosts, path: Sequence[int]) -> float:
    place = {row: position for position, row in enumerate(path)}
    steps = [min(_FARTHEST, abs(place[a] - place[b])) for a in path for b in costs.neighbours[a][:_NEAREST]]
    return sum(steps) / len(steps) if steps else 0.0
