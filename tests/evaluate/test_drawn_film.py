"""The drawn film and the drawn foreign pictures."""

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import decoded

from reelweave.errors import RenderError, UsageError
from reelweave.evaluate.drawn.film import draw_film, draw_foreign, film_frames
from reelweave.media.source import open_source
from reelweave.media.types import Picture

SIZE = (192, 108)


def far(a: Picture, b: Picture) -> float:
    return float(np.abs(a.astype(int) - b).mean())


def test_a_film_has_the_requested_frames_size_and_rate(tmp_path: Path) -> None:
    path = draw_film(tmp_path / "film.mp4", frames=12, size=(160, 90), fps=30)
    info = open_source(path).info()
    assert (info.width, info.height, info.fps, len(decoded(path))) == (160, 90, 30, 12)


def test_no_two_frames_are_alike() -> None:
    frames = list(film_frames(60, SIZE))
    assert min(far(a, b) for a, b in combinations(frames, 2)) > 1


@pytest.mark.parametrize("frames", [12, 60, 300])
def test_neighbours_are_the_nearest_frames(frames: int) -> None:
    small = np.stack([cv2.resize(f, (64, 36)).astype(float).ravel() for f in film_frames(frames, SIZE)])
    for place, picture in enumerate(small):
        away = np.abs(small - picture).mean(1)
        away[place] = np.inf
        assert abs(int(away.argmin()) - place) == 1


def test_the_same_seed_draws_the_same_film_and_another_seed_another() -> None:
    one, again, other = (list(film_frames(3, SIZE, seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert far(one[0], other[0]) > 5


def test_the_red_circle_is_visible_in_a_part_of_the_film_only() -> None:
    def red(frame: Picture) -> float:
        blue, green, red = (frame[:, :, channel].astype(int) for channel in range(3))
        return float(((red > 150) & (blue < 90) & (green < 90)).mean())

    shares = [red(frame) for frame in film_frames(40, SIZE)]
    assert min(shares) < 0.001
    assert max(shares) > 0.02


def test_foreign_pictures_differ_from_one_another_and_from_the_film() -> None:
    drawn = list(draw_foreign(30, SIZE))
    assert {picture.shape for picture in drawn} == {(108, 192, 3)}
    assert min(far(a, b) for a, b in combinations(drawn, 2)) > 15
    assert min(far(a, b) for a in drawn for b in film_frames(5, SIZE)) > 15


@pytest.mark.parametrize(("frames", "size"), [(0, SIZE), (5, (8, 8))], ids=["no frame", "tiny"])
def test_an_impossible_size_or_length_is_refused(tmp_path: Path, frames: int, size: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        draw_film(tmp_path / "film.mp4", frames, size)


def test_an_unwritable_film_raises_an_error_of_the_package(tmp_path: Path) -> None:
    with pytest.raises((RenderError, UsageError)):
        draw_film(tmp_path / "nowhere" / "film.mp4", 3, SIZE)
