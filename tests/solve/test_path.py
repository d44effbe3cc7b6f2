"""The open path: every row once, never more expensive than before, near the optimum, with a proven bound."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelweave.media.types import Floats, Ints
from reelweave.settings import load
from reelweave.solve.cost.prices import JoinCosts, join_costs
from reelweave.solve.path.bound import lower_bound
from reelweave.solve.path.find import RowPath, canonical_direction, find_path
from reelweave.solve.path.greedy import greedy_path
from reelweave.solve.path.local import _Tour, improve
from reelweave.solve.path.ortools import route
from reelweave.solve.stop import StopCondition

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Prices from a matrix."""

    matrix: Matrix
    name: str = "table"

    def pairs(self, left: Ints, right: Ints) -> Floats:
        return np.asarray(self.matrix[left, right], np.float32)


def dense(matrix: npt.NDArray[Any], candidates: int = 10) -> JoinCosts:
    none = np.zeros((0, 2), np.int64)
    return join_costs(Table(matrix), len(matrix), none, candidates=candidates, dense_limit=len(matrix))


def nearest_joins(matrix: Matrix, k: int) -> Ints:
    """Return each row with its k nearest others."""
    count = len(matrix)
    others = np.argsort(matrix + np.diag(np.full(count, np.inf)), axis=1)[:, : min(k, max(count - 1, 0))]
    return np.stack([np.repeat(np.arange(count), others.shape[1]), others.ravel()], axis=1)


def sparse(matrix: Matrix, k: int = 24, joins: Ints | None = None) -> JoinCosts:
    joins = nearest_joins(matrix, k) if joins is None else joins
    return join_costs(Table(matrix), len(matrix), joins, candidates=10, dense_limit=0)


def between(points: npt.NDArray[np.float64]) -> Matrix:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=2))


def walk(count: int, seed: int = 0, noise: float = 0.3) -> npt.NDArray[np.float64]:
    """Return a shuffled walk through appearance space: smooth, noisy, and sometimes close to itself."""
    rng = np.random.default_rng(seed)
    steps = np.cumsum(rng.normal(size=(count + 8, 3)), axis=0)
    smooth = np.stack([np.convolve(axis, np.ones(9) / 9, "valid") for axis in steps.T], axis=1)
    return np.asarray(rng.permutation(smooth + noise * rng.normal(size=smooth.shape)))


def random_metric(count: int, seed: int) -> Matrix:
    return between(np.random.default_rng(seed).random((count, 3)))


def cheapest(costs: JoinCosts) -> int:
    """Return the cost of the optimum, by trying every path."""
    orders = np.array([p for p in permutations(range(len(costs))) if p[0] <= p[-1]])
    rows = range(len(costs))
    matrix = np.array([[costs.rows[a][b] if a != b else 0 for b in rows] for a in rows])
    return int(matrix[orders[:, :-1], orders[:, 1:]].sum(axis=1).min())


def each_once(path: Sequence[int], count: int) -> bool:
    return sorted(path) == list(range(count))


def solved(costs: JoinCosts, **changes: Any) -> RowPath:
    return find_path(costs, load({f"solve.{key}": value for key, value in changes.items()}).solve)


@st.composite
def small_costs(draw: st.DrawFn, least: int = 4, most: int = 12) -> JoinCosts:
    """Draw small films of every kind: ties, zeros, repeated rows, prices without geometry, few candidates."""
    count = draw(st.integers(least, most))
    top = draw(st.sampled_from([1, 3, 1000]))
    values = draw(st.lists(st.integers(0, top), min_size=count * count, max_size=count * count))
    upper = np.triu(np.reshape(values, (count, count)), 1)
    matrix = upper + upper.T
    same = draw(st.lists(st.integers(0, max(count - 1, 0)), min_size=count, max_size=count))
    if draw(st.booleans()):
        matrix = matrix[np.ix_(same, same)]
    if draw(st.booleans()):
        joins = np.argwhere(
            np.reshape(draw(st.lists(st.booleans(), min_size=count**2, max_size=count**2)), matrix.shape)
        )
        return sparse(matrix, joins=joins[joins[:, 0] != joins[:, 1]])
    return dense(matrix, candidates=draw(st.integers(1, 12)))


@st.composite
def starts(draw: st.DrawFn) -> tuple[list[int], JoinCosts]:
    costs = draw(small_costs())
    return list(draw(st.permutations(range(len(costs))))), costs


@settings(deadline=None)
@given(starts(), st.integers(0, 5))
def test_the_search_knows_its_cost_after_every_kick(case: tuple[list[int], JoinCosts], seed: int) -> None:
    path, costs = case
    tour = _Tour(path, costs)
    tour.settle(range(len(path) + 1))
    tour.settle(tour.bridge(costs.neighbours))
    chance, before = random.Random(seed), costs.of(path)
    for _ in range(12):
        assert each_once(tour.path(), len(path))
        assert costs.of(tour.path()) == tour.cost <= before
        before = tour.cost
        tour.perturb(chance)


@settings(deadline=None)
@given(starts(), st.integers(0, 5))
def test_local_search_never_raises_the_cost_and_is_deterministic(case: tuple[list[int], JoinCosts], seed: int) -> None:
    path, costs = case
    better = improve(list(path), costs, kicks=20, seed=seed)
    assert each_once(better, len(path))
    assert costs.of(better) <= costs.of(path)
    assert improve(list(path), costs, kicks=20, seed=seed) == better


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_path_too_short_to_improve_is_returned_unchanged(count: int) -> None:
    path = list(range(count))
    assert improve(path, dense(random_metric(count, 0)), kicks=5, seed=0) == path


@pytest.mark.parametrize("count", [4, 5, 6, 7, 8])
def test_kicks_find_the_optimum_of_small_films(count: int) -> None:
    for seed in range(8):
        costs = dense(random_metric(count, seed), candidates=5)
        path = improve(random.Random(seed).sample(range(count), count), costs, kicks=100, seed=0)
        assert costs.of(path) == cheapest(costs)


def line(count: int) -> npt.NDArray[np.float64]:
    return np.cumsum(np.random.default_rng(count).random((count, 1)) + 0.1, axis=0)


def circle(count: int) -> npt.NDArray[np.float64]:
    """Points on a circle whose widest gap is at its seam."""
    angles = np.cumsum(np.random.default_rng(count).random(count) + 0.5)
    angles *= (2 * np.pi - 0.2) / angles[-1]
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize("count", [4, 30, 200])
@pytest.mark.parametrize("shape", [line, circle])
@pytest.mark.parametrize("make", [dense, sparse])
def test_an_unambiguous_order_is_found_exactly(
    shape: Callable[[int], npt.NDArray[np.float64]], make: Callable[[Matrix], JoinCosts], count: int
) -> None:
    names = np.random.default_rng(1).permutation(count)
    path = solved(make(between(shape(count)[names]))).order
    found = names[path].tolist()
    assert found in (list(range(count)), list(range(count))[::-1])


@pytest.mark.parametrize("opened_at", [1, 60, 119])
def test_a_path_with_wrong_ends_is_opened_at_its_most_expensive_join(opened_at: int) -> None:
    costs = dense(between(circle(120)), candidates=5)
    rows = list(range(120))
    assert canonical_direction(improve(rows[opened_at:] + rows[:opened_at], costs, kicks=0, seed=0)) == rows


@pytest.mark.parametrize("seed", range(3))
def test_another_numbering_of_the_rows_costs_the_same(seed: int) -> None:
    matrix = between(walk(60, seed))
    names = np.random.default_rng(seed).permutation(60)
    first, second = solved(dense(matrix)), solved(dense(matrix[np.ix_(names, names)]))
    assert first.cost == pytest.approx(second.cost, rel=1e-6)
    assert canonical_direction(names[second.order].tolist()) == first.order


def test_the_search_stops_at_its_target() -> None:
    costs = dense(between(walk(200)))
    start = greedy_path(costs)
    settled = improve(list(start), costs, kicks=0, seed=0)
    best = improve(list(start), costs, kicks=2000, seed=0)
    assert costs.of(best) < costs.of(settled)
    enough = improve(list(start), costs, kicks=2000, seed=0, target=costs.of(settled) - 1)
    assert costs.of(best) <= costs.of(enough) < costs.of(settled)
    assert improve(list(start), costs, kicks=2000, seed=0, target=costs.of(settled)) == settled


def test_the_search_stops_at_its_deadline() -> None:
    costs = dense(between(walk(200)))
    start = greedy_path(costs)
    assert improve(list(start), costs, kicks=10**9, seed=0, stop=StopCondition(monotonic() - 1)) == start


def test_joins_between_shots_are_found_outside_the_candidate_lists() -> None:
    """Six distant lines of 40 points that only one order of shots joins cheaply."""
    points = np.concatenate([line(40) + 1000.0 * shot for shot in (0, 3, 1, 5, 2, 4)])
    costs = dense(between(points), candidates=5)
    right = np.argsort(points[:, 0]).tolist()
    assert costs.of(improve(list(range(240)), costs, kicks=0, seed=0)) == costs.of(right)


JOINS: dict[str, list[tuple[int, int]]] = {
    "none": [],
    "one": [(3, 7)],
    "a cycle": [(0, 1), (1, 2), (2, 3), (3, 0)],
    "two islands": [(0, 1), (1, 2), (7, 8), (8, 9)],
    "a star": [(0, other) for other in range(1, 10)],
}


@pytest.mark.parametrize("joins", JOINS.values(), ids=JOINS)
def test_rows_without_joins_are_still_on_the_path(joins: list[tuple[int, int]]) -> None:
    costs = sparse(random_metric(10, 0), joins=np.array(joins, np.int64).reshape(-1, 2))
    assert each_once(greedy_path(costs), 10)
    assert each_once(solved(costs).order, 10)


@settings(deadline=None)
@given(small_costs(least=0))
def test_greedy_joins_leave_every_row_once(costs: JoinCosts) -> None:
    assert each_once(greedy_path(costs), len(costs))


def test_greedy_takes_the_cheapest_joins_first() -> None:
    assert canonical_direction(greedy_path(dense(between(np.array([[0.0], [1.0], [3.0], [7.0], [7.5]]))))) == [
        0,
        1,
        2,
        3,
        4,
    ]


@settings(deadline=None)
@given(small_costs(least=3, most=7))
def test_no_path_costs_less_than_the_bound(costs: JoinCosts) -> None:
    best = cheapest(costs)
    for upper in (best, 3 * best + 1):
        assert lower_bound(costs, upper) <= best + 1e-6 * (1 + best)


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_holds_where_rows_have_more_candidates_than_most_steps_use(seed: int) -> None:
    costs = sparse(random_metric(9, seed))
    assert all(len(near) > 6 for near in costs.neighbours)
    best = cheapest(costs)
    assert 0.8 * best <= lower_bound(costs, best) <= best * (1 + 1e-6)


def test_long_stretches_are_reversed_as_short_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = dense(random_metric(80, 0))
    paths = []
    for longest in (0, 1000):
        monkeypatch.setattr("reelweave.solve.path.local._LONG", longest)
        paths.append(improve(list(range(80)), costs, kicks=300, seed=0))
    assert paths[0] == paths[1]
    assert each_once(paths[0], 80)


def with_forced(costs: JoinCosts, joins: Sequence[tuple[int, int]], price: int) -> JoinCosts:
    """The same costs with some joins at a price of their own."""
    assert costs.matrix is not None
    matrix = costs.matrix.copy()
    for a, b in joins:
        matrix[a, b] = matrix[b, a] = price
    near = np.argsort(matrix + np.diag(np.full(len(matrix), 1 << 50)), axis=1)[:, :10].tolist()
    return JoinCosts(near, costs.scale, matrix)


@pytest.mark.parametrize("seed", range(3))
def test_joins_of_negative_cost_are_used_and_the_bound_still_holds(seed: int) -> None:
    plain = dense(random_metric(7, seed))
    costs = with_forced(plain, [(0, 4), (4, 2)], -100 * plain.of(range(7)))
    path = find_path(costs, load({}).solve)
    assert costs.of(path.order) == cheapest(costs)
    assert path.lower_bound is not None
    assert path.lower_bound <= path.cost < 0


def test_ortools_accepts_negative_costs() -> None:
    plain = dense(between(walk(40)))
    costs = with_forced(plain, [(0, 20), (20, 5)], -plain.of(range(40)))
    found = routed(list(range(40)), costs, target=float("-inf"))
    assert each_once(found, 40)
    assert {(0, 20), (20, 5)} <= {pair for a, b in pairwise(found) for pair in ((a, b), (b, a))}


@pytest.mark.parametrize("make", [dense, sparse])
@pytest.mark.parametrize("count", [3, 10, 100])
def test_the_bound_proves_a_line_to_be_the_cheapest_order(make: Callable[[Matrix], JoinCosts], count: int) -> None:
    costs = make(between(line(count)))
    upper = costs.of(range(count))
    assert lower_bound(costs, upper) == pytest.approx(upper, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_tight_on_a_film(seed: int) -> None:
    path = solved(dense(between(walk(150, seed))))
    assert path.gap is not None
    assert path.gap < 0.02


def routed(path: list[int], costs: JoinCosts, target: float = 0.0, seconds: float = 60.0) -> list[int]:
    return route(path, costs, target=target, stop=StopCondition(monotonic() + seconds))


def test_ortools_improves_a_bad_start_and_is_deterministic() -> None:
    costs = dense(between(walk(60)))
    start = list(range(60))
    found = routed(list(start), costs)
    assert each_once(found, 60)
    assert costs.of(found) < 0.8 * costs.of(start)
    assert routed(list(start), costs) == found


@pytest.mark.parametrize("seed", range(3))
def test_ortools_never_raises_the_cost(seed: int) -> None:
    costs = dense(between(walk(40, seed)))
    best = improve(greedy_path(costs), costs, kicks=400, seed=0)
    again = routed(best, costs)
    assert each_once(again, 40)
    assert costs.of(again) <= costs.of(best)


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("outlier", [1.0, 1e9])
def test_ortools_accepts_costs_of_any_size(factor: float, outlier: float) -> None:
    matrix = between(walk(30)) * factor
    matrix[3, :] *= outlier
    matrix[:, 3] = matrix[3, :]
    costs = dense(matrix)
    start = list(range(30))
    found = routed(start, costs)
    assert each_once(found, 30)
    assert costs.of(found) < costs.of(start)


def test_ortools_accepts_costs_larger_than_it_can_add() -> None:
    costs = dense(between(walk(20)))
    assert costs.matrix is not None
    matrix = costs.matrix * (2**60 // int(costs.matrix.max()))
    huge = JoinCosts(costs.neighbours, 1.0, matrix)
    found = routed(list(range(20)), huge)
    assert each_once(found, 20)
    assert costs.of(found) < 0.8 * costs.of(range(20))


@pytest.mark.parametrize(
    ("target", "seconds"), [pytest.param(0.0, -1.0, id="deadline"), pytest.param(float("inf"), 60.0, id="target")]
)
def test_ortools_does_nothing_without_time_or_need(target: float, seconds: float) -> None:
    costs = dense(between(walk(40)))
    start = list(range(40))
    assert routed(start, costs, target, seconds) is start


def test_ortools_stops_at_its_deadline() -> None:
    costs = dense(between(walk(300)))
    started = monotonic()
    assert each_once(routed(list(range(300)), costs, seconds=0.3), 300)
    assert monotonic() - started < 10


@pytest.mark.parametrize("make", [dense, sparse])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_the_shortest_films_have_an_order(count: int, make: Callable[[Matrix], JoinCosts]) -> None:
    path = solved(make(random_metric(count, 0)))
    assert each_once(path.order, count)
    assert path.cost >= 0
    assert path.gap is None or path.gap == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("make", [dense, sparse])
@pytest.mark.parametrize("count", [2, 3, 50])
def test_identical_frames_have_an_order_that_costs_nothing(count: int, make: Callable[[Matrix], JoinCosts]) -> None:
    path = solved(make(np.zeros((count, count))))
    assert each_once(path.order, count)
    assert path.cost == 0
    assert path.gap in (None, 0)


@settings(deadline=None)
@given(small_costs(least=0, most=9))
def test_the_gap_is_never_negative(costs: JoinCosts) -> None:
    path = solved(costs, ortools_limit=0)
    assert each_once(path.order, len(costs))
    if path.lower_bound is not None:
        assert path.gap is not None
        assert path.gap >= 0
        assert 0 <= path.lower_bound <= path.cost
    assert path.order == [] or path.order[0] <= path.order[-1]


@settings(deadline=None)
@given(small_costs(most=7).filter(lambda costs: costs.matrix is not None))
def test_a_small_film_is_within_its_gap_of_the_optimum(costs: JoinCosts) -> None:
    path = solved(costs, ortools_limit=0)
    assert path.lower_bound is not None
    assert path.lower_bound * costs.scale <= cheapest(costs) * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("changes", [{}, {"ortools_limit": 0}, {"seed": 7}], ids=["default", "no OR-Tools", "seed"])
def test_the_same_film_gives_the_same_path(changes: dict[str, Any]) -> None:
    costs = dense(between(walk(80)))
    first, second = solved(costs, time_limit=60, **changes), solved(costs, time_limit=60, **changes)
    assert (first.order, first.cost, first.lower_bound) == (second.order, second.cost, second.lower_bound)


@pytest.mark.parametrize("make", [dense, sparse])
@pytest.mark.parametrize("limit", [0, 1e-6, 0.01])
def test_no_time_still_gives_a_path(make: Callable[[Matrix], JoinCosts], limit: float) -> None:
    path = solved(make(between(walk(200))), time_limit=limit)
    assert each_once(path.order, 200)
    assert path.lower_bound is not None
    assert path.lower_bound <= path.cost


def looks(most: int) -> Callable[[], bool]:
    """Asked to stop at the look after `most`."""
    asked = iter([False] * most)
    return lambda: next(asked, True)


@pytest.mark.parametrize("make", [dense, sparse])
@pytest.mark.parametrize("most", [0, 1, 3, 5, 10, 40])
def test_a_search_that_is_stopped_keeps_the_best_so_far(make: Callable[[Matrix], JoinCosts], most: int) -> None:
    costs = make(between(walk(200)))
    path = find_path(costs, load({"solve.time_limit": 60}).solve, stop=StopCondition(stopped=looks(most)))
    assert each_once(path.order, 200)
    assert path.interrupted
    assert costs.of(path.order) <= costs.of(greedy_path(costs))


@pytest.mark.parametrize("most", [0, 2, 30])
def test_ortools_stops_when_asked(most: int) -> None:
    costs, start = dense(between(walk(120))), list(range(120))
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) > most

    found = route(start, costs, target=0.0, stop=StopCondition(stopped=stopped))
    assert each_once(found, 120)
    assert costs.of(found) <= costs.of(start)


def test_the_search_reports_the_falling_cost() -> None:
    costs = dense(between(walk(300)))
    reports: list[tuple[int, float | None]] = []
    path = find_path(
        costs, load({}).solve, stop=StopCondition(on_cost=lambda cost, bound: reports.append((cost, bound)))
    )
    fell = [cost for cost, _ in reports]
    assert fell == sorted(fell, reverse=True)
    assert fell[0] > fell[-1] == costs.of(path.order)
    assert reports[-1][1] is not None
    assert reports[-1][1] <= fell[-1]


def test_candidate_joins_alone_order_a_film_almost_as_well_as_all_pairs() -> None:
    matrix = between(walk(400))
    complete, candidates = (solved(costs, ortools_limit=0, time_limit=60) for costs in (dense(matrix), sparse(matrix)))
    assert each_once(candidates.order, 400)
    assert candidates.gap is not None
    assert candidates.gap < 0.02
    cost = matrix[candidates.order[:-1], candidates.order[1:]].sum()
    assert cost < 1.03 * complete.cost


def test_a_long_film_is_ordered_without_pricing_all_pairs() -> None:
    """A walk along a line of which only near frames are compared."""
    count, reach = 3000, 12
    times = np.cumsum(np.random.default_rng(0).random(count) + 0.1)
    names = np.random.default_rng(1).permutation(count)
    place = np.argsort(names)
    left = np.repeat(np.arange(count), reach)
    right = left + np.tile(np.arange(1, reach + 1), count)
    joins = np.stack([place[left[right < count]], place[right[right < count]]], axis=1)

    class Line:
        name = "line"

        def pairs(self, left: Ints, right: Ints) -> Floats:
            return np.abs(times[names[left]] - times[names[right]]).astype(np.float32)

    costs = join_costs(Line(), count, joins, candidates=10, dense_limit=1500)
    assert costs.matrix is None
    assert sum(len(row) for row in costs.rows[:-1]) <= count * (2 * reach + 1)
    kicked = improve(greedy_path(costs), costs, kicks=200, seed=0)
    assert names[canonical_direction(kicked)].tolist() in (list(range(count)), list(range(count))[::-1])
