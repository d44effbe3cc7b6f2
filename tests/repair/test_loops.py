"""A loop that a recorder plays over and over is found; films that repeat by themselves are left alone."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from reelweave.repair.loops import repetitions
from reelweave.repair.surroundings import Pictures


def moving(count: int) -> Pictures:
    coarse = np.random.default_rng(2).integers(20, 235, (4, 80)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (400, 16), interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.stack([ground[:, at : at + 28] for at in range(count)])


def looped(film: Pictures, start: int, length: int, end: int) -> Pictures:
    order = [start + (at - start) % length if start <= at < end else at for at in range(len(film))]
    return film[order]


def found(film: Pictures) -> set[int]:
    return set(np.flatnonzero(repetitions(film, np.arange(len(film)) / 25)).tolist())


@pytest.mark.parametrize("length", [2, 3, 5])
def test_the_frames_that_come_again_are_found_and_those_they_repeat_are_not(length: int) -> None:
    assert found(looped(moving(90), 40, length, 60)) == set(range(40 + length, 60))


def test_coding_noise_hides_no_loop() -> None:
    film = looped(moving(90), 40, 4, 60).astype(int) + np.random.default_rng(3).integers(-1, 2, (90, 16, 28))
    assert found(np.clip(film, 0, 255).astype(np.uint8)) == set(range(44, 60))


def a_cycle_throughout() -> Pictures:
    return moving(6)[np.arange(90) % 4]


def drawn_on_twos() -> Pictures:
    return moving(45).repeat(2, axis=0)


def three_frames() -> Pictures:
    return moving(3)


def a_rest() -> Pictures:
    return np.concatenate([moving(40), moving(40)[-1:].repeat(30, axis=0)])


def a_cycle_that_comes_back() -> Pictures:
    film = moving(240)
    for start in (20, 70, 120, 170, 210):
        film = looped(film, start, 3, start + 12)
    return film


@pytest.mark.parametrize(
    "made", [a_cycle_throughout, drawn_on_twos, a_rest, a_cycle_that_comes_back, lambda: moving(3)]
)
def test_a_film_that_repeats_by_itself_has_none(made: Callable[[], Pictures]) -> None:
    assert not found(made())
