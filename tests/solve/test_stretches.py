"""Stretches that could be turned or exchanged at nearly no cost are played as the frames around their joins go on."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from reelweave.solve.cost.pixels import changes
from reelweave.solve.cost.prices import all_pairs
from reelweave.solve.cost.surroundings import steadied_pictures
from reelweave.solve.path.stretches import moved_stretches

Luma = npt.NDArray[np.uint8]


def knot(phase: float) -> npt.NDArray[np.float64]:
    """A way that crosses itself several times; at phase 0 it is retraced."""
    turns = np.linspace(0, 2 * np.pi, 166)[3:-3]
    return np.stack([80 + 60 * np.cos(2 * turns + phase), 45 + 30 * np.sin(3 * turns)], axis=1)


def film(places: npt.NDArray[np.float64], noise: float = 2.0) -> Luma:
    """A ball that moves through these places before an uneven wall, in noise."""
    rng = np.random.default_rng(3)
    wall = cv2.GaussianBlur(rng.normal(128, 200, (90, 160)).astype(np.float32), (0, 0), 5)
    frames = np.tile(wall, (len(places), 1, 1))
    for frame, (x, y) in zip(frames, places, strict=True):
        cv2.circle(frame, (round(16 * x), round(16 * y)), 9 * 16, 30, -1, cv2.LINE_AA, 4)
    return (frames + rng.normal(0, noise, frames.shape)).clip(0, 255).astype(np.uint8)


def moved(luma: Luma, path: list[int]) -> list[int]:
    rows = np.arange(len(luma))
    return moved_stretches(path, all_pairs(changes(luma), rows), steadied_pictures(luma))


def turned(count: int, begin: int, end: int) -> list[int]:
    rows = list(range(count))
    return rows[:begin] + rows[begin:end][::-1] + rows[end:]


def tau(path: list[int]) -> float:
    rows = np.array(path)
    return abs(float(np.sign(rows[None] - rows[:, None])[np.triu_indices(len(rows), 1)].mean()))


@pytest.mark.parametrize(("phase", "begin", "end"), [(0.3, 25, 107), (0.5, 19, 129)])
def test_a_stretch_that_was_turned_where_the_way_crosses_itself_goes_on_as_it_came(
    phase: float, begin: int, end: int
) -> None:
    luma = film(knot(phase))
    path = turned(len(luma), begin, end)
    assert tau(path) < 0.5
    assert tau(moved(luma, path)) > 0.95


@pytest.mark.parametrize("phase", [0.1, 0.3, 0.5])
def test_a_path_that_is_right_stays(phase: float) -> None:
    luma = film(knot(phase))
    assert moved(luma, list(range(len(luma)))) == list(range(len(luma)))


def test_where_the_way_is_retraced_nothing_is_believed() -> None:
    luma = film(knot(0.1))
    path = turned(len(luma), 9, 65)
    assert moved(luma, path) == path


@pytest.mark.parametrize("seed", range(3))
def test_noise_moves_nothing(seed: int) -> None:
    luma = np.random.default_rng(seed).integers(0, 255, (60, 90, 160)).astype(np.uint8)
    path = np.random.default_rng(seed).permutation(60).tolist()
    assert sorted(moved(luma, path)) == sorted(path)


@pytest.mark.parametrize("count", [0, 1, 2, 15])
def test_films_of_few_frames_stay(count: int) -> None:
    assert moved(film(knot(0.3)[:count]), list(range(count))) == list(range(count))
