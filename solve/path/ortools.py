"""OR-Tools on the whole path at once."""

from time import monotonic
from typing import Any

from ..cost.prices import JoinCosts
from ..stop import StopCondition

_PATIENCE = 8
_LONGEST = 1e6
_LARGEST_SUM = 1 << 46


def route(path: list[int], costs: JoinCosts, *, target: float, watch: StopCondition) -> list[int]:
    """Guided local search from the given path; never returns a dearer one.

    It would burn any time limit even at a proven optimum, so it is stopped at `target`, or after a fixed
    number of its solutions brought nothing: a count, not the clock, so that the same film gives the same path.
    """
    left = min(watch.deadline - monotonic(), _LONGEST)
    if len(path) < 4 or costs.matrix is None or left < 0.05 or costs.of(path) <= target or watch.stopped():
        return path
    from ortools.constraint_solver import pywrapcp

    manager = pywrapcp.RoutingIndexManager(len(path) + 1, 1, len(path))
    model = pywrapcp.RoutingModel(manager)
    # Every path has as many joins, so that taking the same off each price changes no order: prices may be negative.
    least = min(0, int(costs.matrix.min()))
    shrink = 1 + (int(costs.matrix.max()) - least) * (len(path) + 1) // _LARGEST_SUM
    rows = [[(price - least) // shrink for price in row] for row in costs.rows]
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(rows))
    model.AddAtSolutionCallback(_Stop(model, (target - least * (len(path) + 1)) / shrink))
    model.AddSearchMonitor(model.solver().CustomLimit(watch.stopped))
    parameters = _parameters(left)
    model.CloseModelWithParameters(parameters)
    start = model.ReadAssignmentFromRoutes([path], True)
    found = model.SolveFromAssignmentWithParameters(start, parameters)
    better = _path(model, manager, found) if found else path
    return better if costs.of(better) < costs.of(path) else path


class _Stop:
    """Ends the search once it has reached the target or stands still."""

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
