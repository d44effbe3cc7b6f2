"""Films in which the same pictures recur are ordered by how steadily they move."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from reelweave.progress import SILENT
from reelweave.solve.cost.trajectory import positions, steady_pictures
from reelweave.solve.path.steady import SteadyPaths
from reelweave.solve.recurring import (
    goes_straight,
    is_sorted_movement,
    may_go_to_and_fro,
    places_are_sorted,
    slows_down,
    steady_order,
)

Luma = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]

_SWINGS = 80 + 60 * np.cos(2 * np.pi * np.arange(60) / 23.7 + 0.3)


def bob(places: npt.NDArray[np.float64]) -> Luma:
    """A bob at these places before a plain wall, in weak noise."""
    frames = np.random.default_rng(3).normal(128, 1, (len(places), 90, 160)).clip(0, 255).astype(np.uint8)
    for frame, x in zip(frames, places, strict=True):
        cv2.circle(frame, (round(16 * x), 45 * 16), 12 * 16, 20, -1, cv2.LINE_AA, 4)
    return frames


def shuffled(count: int) -> Rows:
    return np.random.default_rng(1).permutation(count)


def right(order: list[int] | Rows, moments: Rows) -> float:
    """Return the share of joins between neighbouring moments."""
    return float(np.mean([abs(moments[a] - moments[b]) == 1 for a, b in pairwise(order)]))


def straightness(places: npt.NDArray[Any]) -> float:
    """Return how far the last place is from the first, as a share of the way between them."""
    return float(np.linalg.norm(places[-1] - places[0]) / np.linalg.norm(np.diff(places, axis=0), axis=1).sum())


def ordered(pictures: Luma, path: Rows) -> list[int]:
    return steady_order(pictures, path.tolist(), SILENT, lambda: False)


def test_a_pendulum_is_ordered_by_its_motion_and_not_by_what_it_shows() -> None:
    moments = shuffled(60)
    by_look = np.argsort(_SWINGS[moments], kind="stable")
    assert right(by_look, moments) < 0.2
    assert right(ordered(bob(_SWINGS[moments]), by_look), moments) > 0.5


def test_a_pendulum_in_order_stays_in_order() -> None:
    assert ordered(bob(_SWINGS), np.argsort(_SWINGS, kind="stable")) == list(range(60))


def test_where_no_order_is_steady_the_path_stays() -> None:
    places = 20 + 120 * np.random.default_rng(0).random(40)
    path = np.argsort(places)
    assert ordered(bob(places), path) == path.tolist()


def test_changing_light_does_not_move_a_picture() -> None:
    still = bob(np.full(40, 80.0))
    dimmed = np.asarray(still * np.linspace(1, 0.8, 40)[:, None, None], np.uint8)
    moved = steady_pictures(bob(np.array([80.0, 84.0])))
    one, other = steady_pictures(dimmed)[[0, -1]]
    assert np.abs(one - other).sum() < 0.2 * np.abs(moved[0] - moved[1]).sum()


def test_distances_are_measured_along_the_motion() -> None:
    pictures = steady_pictures(bob(np.linspace(20, 140, 61)))
    assert straightness(positions(pictures)) > 0.9
    assert straightness(pictures) < 0.3


@pytest.mark.parametrize("kind", ["_turns", "_short_moves", "_long_moves"])
def test_a_move_changes_the_path_by_what_it_is_said_to(kind: str) -> None:
    rng = np.random.default_rng(1)
    paths, path = SteadyPaths(rng.normal(size=(40, 2))), rng.permutation(40)
    before = paths.unsteadiness(path)
    for moves in getattr(paths, kind)(path):
        changes: Any = paths._changes(path, moves)
        for which in rng.integers(len(changes), size=40).tolist():
            after = moves.applied(path, which)
            assert sorted(after.tolist()) == list(range(40))
            assert paths.unsteadiness(after) == pytest.approx(before + changes[which])


def test_a_search_that_is_stopped_still_orders_every_row_once() -> None:
    paths = SteadyPaths(np.random.default_rng(0).normal(size=(30, 2)))
    assert sorted(paths.search(lambda: True).tolist()) == list(range(30))


def eased(frames: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Places on a way that begins and ends slowly."""
    share = (frames - frames[0]) / np.ptp(frames)
    return np.asarray(share * share * (3 - 2 * share), np.float64)


def swings_found(count: int, noise: float) -> float:
    """Return the share of swings of several periods that are found once sorted; noise is in usual steps."""
    rng = np.random.default_rng(0)
    moments = np.arange(count)
    swings = [np.cos(2 * np.pi * moments / period + 0.3) for period in np.arange(31, 47, 0.7)]
    found = [places_are_sorted(line(swing + rng.normal(0, 2 * noise / count, count)), False) for swing in swings]
    return float(np.mean(found))


def line(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.sort(places)[:, None]


@pytest.mark.parametrize("count", [60, 100, 300, 400])
def test_most_swings_that_were_sorted_are_found_however_long_the_film(count: int) -> None:
    assert swings_found(count, 0.0) > 0.6
    assert swings_found(count, 0.1) > 0.6


@pytest.mark.parametrize("every", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_one_slow_movement_is_no_swing_at_any_cadence(every: int, noise: float) -> None:
    frames = np.arange(100)
    rng = np.random.default_rng(every)
    for shown in (frames, frames // every, frames - frames // every, np.cumsum(np.resize([0, 0, 1, 0, 1], 100))):
        places = eased(shown) + rng.normal(0, noise / 100, 100)
        assert not places_are_sorted(line(places), False)


@pytest.mark.parametrize("seed", range(10))
def test_one_slow_movement_in_irregular_steps_is_no_swing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for steps in (rng.uniform(0.5, 1.5, 100), rng.exponential(size=100), rng.choice([1, 1, 1, 2], 100)):
        assert not places_are_sorted(line(eased(np.cumsum(steps))), False)


def on_a_circle(turns: float) -> npt.NDArray[np.float64]:
    """100 places on a circle that is passed so many times, sorted by their angle."""
    angles = np.sort(2 * np.pi * np.linspace(0, turns, 100, endpoint=False) % (2 * np.pi))
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_turns_that_were_sorted_into_one_are_found_and_one_turn_is_none() -> None:
    assert places_are_sorted(on_a_circle(3.43), True)
    assert not places_are_sorted(on_a_circle(1), True)


def test_the_order_of_a_swing_and_of_one_movement_are_told_apart_in_pictures() -> None:
    for places, swings in (
        (80 + 60 * np.cos(2 * np.pi * np.arange(90) / 26.3), True),
        (20 + 120 * eased(np.arange(90)), False),
    ):
        path = np.argsort(places, kind="stable")
        prices = np.abs(np.subtract.outer(places, places))
        assert may_go_to_and_fro(path.tolist(), prices)
        assert is_sorted_movement(bob(places), path.tolist(), False) is swings


def test_a_straight_path_slows_down_where_a_swing_turns() -> None:
    swing = 80 + 60 * np.cos(2 * np.pi * np.arange(60) / 26.3)
    assert slows_down(bob(swing), np.argsort(swing, kind="stable").tolist())
    assert goes_straight(bob(swing), np.argsort(swing, kind="stable").tolist())
    assert not goes_straight(bob(swing), range(60))
    assert not slows_down(bob(20 + 120 * np.linspace(0, 1, 60) ** 2), range(60))


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_a_few_pictures_are_not_called_sorted(count: int) -> None:
    assert not may_go_to_and_fro(list(range(count)), np.ones((count, count)))
    assert not is_sorted_movement(bob(np.linspace(20, 140, count)), range(count), True)


def test_pictures_that_are_all_the_same_are_not_called_sorted() -> None:
    assert not places_are_sorted(np.zeros((60, 1)), False)
    assert not places_are_sorted(np.zeros((60, 1)), True)
