"""Prices too expensive to compute for every pair: measure the likely joins, and price the others by the base price."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from ..media.types import Floats, Ints
from ..progress import Progress
from ..settings import SolveSettings
from .cost.prices import JoinCosts, dense_costs, sparse_costs
from .path.find import sketch_path
from .stop import StopCondition, Stopped, never

_REACH = 3
"""Rows up to this many steps apart on a path are measured."""

Matcher: TypeAlias = Callable[[npt.NDArray[np.uint8], Ints], Iterator[float]]
"""Map pictures and pairs of them to the share (0 to 1) of content that both pictures of a pair show."""


class MeasuredPrice(Protocol):
    """A price that is known only for measured joins."""

    def measure(self, joins: Iterable[Sequence[int]], stopped: Stopped = ...) -> None:
        """Measure pairs of rows, each at most once, until stopped."""
        ...

    def joins(self) -> Ints:
        """Return every measured pair once, the smaller row first."""
        ...

    def prices(self) -> Floats:
        """Return the price of each pair of `joins`."""
        ...


def measured_costs(
    price: MeasuredPrice, base: JoinCosts, path: list[int], settings: SolveSettings, stop: StopCondition
) -> JoinCosts:
    """Return costs by a measured price; the base costs if it measured nothing or the user stopped it.

    The first round measures the likely joins. The path found with them brings together rows that seemed unlikely
    neighbours, so a second round measures those.
    """
    likely = [(a, b) for a, near in enumerate(base.neighbours) for b in near]
    price.measure(likely + near_pairs(path, _REACH), stop.stopped)
    if stop.stopped() or not len(price.joins()):
        return base
    costs = with_other_pairs(price.joins(), price.prices(), base, settings.candidates)
    price.measure(near_pairs(sketch_path(costs, settings, stop).path, _REACH), stop.stopped)
    return with_other_pairs(price.joins(), price.prices(), base, settings.candidates)


def near_pairs(path: list[int], reach: int) -> list[tuple[int, int]]:
    """Return pairs of rows at most `reach` apart on a path."""
    return [(a, b) for step in range(1, reach + 1) for a, b in zip(path, path[step:], strict=False)]


def with_other_pairs(joins: Ints, values: Floats, base: JoinCosts, candidates: int) -> JoinCosts:
    """Combine measured prices with base prices; pairs that were not measured cost more than any that was."""
    if base.matrix is None:
        return sparse_costs(len(base), joins, values, candidates)
    distances = base.matrix / base.scale
    best = np.where(np.eye(len(base), dtype=bool), np.inf, distances).min(axis=1)
    distances = float(values.max()) + distances / max(float(np.median(best)), 1e-9)
    distances[joins[:, 0], joins[:, 1]] = distances[joins[:, 1], joins[:, 0]] = values
    np.fill_diagonal(distances, 0.0)
    return dense_costs(distances, candidates)


class SharedPrice:
    """The share of content that two pictures do not have in common, by a matcher.

    Pairs without anything in common count as not measured.
    """

    def __init__(self, luma: npt.NDArray[np.uint8], matcher: Matcher, progress: Progress) -> None:
        self._luma, self._matcher, self._progress = luma, matcher, progress
        self._shares: dict[tuple[int, int], float] = {}

    def measure(self, joins: Iterable[Sequence[int]], stopped: Stopped = never) -> None:
        fresh = sorted({(min(a, b), max(a, b)) for a, b in joins} - self._shares.keys())
        with self._progress.stage("match", len(fresh)) as stage:
            for pair, shared in zip(fresh, self._matcher(self._luma, np.array(fresh).reshape(-1, 2)), strict=True):
                self._shares[pair] = shared
                stage.advance()
                if stopped():
                    break

    def joins(self) -> Ints:
        return np.array(sorted(pair for pair, shared in self._shares.items() if shared), np.int64).reshape(-1, 2)

    def prices(self) -> Floats:
        return np.array([max(0.0, 1 - self._shares[a, b]) for a, b in self.joins().tolist()], np.float32)
