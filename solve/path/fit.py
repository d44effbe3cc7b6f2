"""Estimate how well a path fits its own prices, without ground truth."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import log

from ...settings import SolveSettings
from ..cost.prices import JoinCosts
from ..stop import StopCondition
from .agreement import Agreement
from .find import SketchedPath, sketch_path

_NEAREST = 4
"""Nearest rows that are looked up on the path; with four, the best possible mean distance is 1.5."""
PERFECT = 1.5
"""The band of a path that is in perfect accord with its prices."""
_SAMPLES = 1001
"""Random pairs whose median price stands for unrelated frames."""
_BREAK = 0.5
"""Position of a break's limit between a typical join (0) and unrelated frames (1)."""
_COMMON = 0.2
"""Taken from the agreement of halves by flow, which looks at the whole picture and so makes them agree: star jumps had
.90 of their right joins by a price of pixels, on which halves agreed on .82, and .88 by flow with .97.
"""


_MISFIT = 0.3
"""Weight of the logarithm of the band, in units of the perfect one, against the share of agreed joins. Halves may agree
on what both see wrongly, but then fewer of their rows have their nearest rows beside them: an old film had .91 of its
right joins by a price on which halves agreed on .98, with a band of 2.1, and all by one with .95 and 1.7.
"""


@dataclass(frozen=True)
class PriceTrial:
    """A price, its costs, and the path found by it."""

    name: str
    costs: JoinCosts
    sketch: SketchedPath
    agreement: Agreement | None = None
    """How far two halves of the pictures agree under this price, where that was measured."""

    @property
    def path(self) -> list[int]:
        return self.sketch.path

    @cached_property
    def fit(self) -> float:
        """The path's `band`: lower is better."""
        return band(self.path, self.costs)


def try_price(
    name: str, costs: JoinCosts, settings: SolveSettings, stop: StopCondition, agreement: Agreement | None = None
) -> PriceTrial:
    """Sketch a path by a price."""
    return PriceTrial(name, costs, sketch_path(costs, settings, stop), agreement)


def best_trial(trials: Sequence[PriceTrial]) -> PriceTrial:
    """Return the trial whose halves agree best, less how badly it fits its prices; without agreement, the best fit."""
    return max(trials, key=lambda one: (_score(one), -one.fit))


def _score(trial: PriceTrial) -> float:
    if trial.agreement is None:
        return 0.0
    misfit = _MISFIT * log(max(trial.fit, PERFECT) / PERFECT)
    return trial.agreement.score - misfit - (_COMMON if trial.name == "flow" else 0.0)


def band(path: Sequence[int], costs: JoinCosts) -> float:
    """Return the mean distance along the path from a row to its own four nearest rows.

    It is 1.5 if the two rows before and the two behind are the nearest, and grows as path and prices disagree. On real
    clips it tells good orders from bad ones without labels: choosing by it among the paths of several prices beat
    every single price and every vote among prices that was tried.
    """
    place = {row: position for position, row in enumerate(path)}
    steps = [abs(place[a] - place[b]) for a in path for b in costs.neighbours[a][:_NEAREST]]
    return sum(steps) / len(steps) if steps else 0.0


def file_order_holds(path: Sequence[int], costs: JoinCosts, slack: float) -> bool:
    """Return whether the frames were already in order: no more breaks than on the path, and hardly a higher cost.

    In doubtful films the best path is cheaper than the true one by chance, and a film that was in order must not be
    shuffled by that. A break is a join whose price is nearer to that of unrelated frames than to a typical join of the
    path. Breaks are cuts between shots, which a path may place anywhere, so only their number counts. (With noise
    every join is expensive, so a fixed limit would not do.)
    """
    if len(path) < 3:
        return True
    rng = random.Random(0)
    count = len(path)
    unrelated = sorted(costs.rows[a][b] for a, b in (rng.sample(range(count), 2) for _ in range(_SAMPLES)))
    usual = sorted(costs.rows[a][b] for a, b in pairwise(path))[(count - 1) // 2]
    far = usual + (unrelated[_SAMPLES // 2] - usual) * _BREAK
    filed, found = (_breaks_and_rest(order, costs, far) for order in (range(count), path))
    return filed[0] <= found[0] and filed[1] <= found[1] * (1 + slack)


def _breaks_and_rest(order: Sequence[int], costs: JoinCosts, far: float) -> tuple[int, int]:
    joins = [costs.rows[a][b] for a, b in pairwise(order)]
    return sum(join > far for join in joins), sum(join for join in joins if join <= far)
