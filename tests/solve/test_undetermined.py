"""Confidence and undetermined joins: how certain an order is, and where no evidence decides it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from reelweave.commands.output import plan_text
from reelweave.media.types import VideoRecord
from reelweave.render.results import FilmResult, confidence_text, order_text, reconstruction_of
from reelweave.solve.cost.prices import dense_costs
from reelweave.solve.plan.model import PathReport, Plan, PlanVideo, Shot
from reelweave.solve.undetermined import (
    chance_confidence,
    interchangeable_joins,
    is_loop,
    orderless_rows,
    pictures_recur,
    reasons,
)


def plan_of(count: int, **fields: Any) -> Plan:
    video = PlanVideo(id="f", name="f", source="f", sha256="", fps=25, width=2, height=2, frames=count)
    path = PathReport(cost=1, lower_bound=None, gap=None, solver="", seconds=0)
    return Plan(video=video, order=list(range(count)), dropped=[], **{"shots": [], "path": path} | fields)


def on_a_line(*places: float) -> Any:
    return np.abs(np.subtract.outer(np.array(places), places))


def test_rows_at_one_place_are_interchangeable() -> None:
    costs = dense_costs(on_a_line(0, 1, 2, 2, 2, 3), candidates=5)
    assert interchangeable_joins(range(6), costs) == [False, False, True, True, False]


def test_a_free_join_is_decided_if_its_surroundings_distinguish_its_rows() -> None:
    distances = on_a_line(0, 1, 2, 3)
    distances[1, 2] = distances[2, 1] = 0
    assert interchangeable_joins(range(4), dense_costs(distances, candidates=3)) == [False, False, False]


def test_chance_confidence_is_one_over_the_indistinguishable_frames() -> None:
    assert chance_confidence([True, False, True, True, False]) == pytest.approx([1 / 2, 1, 1 / 3, 1 / 3, 1])


@pytest.mark.parametrize("count", [3, 10, 60])
def test_no_order_stands_out_if_all_distances_are_equal(count: int) -> None:
    assert orderless_rows(range(count), 1 - np.eye(count)) == set(range(count))
    assert orderless_rows(range(count), on_a_line(*range(count))) == set()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_rows_are_too_few_to_compare(count: int) -> None:
    assert orderless_rows(range(count), np.zeros((count, count))) == set()


def sorted_places(places: Any) -> tuple[list[int], Any]:
    """The path that sorts places on a line, and the distances between them."""
    return np.argsort(places).tolist(), on_a_line(*places)


@pytest.mark.parametrize("period", [44.4, 61.9])
def test_pictures_of_a_pendulum_recur(period: float) -> None:
    assert pictures_recur(*sorted_places(np.cos(2 * np.pi * np.arange(120) / period + 0.3)))


@pytest.mark.parametrize("seed", range(5))
def test_pictures_taken_at_random_moments_of_a_movement_recur(seed: int) -> None:
    assert pictures_recur(*sorted_places(np.random.default_rng(seed).random(120)))


def test_steps_that_change_hardly_enough_do_not_clearly_recur() -> None:
    uneven = np.cumsum(np.random.default_rng(2).gamma(1.5, size=120))
    assert pictures_recur(*sorted_places(uneven))
    assert not pictures_recur(*sorted_places(uneven), clearly=True)
    assert pictures_recur(*sorted_places(np.cumsum(np.random.default_rng(0).gamma(1, size=120))), clearly=True)


def test_pictures_of_steady_or_changing_motion_do_not_recur() -> None:
    frames = np.arange(120)
    for places in (frames, frames + 15 * np.sin(frames / 20), np.exp(frames / 40)):
        assert not pictures_recur(*sorted_places(places))


@pytest.mark.parametrize("every", [2, 3, 4, 5])
def test_held_drawings_and_converted_frame_rates_are_not_recurrence(every: int) -> None:
    frames = np.arange(120)
    for places in (frames // every, frames - 0.95 * (frames // every)):
        noise = np.random.default_rng(0).normal(0, 0.02, 120)
        assert not pictures_recur(*sorted_places(places + noise))


def around(turn: float) -> Any:
    """Distances between 60 places on a circle, of which so much is passed."""
    angles = np.linspace(0, 2 * np.pi * turn, 60, endpoint=False)
    return np.hypot(*(np.subtract.outer(axis, axis) for axis in (np.cos(angles), np.sin(angles))))


def test_a_full_turn_is_a_loop_and_less_is_not() -> None:
    assert is_loop(range(60), around(1))
    assert not is_loop(range(60), around(0.9))
    assert not is_loop(range(60), on_a_line(*range(60)))
    assert not is_loop(range(60), 1 - np.eye(60))
    assert not is_loop(range(20), around(1)[:20, :20])


def test_films_of_short_shots_are_not_recurrence() -> None:
    places = np.concatenate([1000 * shot + np.random.default_rng(shot).random(5) for shot in range(20)])
    assert not pictures_recur(*sorted_places(places))


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_a_few_pictures_are_not_said_to_recur(count: int) -> None:
    assert not pictures_recur(*sorted_places(np.random.default_rng(0).random(count)))


def test_a_plan_gives_the_reasons_for_undetermined_joins() -> None:
    shots = [Shot(start=0, length=2), Shot(start=2, length=4)]
    told = plan_of(
        6, shots=shots, confidence=[1, 0.1, 0.5, 0.2, 0.2], prices=[1, 9, 0, 1, 1], undetermined=[1, 2, 3, 4]
    )
    assert reasons(told) == {"cuts": 1, "same": 1, "equal": 2}
    assert reasons(plan_of(2, confidence=[0.5], prices=[1], undetermined=[0])) == {"direction": 1}
    exchanged = [Shot(start=0, length=3), Shot(start=3, length=3, undetermined="exchangeable")]
    assert reasons(plan_of(6, shots=exchanged, undetermined=[0, 2, 3], prices=[1] * 5)) == {
        "equal": 1,
        "cuts": 1,
        "exchangeable": 1,
    }
    recurs = PathReport(cost=1, lower_bound=None, gap=None, solver="", seconds=0, recurring=True)
    assert reasons(plan_of(4, shots=shots, undetermined=[0, 1, 2], prices=[1, 1, 1], path=recurs)) == {
        "cuts": 1,
        "recurring": 2,
    }


def test_the_text_of_a_plan_names_the_shots_whose_order_is_undetermined() -> None:
    shots = [Shot(start=0, length=3, number=7), Shot(start=3, length=3, number=8, undetermined="exchangeable")]
    lines = plan_text(plan_of(6, shots=shots, undetermined=[2, 4]), None).splitlines()
    told = [line for line in lines if line.startswith("shot ") and "undetermined" in line]
    assert len(told) == 1
    assert told[0].startswith("shot 8:")


@pytest.mark.parametrize(
    ("frames", "sure", "undetermined"),
    [
        (0, None, {}),
        (1, None, {}),
        (2, None, {"direction": 1}),
        (50, None, {"same": 49}),
        (43, None, {"cuts": 42}),
        (60, None, {"equal": 59}),
        (60, None, {"recurring": 59}),
        (50, None, {"same": 40, "cuts": 9}),
    ],
)
def test_an_undetermined_order_has_no_percentage(
    frames: int, sure: float | None, undetermined: Mapping[Any, int]
) -> None:
    told = order_text(frames, sure, undetermined)
    assert told.startswith("undetermined: ")
    assert "%" not in told


def test_determined_and_undetermined_joins_are_reported_separately() -> None:
    assert order_text(301, 0.97, {}) == "97 % sure"
    told = order_text(301, 0.97, {"same": 36, "cuts": 4})
    assert told.startswith("97 % sure; 40 of 300 joins undetermined (")
    assert "36" in told
    assert order_text(301, 0.97, {"same": 36}).count("36") == 1


def test_an_order_without_confidence_is_not_called_undetermined() -> None:
    assert order_text(10, None, {}) == "not known"


@pytest.mark.parametrize(("share", "told"), [(1.0, "100 %"), (0.9996, "over 99 %"), (0.99, "99 %"), (0.974, "97 %")])
def test_a_confidence_below_one_is_never_rounded_to_certain(share: float, told: str) -> None:
    assert confidence_text(share) == told


def test_determined_joins_of_several_films_count_equally() -> None:
    made = [
        FilmResult(3, 1, 0.0, 0.9, "a", ["a"], "p", None, undetermined={}),
        FilmResult(4, 1, 0.0, None, "b", ["b"], "q", None, undetermined={"same": 2, "cuts": 1}),
        FilmResult(3, 1, 0.0, 0.6, "c", ["c"], "r", None, undetermined={"same": 1}),
    ]
    plans = [
        plan_of(3, confidence=[0.9, 0.9]),
        plan_of(4, confidence=[0.3] * 3, undetermined=[0, 1, 2]),
        plan_of(3, confidence=[0.5, 0.6], undetermined=[0]),
    ]
    video = VideoRecord(**{**dict.fromkeys(VideoRecord.__dataclass_fields__, 0), "id": "v", "frames": 10})  # type: ignore[arg-type]
    done = reconstruction_of(video, plans, made, "appearance", {})
    assert done.mean_confidence == pytest.approx(0.8)
    assert done.undetermined == {"same": 3, "cuts": 1}
    assert reconstruction_of(video, plans[1:2], made[1:2], "appearance", {}).mean_confidence is None
