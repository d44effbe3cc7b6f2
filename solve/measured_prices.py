"""Prices too dear for every pair: they are measured on the joins that look likely, and the rest follow by looks."""

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

Matcher: TypeAlias = Callable[[npt.NDArray[np.uint8], Ints], Iterator[float]]
"""Pictures and pairs of them to the share, 0 to 1, of what is seen in both of a pair."""


class MeasuredPrice(Protocol):
    """The price of those joins that were measured."""

    def measure(self, joins: Iterable[Sequence[int]], stopped: Stopped = ...) -> None:
        """Look at pairs of rows, each only once however often it is asked for, until stopped."""
        ...

    def joins(self) -> Ints:
        """Every pair that a price is known of, once, the smaller row first."""
        ...

    def prices(self) -> Floats:
        """The price of each pair of `joins`."""
        ...


def measured_costs(
    price: MeasuredPrice, looks: JoinCosts, path: list[int], settings: SolveSettings, watch: StopCondition
) -> JoinCosts:
    """Costs by a measured price alone; by looks where it knows of no join, or the user ends it.

    A first round measures the joins that look likely; what is near on the path found by it may have
    looked unlikely, and is measured in a second.
    """
    likely = [(a, b) for a, near in enumerate(looks.neighbours) for b in near]
    price.measure(likely + near_pairs(path, _REACH), watch.stopped)
    if watch.stopped() or not len(price.joins()):
        return looks
    made = with_other_pairs(price.joins(), price.prices(), looks, settings.candidates)
    price.measure(near_pairs(sketch_path(made, settings, watch).path, _REACH), watch.stopped)
    return with_other_pairs(price.joins(), price.prices(), looks, settings.candidates)


def near_pairs(path: list[int], reach: int) -> list[tuple[int, int]]:
    """Pairs that lie near each other on a path."""
    return [(a, b) for step in range(1, reach + 1) for a, b in zip(path, path[step:], strict=False)]


def with_other_pairs(joins: Ints, values: Floats, looks: JoinCosts, candidates: int) -> JoinCosts:
    """The given prices, and behind the dearest of them every other pair by its looks."""
    if looks.matrix is None:
        return sparse_costs(len(looks), joins, values, candidates)
    distances = looks.matrix / looks.scale
    best = np.where(np.eye(len(looks), dtype=bool), np.inf, distances).min(axis=1)
    distances = float(values.max()) + distances / max(float(np.median(best)), 1e-9)
    distances[joins[:, 0], joins[:, 1]] = distances[joins[:, 1], joins[:, 0]] = values
    np.fill_diagonal(distances, 0.0)
    return dense_costs(distances, candidates)


class SharedPrice:
    """What is not seen in both pictures, as a matcher finds it; 0 where all is.

    Pairs that have nothing in common are as good as not measured.
    """

    def __init__(self, luma: npt.NDArray[np.uint8], matcher: Matcher, progress: Progress) -> None:
        self._luma, self._matcher, self._progress = luma, matcher, progress
        self._known: dict[tuple[int, int], float] = {}

    def measure(self, joins: Iterable[Sequence[int]], stopped: Stopped = never) -> None:
        fresh = sorted({(min(a, b), max(a, b)) for a, b in joins} - self._known.keys())
        with self._progress.stage("match", len(fresh)) as stage:
            for pair, shared in zip(fresh, self._matcher(self._luma, np.array(fresh).reshape(-1, 2)), strict=True):
                self._known[pair] = shared
                stage.advance()
                if stopped():
                    break

    def joins(self) -> Ints:
        return np.array(sorted(pair for pair, shared in self._known.items() if shared), np.int64).reshape(-1, 2)

    def prices(self) -> Floats:
        return np.array([max(0.0, 1 - self._known[a, b]) for a, b in self.joins().tolist()], np.float32)
