"""What clean films show is no damage, and damage in them is still found."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import write_clip

from reelweave.media.source import open_source
from reelweave.media.types import Picture
from reelweave.repair.detector import judge
from reelweave.repair.evidence import FrameEvidence, measure_evidence
from reelweave.repair.features import VideoEvidence, read_evidence_file, write_evidence_file
from reelweave.repair.surroundings import Surroundings
from reelweave.repair.verdict import CLEAN
from reelweave.settings import load

Film = list[Picture]
WIDTH, HEIGHT = 192, 108


def pan(seed: int, count: int, speed: int = 2) -> Film:
    """A camera that passes a landscape of its own."""
    coarse = np.random.default_rng(seed).integers(20, 235, (10, 60, 3)).astype(np.uint8)
    ground = np.asarray(cv2.resize(coarse, (960, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
    return [ground[:, speed * at : speed * at + WIDTH].copy() for at in range(count)]


def short_shots() -> Film:
    lengths = (9, 14, 6, 20, 11, 8, 17, 7, 12, 16)
    return [picture for seed, count in enumerate(lengths) for picture in pan(seed, count)]


def two_shots_in_turn() -> Film:
    shots = pan(1, 120), pan(2, 120)
    return [shots[at // 15 % 2][at] for at in range(120)]


def stills() -> Film:
    return [pan(seed, 1)[0] for seed in range(8) for _ in range(12)]


def black_between_two_parts() -> Film:
    return [*pan(1, 40), *[np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 25, *pan(1, 40)]


def a_bridge_passes() -> Film:
    film = pan(1, 90)
    for at, picture in enumerate(film[30:60]):
        picture[max(0, 4 * at - 24) : 4 * at] //= 5
    return film


def menus_of_a_screen() -> Film:
    film = [pan(1, 1)[0] for _ in range(120)]
    for at, top in ((10, 8), (30, 40), (48, 16), (70, 60), (90, 24), (106, 48)):
        for picture in film[at : at + 9]:
            picture[top : top + 32, 30:110] = 235
    return film


def broken(film: Film, folder: Path) -> set[int]:
    evidence = measure_evidence(open_source(write_clip(folder / "film.mp4", film), steady=True))
    return {one.frame for one in judge(evidence, load().breakup) if one.kind != CLEAN}


CLEAN_FILMS = (
    short_shots,
    two_shots_in_turn,
    stills,
    black_between_two_parts,
    a_bridge_passes,
    menus_of_a_screen,
)


@pytest.mark.parametrize("made", CLEAN_FILMS, ids=lambda made: made.__name__)
def test_no_frame_of_a_clean_film_is_called_broken(made: Callable[[], Film], tmp_path: Path) -> None:
    assert broken(made(), tmp_path) == set()


@pytest.mark.parametrize("made", [short_shots, a_bridge_passes], ids=lambda made: made.__name__)
def test_torn_and_noisy_frames_of_such_a_film_are_still_found(made: Callable[[], Film], tmp_path: Path) -> None:
    film = made()
    film[17][30:70] = np.roll(film[17][30:70], 60, 1)
    film[76][20:80] = np.random.default_rng(3).integers(0, 255, film[76][20:80].shape)
    assert broken(film, tmp_path) == {17, 76}


def test_the_two_sides_of_damage_agree_and_those_of_a_shot_do_not() -> None:
    film = [cv2.resize(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), (28, 16)) for one in [*pan(1, 30, 1), *pan(2, 20, 1)]]
    film += [cv2.resize(cv2.cvtColor(one, cv2.COLOR_BGR2GRAY), (28, 16)) for one in pan(3, 30, 1)]
    film[10] = 255 - film[10]
    around = Surroundings(np.asarray(film, np.uint8))
    damage, shot = around.fit(10, 11), around.fit(30, 50)
    assert damage
    assert shot
    assert damage.returns > 0.85 > shot.returns
    assert damage.excess > around.usual_change(10, 11)
    assert around.fit(0, 5) is None


def test_evidence_files_keep_the_pictures_and_those_without_are_read(tmp_path: Path) -> None:
    evidence = measure_evidence(open_source(write_clip(tmp_path / "film.mp4", pan(1, 12)), steady=True))
    assert evidence.pictures is not None
    without = FrameEvidence(evidence.frames, evidence.times, evidence.values)
    for given in (evidence, without):
        read = read_evidence_file(write_evidence_file(VideoEvidence("a-0", "a", "a", "", given), tmp_path)).evidence
        assert (read.pictures is None) == (given.pictures is None)
        assert read.pictures is None or np.array_equal(read.pictures, evidence.pictures)
        assert len(judge(read, load().breakup)) == 12
