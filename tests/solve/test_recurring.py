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
from reelweave.solve.recurring import film_positions, goes_straight, slows_down, steady_order

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
    return steady_order(lambda: film_positions(pictures), path.tolist(), SILENT, lambda: False)


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


def test_a_straight_path_slows_down_where_a_swing_turns() -> None:
    swing = 80 + 60 * np.cos(2 * np.pi * np.arange(60) / 26.3)
    assert slows_down(film_positions(bob(swing)), np.argsort(swing, kind="stable").tolist())
    assert goes_straight(film_positions(bob(swing)), np.argsort(swing, kind="stable").tolist())
    assert not goes_straight(film_positions(bob(swing)), range(60))
    assert not slows_down(film_positions(bob(20 + 120 * np.linspace(0, 1, 60) ** 2)), range(60))
