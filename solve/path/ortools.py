"""Improve a whole path by OR-Tools' guided local search."""

from time import monotonic
from typing import Any

from ..cost.prices import JoinCosts
from ..stop import StopCondition

_PATIENCE = 8
"""Solutions without a gain after which the search ends."""
_LONGEST = 1e6
"""Limits the time limit in seconds, which OR-Tools takes in milliseconds."""
_LARGEST_SUM = 1 << 46
"""Prices are divided until a path's cost stays below this: OR-Tools overflows on larger sums."""


def route(path: list[int], costs: JoinCosts, *, target: float, stop: StopCondition) -> list[int]:
    """Improve the given path; never return a more expensive one.

    OR-Tools would use up any time limit even at a proven optimum. It is stopped at `target`, or after a fixed number
    of solutions without a gain: a count, not the clock, so that the same film gives the same path.
    """
    left = min(stop.deadline - monotonic(), _LONGEST)
    if len(path) < 4 or costs.matrix is None or left < 0.05 or costs.of(path) <= target or stop.stopped():
        return path
    from ortools.constraint_solver import pywrapcp

    manager = pywrapcp.RoutingIndexManager(len(path) + 1, 1, len(path))
    model = pywrapcp.RoutingModel(manager)
    # All paths have the same number of joins, so subtracting a constant keeps their order and allows negative costs.
    least = min(0, int(costs.matrix.min()))
    shrink = 1 + (int(costs.matrix.max()) - least) * (len(path) + 1) // _LARGEST_SUM
    rows = [[(price - least) // shrink for price in row] for row in costs.rows]
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(rows))
    model.AddAtSolutionCallback(_Stop(model, (target - least * (len(path) + 1)) / shrink))
    model.AddSearchMonitor(model.solver().CustomLimit(stop.stopped))
    parameters = _parameters(left)
    model.CloseModelWithParameters(parameters)
    start = model.ReadAssignmentFromRoutes([path], True)
    found = model.SolveFromAssignmentWithParameters(start, parameters)
    better = _path(model, manager, found) if found else path
    return better if costs.of(better) < costs.of(path) else path


class _Stop:
    """Ends the search at the target or after `_PATIENCE` solutions without a gain."""

    def __init__(self, model: Any, target: float) -> None:
        self._model, self._target = model, target
        self._best, self._since = float("inf"), 0

    def __call__(self) -> None:
        cost = self._model.CostVar().Min()
        self._since = 0 if cost < self._best else self._since + 1
        self._best = min(self._best, cost)
        if self._best <= self._target or self._since >= _PATIENCE:
            self._model.solver().FinishCurrentSearch()


def _parameters(seconds: float) -> Any:
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(max(1, int(seconds * 1000)))
    return parameters


def _path(model: Any, manager: Any, found: Any) -> list[int]:
    path = []
    at = found.Value(model.NextVar(model.Start(0)))
    while not model.IsEnd(at):
        path.append(manager.IndexToNode(at))
        at = found.Value(model.NextVar(at))
    return path
