"""The open-path TSP: the order in which the joins between kept frames cost least."""

from dataclasses import dataclass, replace

from ...settings import SolveSettings
from ..cost.prices import JoinCosts
from ..stop import StopCondition
from .bound import lower_bound
from .greedy import greedy_path
from .local import improve
from .ortools import route

_KICKS_PER_ROW = 4
_FEWEST_KICKS = 2000
_MOST_KICKS = 40_000
_PROVED = 5e-4
"""A path this near to its lower bound is not worth another second."""


@dataclass(frozen=True)
class RowPath:
    """An order of rows, its cost in units of the price, and what is proved about it."""

    order: list[int]
    cost: float
    lower_bound: float | None
    solver: str
    interrupted: bool = False
    """Whether the user ended the search before it was done."""

    @property
    def gap(self) -> float | None:
        """How much dearer than the cheapest possible it can be at most, as a share; None where unproved."""
        if self.lower_bound is None or self.cost <= self.lower_bound:
            return None if self.lower_bound is None else 0.0
        return self.cost / self.lower_bound - 1 if self.lower_bound > 0 else None

    def taking(self, order: list[int], costs: JoinCosts) -> "RowPath":
        """Another order of the same rows, as the user wants it; what was proved of every order holds for it too."""
        if order == self.order:
            return self
        return replace(self, order=order, cost=costs.of(order) / costs.scale, solver=f"{self.solver} + wishes")


@dataclass(frozen=True)
class SketchedPath:
    """A path, and what is proved of its costs."""

    path: list[int]
    bound: float


def sketch_path(costs: JoinCosts, settings: SolveSettings, watch: StopCondition = StopCondition()) -> SketchedPath:  # noqa: B008 - frozen
    """Greedy joins, then local search, shaken only where the bound does not prove it done.

    Of 20 real clips of up to 300 frames 14 were proved best as they settled; in the others nothing got better
    after the fifth kick a row, nor by OR-Tools afterwards.
    """
    watch = watch.for_seconds(settings.time_limit)
    path = improve(greedy_path(costs), costs, kicks=0, seed=settings.seed, watch=watch)
    bound = lower_bound(costs, costs.of(path), watch)
    kicks = min(max(_KICKS_PER_ROW * len(costs), _FEWEST_KICKS), _MOST_KICKS)
    path = improve(path, costs, kicks=kicks, seed=settings.seed, target=_enough(bound), watch=watch.knowing(bound))
    return SketchedPath(path, bound)


def find_path(
    costs: JoinCosts,
    settings: SolveSettings,
    sketch: SketchedPath | None = None,
    watch: StopCondition = StopCondition(),  # noqa: B008 - it is frozen
) -> RowPath:
    """The sketch and its bound, and OR-Tools in a film small enough for all pairs.

    A path that the bound proves already is left as it is.
    """
    sketch = sketch or sketch_path(costs, settings, watch)
    path, bound, used = sketch.path, sketch.bound, ["greedy", "local search"]
    watch = watch.for_seconds(settings.time_limit)
    if costs.matrix is not None and len(path) <= settings.ortools_limit and costs.of(path) > _enough(bound):
        # Steps towards the better path prove a little more.
        bound = max(bound, lower_bound(costs, costs.of(path), watch))
        better = route(path, costs, target=_enough(bound), watch=watch)
        used.append("OR-Tools" if better is not path else "OR-Tools (nothing better)")
        path = better
    return _path(canonical_direction(path), bound, " + ".join(used), costs, watch)


def _enough(bound: float) -> float:
    return bound + _PROVED * abs(bound)


def path_in_file_order(costs: JoinCosts, watch: StopCondition = StopCondition()) -> RowPath:  # noqa: B008 - it is frozen
    """The rows in the order in which they came, with what is proved about it."""
    path = list(range(len(costs)))
    return _path(path, lower_bound(costs, costs.of(path), watch), "file order", costs, watch)


def _path(order: list[int], bound: float, solver: str, costs: JoinCosts, watch: StopCondition) -> RowPath:
    watch.knowing(bound).report(costs.of(order))
    return RowPath(
        order=order,
        cost=costs.of(order) / costs.scale,
        lower_bound=min(bound, costs.of(order)) / costs.scale,
        solver=solver + (" (stopped early)" if watch.stopped() else ""),
        interrupted=watch.stopped(),
    )


def canonical_direction(path: list[int]) -> list[int]:
    """One of a path's two directions, always the same: prices cannot tell which is right."""
    return path if not path or path[0] <= path[-1] else path[::-1]
