"""What is said of an order: how sure it is where something decided it, and that nothing did where nothing did."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from reelweave.films import FilmMade, order_told, sure_told, together
from reelweave.frames import VideoRecord
from reelweave.solve.costs import dense_costs
from reelweave.solve.plan import PathReport, Plan, PlanVideo, Shot
from reelweave.solve.undetermined import by_chance, orderless_rows, reasons, same_rows


def plan_of(count: int, **fields: Any) -> Plan:
    video = PlanVideo(id="f", name="f", source="f", sha256="", fps=25, width=2, height=2, frames=count)
    path = PathReport(cost=1, lower_bound=None, gap=None, solver="", seconds=0)
    return Plan(video=video, order=list(range(count)), dropped=[], **{"shots": [], "path": path} | fields)


def on_a_line(*places: float) -> Any:
    return np.abs(np.subtract.outer(np.array(places), places))


def test_rows_at_one_place_may_change_places() -> None:
    costs = dense_costs(on_a_line(0, 1, 2, 2, 2, 3), candidates=5)
    assert same_rows(range(6), costs) == [False, False, True, True, False]


def test_a_free_join_is_no_tie_where_what_lies_around_it_tells_its_rows_apart() -> None:
    distances = on_a_line(0, 1, 2, 3)
    distances[1, 2] = distances[2, 1] = 0
    assert same_rows(range(4), dense_costs(distances, candidates=3)) == [False, False, False]


def test_chance_is_one_over_the_frames_that_nothing_tells_apart() -> None:
    assert by_chance([True, False, True, True, False]) == pytest.approx([1 / 2, 1, 1 / 3, 1 / 3, 1])


@pytest.mark.parametrize("count", [3, 10, 60])
def test_no_order_stands_out_where_all_distances_are_the_same(count: int) -> None:
    assert orderless_rows(range(count), 1 - np.eye(count)) == set(range(count))
    assert orderless_rows(range(count), on_a_line(*range(count))) == set()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_rows_are_too_few_to_compare(count: int) -> None:
    assert orderless_rows(range(count), np.zeros((count, count))) == set()


def test_a_plan_says_why_joins_are_undetermined() -> None:
    shots = [Shot(start=0, length=2), Shot(start=2, length=4)]
    told = plan_of(
        6, shots=shots, confidence=[1, 0.1, 0.5, 0.2, 0.2], prices=[1, 9, 0, 1, 1], undetermined=[1, 2, 3, 4]
    )
    assert reasons(told) == {"cuts": 1, "same": 1, "equal": 2}
    assert reasons(plan_of(2, confidence=[0.5], prices=[1], undetermined=[0])) == {"direction": 1}


@pytest.mark.parametrize(
    ("frames", "sure", "undetermined"),
    [
        (0, None, {}),
        (1, None, {}),
        (2, None, {"direction": 1}),
        (50, None, {"same": 49}),
        (43, None, {"cuts": 42}),
        (60, None, {"equal": 59}),
        (50, None, {"same": 40, "cuts": 9}),
    ],
)
def test_an_order_that_nothing_decided_has_no_percentage(
    frames: int, sure: float | None, undetermined: Mapping[Any, int]
) -> None:
    told = order_told(frames, sure, undetermined)
    assert told.startswith("undetermined: ")
    assert "%" not in told


def test_what_is_decided_is_told_apart_from_what_is_not() -> None:
    assert order_told(301, 0.97, {}) == "97 % sure"
    told = order_told(301, 0.97, {"same": 36, "cuts": 4})
    assert told.startswith("97 % sure; 40 of 300 joins undetermined (")
    assert "36" in told
    assert order_told(301, 0.97, {"same": 36}).count("36") == 1


def test_an_order_of_which_nothing_is_known_is_not_called_undetermined() -> None:
    assert order_told(10, None, {}) == "not known"


@pytest.mark.parametrize(("share", "told"), [(1.0, "100 %"), (0.9996, "over 99 %"), (0.99, "99 %"), (0.974, "97 %")])
def test_what_is_not_certain_is_not_called_so(share: float, told: str) -> None:
    assert sure_told(share) == told


def test_of_several_films_the_joins_that_were_decided_count_alike() -> None:
    made = [
        FilmMade(3, 1, 0.0, 0.9, "a", ["a"], "p", None, undetermined={}),
        FilmMade(4, 1, 0.0, None, "b", ["b"], "q", None, undetermined={"same": 2, "cuts": 1}),
        FilmMade(3, 1, 0.0, 0.6, "c", ["c"], "r", None, undetermined={"same": 1}),
    ]
    plans = [
        plan_of(3, confidence=[0.9, 0.9]),
        plan_of(4, confidence=[0.3] * 3, undetermined=[0, 1, 2]),
        plan_of(3, confidence=[0.5, 0.6], undetermined=[0]),
    ]
    video = VideoRecord(**{**dict.fromkeys(VideoRecord.__dataclass_fields__, 0), "id": "v", "frames": 10})  # type: ignore[arg-type]
    done = together(video, plans, made, "appearance", {})
    assert done.mean_confidence == pytest.approx(0.8)
    assert done.undetermined == {"same": 3, "cuts": 1}
    assert together(video, plans[1:2], made[1:2], "appearance", {}).mean_confidence is None
