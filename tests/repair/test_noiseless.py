"""A recorder that stands still is told from a scene that does, by the noise that it does not record."""

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest

from reelweave.media.types import Floats
from reelweave.repair.measures import worst
from reelweave.repair.noiseless import noiseless
from reelweave.repair.surroundings import Pictures

LENGTH, START, END = 100, 40, 60
STEPS = np.arange(LENGTH)


def scene(seed: int = 2) -> Pictures:
    """Return a view that brightens slowly."""
    coarse = np.random.default_rng(seed).integers(20, 200, (4, 7)).astype(np.uint8)
    ground = cv2.resize(coarse, (28, 16), interpolation=cv2.INTER_CUBIC)
    return np.clip(ground + STEPS[:, None, None] // 4, 0, 255).astype(np.uint8)


def recorded(film: Pictures) -> Pictures:
    """Add the noise of a camera, which differs from frame to frame."""
    noise = np.random.default_rng(3).integers(-1, 2, film.shape)
    return np.clip(film + noise, 0, 255).astype(np.uint8)


def changes(film: Pictures) -> Floats:
    steps = [cv2.absdiff(one, before) for before, one in pairwise(film)]
    return np.array([0, *(worst(np.asarray(step, np.float32)) for step in steps)], np.float32)


def found(film: Pictures) -> set[int]:
    return set(np.flatnonzero(noiseless(film, changes(film))).tolist())


def standing(order: Callable[[int], int]) -> list[int]:
    return [START - 1 if START <= at < END else order(at) for at in range(LENGTH)]


def test_frames_that_repeat_without_the_noise_of_the_film_are_found() -> None:
    assert found(recorded(scene())[standing(lambda at: at)]) == set(range(START, END))


def test_traces_of_coding_hide_no_freeze() -> None:
    film = recorded(scene())[standing(lambda at: at)]
    film[START + 3 : END : 5, 7, 7] += 1
    assert found(film) == set(range(START, END))


def a_rest_of_a_camera() -> Pictures:
    return recorded(scene()[standing(lambda at: at)])


def a_pause_that_skips_nothing() -> Pictures:
    return recorded(scene())[standing(lambda at: at if at < END else at - END + START)]


def a_still_between_cuts() -> Pictures:
    film = recorded(scene())
    film[START:END] = recorded(scene(5))[0]
    return film


def a_face_before_a_wall_without_noise() -> Pictures:
    film = scene()[:1].repeat(LENGTH, axis=0)
    film[:, 4:10, 10:18] = recorded(scene())[:, 4:10, 10:18]
    film[START:END] = film[START - 1]
    return film


def a_drawn_film_that_rests_before_a_leap() -> Pictures:
    coarse = np.random.default_rng(2).integers(20, 235, (4, 80)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (400, 16), interpolation=cv2.INTER_CUBIC), np.uint8)
    return np.stack([ground[:, at : at + 28] for at in standing(lambda at: at)])


def a_film_that_repeats_frames() -> Pictures:
    return recorded(scene())[standing(lambda at: at - (at % 3 == 2))]


def few_repeats() -> Pictures:
    return recorded(scene())[[START - 1 if START <= at < START + 4 else at for at in STEPS]]


def the_end_of_a_film() -> Pictures:
    return recorded(scene())[np.minimum(STEPS, 80)]


@pytest.mark.parametrize(
    "made",
    [
        a_rest_of_a_camera,
        a_pause_that_skips_nothing,
        a_still_between_cuts,
        a_face_before_a_wall_without_noise,
        a_drawn_film_that_rests_before_a_leap,
        a_film_that_repeats_frames,
        few_repeats,
        the_end_of_a_film,
    ],
)
def test_what_stands_still_in_the_film_itself_is_no_freeze(made: Callable[[], Pictures]) -> None:
    assert not found(made())


def test_faint_noise_makes_it_a_rest() -> None:
    noise = np.random.default_rng(3).random((LENGTH, 16, 28)) < 0.15
    film = (scene()[:1] // 4 + noise.cumsum(axis=0) % 2).astype(np.uint8)
    for jolt in (START, END):
        film[jolt:] += 3
    # Larger pictures show that it is faint.
    assert not noiseless(film, changes(film) * 0.4).any()
