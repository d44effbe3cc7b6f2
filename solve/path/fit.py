"""How far to believe a path, found out without knowing the truth."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from ...settings import SolveSettings
from ..cost.prices import JoinCosts
from ..stop import StopCondition
from .find import SketchedPath, sketch_path

_NEAREST = 4
_SAMPLES = 1001
_BREAK = 0.5


@dataclass(frozen=True)
class PriceTrial:
    """A price, what it makes of every join, and the path found by it."""

    name: str
    costs: JoinCosts
    sketch: SketchedPath

    @property
    def path(self) -> list[int]:
        return self.sketch.path

    @cached_property
    def fit(self) -> float:
        return band(self.path, self.costs)


def try_price(name: str, costs: JoinCosts, settings: SolveSettings, watch: StopCondition) -> PriceTrial:
    return PriceTrial(name, costs, sketch_path(costs, settings, watch))


def band(path: Sequence[int], costs: JoinCosts) -> float:
    """How far along the path a row's own nearest rows lie, on average.

    It is 1.5 where the two before and the two behind are the nearest, and grows as path and prices
    disagree. Over real clips it tells good orders from bad ones without knowing either: choosing by it
    among paths of several prices beat every single price, and every vote among the prices that was tried.
    """
    place = {row: position for position, row in enumerate(path)}
    steps = [abs(place[a] - place[b]) for a in path for b in costs.neighbours[a][:_NEAREST]]
    return sum(steps) / len(steps) if steps else 0.0


def file_order_holds(path: Sequence[int], costs: JoinCosts, slack: float) -> bool:
    """Whether the frames were in order as they came: no more breaks than on the path found, and hardly dearer.

    Where a film leaves doubt the best path is cheaper than the true one by chance; a film that was in
    order must not pay for that. Breaks are joins nearer in price to those of unrelated frames than to a usual
    one of the path: the cuts between shots, which a path may place as it likes. (Noise makes every join dear.)
    """
    if len(path) < 3:
        return True
    chance = random.Random(0)
    count = len(path)
    unrelated = sorted(costs.rows[a][b] for a, b in (chance.sample(range(count), 2) for _ in range(_SAMPLES)))
    usual = sorted(costs.rows[a][b] for a, b in pairwise(path))[(count - 1) // 2]
    far = usual + (unrelated[_SAMPLES // 2] - usual) * _BREAK
    filed, found = (_breaks_and_rest(order, costs, far) for order in (range(count), path))
    return filed[0] <= found[0] and filed[1] <= found[1] * (1 + slack)


def _breaks_and_rest(order: Sequence[int], costs: JoinCosts, far: float) -> tuple[int, int]:
    joins = [costs.rows[a][b] for a, b in pairwise(order)]
    return sum(join > far for join in joins), sum(join for join in joins if join <= far)
