"""Sound that was cut along with the frames is told from sound that was not, and gives the direction of time."""

from itertools import pairwise

import numpy as np
import pytest
from films import SIZE, film_of, other_film
from helpers import pictures
from voices import cut, heard, voice

from reelweave.progress import SilentProgress
from reelweave.settings import load
from reelweave.solve.arrange import arrange
from reelweave.solve.arrangement import Arrangement
from reelweave.solve.constraints import Constraints
from reelweave.solve.cost.sound import SliceSound, slice_sound
from reelweave.solve.path.directed import improve_directed
from reelweave.solve.solve_input import SolveInput
from reelweave.solve.sound import directed, direction_score, judge_sound, ordered_by_sound

COUNT = 60
ORDER = np.random.default_rng(4).permutation(COUNT).tolist()
TRUE = np.argsort(ORDER).tolist()
"""The place in the file of every frame of the film."""


@pytest.fixture(scope="module")
def shuffled() -> SliceSound:
    return heard(cut(voice(COUNT), ORDER))


def state(sound: SliceSound, order: list[int] | None = None) -> str:
    return judge_sound(sound, np.arange(len(sound)), order or []).state


@pytest.mark.parametrize("order", [[], TRUE, TRUE[::-1]], ids=["before it is known", "forwards", "backwards"])
def test_sound_that_was_cut_with_the_frames_is_told(shuffled: SliceSound, order: list[int]) -> None:
    assert state(shuffled, order) == "shuffled"


@pytest.mark.parametrize("order", [[], list(range(COUNT)), TRUE], ids=["before it is known", "in order", "shuffled"])
def test_sound_that_was_left_alone_is_told(order: list[int]) -> None:
    assert state(heard(voice(COUNT)), order) == "untouched"


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(COUNT * 1280, "<i2"),
        np.random.default_rng(1).normal(0, 3000, COUNT * 1280).astype("<i2"),
        voice(COUNT)[:1280],
    ],
    ids=["silence", "noise", "too short"],
)
def test_nothing_is_said_of_sound_that_does_not_tell(samples: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> None:
    assert state(heard(samples)) == "unknown"


def test_silent_foreign_frames_do_not_matter() -> None:
    order = [*ORDER[:10], -1, *ORDER[10:30], -1, -1, *ORDER[30:]]
    assert state(heard(cut(voice(COUNT), order))) == "shuffled"
    order = [*range(10), -1, *range(10, 30), -1, -1, *range(30, COUNT)]
    assert state(heard(cut(voice(COUNT), order))) == "untouched"


def test_a_film_cut_into_a_few_stretches_is_judged_at_their_joins() -> None:
    stretches = [range(40, 60), range(20), range(20, 40)]
    order = [frame for stretch in [stretches[0], stretches[2], stretches[1]] for frame in stretch]
    places = np.argsort(order).tolist()
    assert state(heard(cut(voice(COUNT), order)), places) == "shuffled"
    assert state(heard(voice(COUNT)), places) == "untouched"


def test_sound_before_and_after_the_track_is_silence() -> None:
    late = np.concatenate([np.zeros(20 * 1280, "<i2"), voice(20), np.zeros(20 * 1280, "<i2")])
    sound = heard(late)
    joins = np.arange(COUNT - 1)
    assert np.isnan(sound.breaks(joins, joins + 1)).sum() == pytest.approx(39, abs=2)


@pytest.mark.parametrize("fps", [10, 25, 50, 200])
def test_short_and_long_slices_are_measured(fps: int) -> None:
    frames = 40 * fps // 25
    samples, length = voice(40), 32_000 // fps
    pieces = samples[: frames * length].reshape(frames, length)
    mixed = pieces[np.random.default_rng(0).permutation(frames)].ravel()
    for track, expected in ((samples, "untouched"), (mixed, "shuffled")):
        assert state(slice_sound(track, np.arange(frames + 1) / fps, 1 / fps, 32_000)) == expected


def test_the_sound_gives_the_direction(shuffled: SliceSound) -> None:
    groups = [[row] for row in TRUE]
    assert direction_score(shuffled, groups) > 3
    assert direction_score(shuffled, groups[::-1]) == pytest.approx(-direction_score(shuffled, groups))
    assert directed(shuffled, groups, [0]) == list(range(COUNT))
    assert directed(shuffled, groups[::-1], [0]) == list(range(COUNT))[::-1]


def test_a_shot_that_plays_backwards_is_turned(shuffled: SliceSound) -> None:
    turned = [*TRUE[:20], *TRUE[20:40][::-1], *TRUE[40:]]
    found = directed(shuffled, [[row] for row in turned], [0, 20, 40])
    assert [turned[number] for number in found] == TRUE


@pytest.fixture(scope="module")
def film() -> SolveInput:
    frames = pictures(COUNT, SIZE)
    made = film_of([frames[frame] for frame in ORDER])
    return SolveInput(**{**vars(made), "sound": heard(cut(voice(COUNT), ORDER))})


def arranged(film: SolveInput, **constraints: object) -> Arrangement:
    return arrange(film, load(), SilentProgress(), Constraints(**constraints))  # type: ignore[arg-type]


def test_a_film_plays_in_the_direction_of_its_sound_and_says_how_sure_that_is(film: SolveInput) -> None:
    found = arranged(film)
    assert found.order == TRUE
    assert found.sound
    assert found.sound.state == "shuffled"
    assert found.direction.by == "sound"
    assert 0.99 < found.direction.confidence < 1


def test_what_the_user_says_of_the_direction_counts_more_than_the_sound(film: SolveInput) -> None:
    found = arranged(film, before=((TRUE[30], TRUE[10]),))
    assert found.order == TRUE[::-1]
    assert (found.direction.by, found.direction.confidence) == ("user", 1.0)
    assert arranged(film, first=TRUE[-1]).order == TRUE[::-1]


@pytest.mark.parametrize("sound", [None, heard(voice(COUNT))], ids=["no sound", "untouched sound"])
def test_other_sound_leaves_the_direction_open(film: SolveInput, sound: SliceSound | None) -> None:
    found = arranged(SolveInput(**{**vars(film), "sound": sound}))
    assert found.order in (TRUE, TRUE[::-1])
    assert (found.direction.by, found.direction.confidence) == ("", 0.0)


def test_directed_costs_lead_back_to_the_true_path() -> None:
    rng = np.random.default_rng(2)
    costs = rng.uniform(1, 2, (30, 30))
    true = rng.permutation(30).tolist()
    for a, b in pairwise(true):
        costs[a, b] = 0.0
    stretched = [*true[20:], *true[10:20][::-1], *true[:10]]
    assert improve_directed(stretched, costs) == true
    assert improve_directed(true, costs) == true
    assert [improve_directed(list(range(count)), costs[:count, :count]) for count in (0, 1)] == [[], [0]]


def test_sound_decides_where_the_pictures_do_not(shuffled: SliceSound) -> None:
    wrong = [*TRUE[:20], *TRUE[40:], *TRUE[20:40]]
    wrong[5], wrong[7], wrong[50], wrong[51] = wrong[7], wrong[5], wrong[51], wrong[50]
    alike = np.ones((COUNT, COUNT))
    found = ordered_by_sound(shuffled, [[row] for row in wrong], alike)
    assert [wrong[number] for number in found] == TRUE


def test_sound_does_not_move_what_the_pictures_are_sure_of(shuffled: SliceSound) -> None:
    sure = np.abs(np.subtract.outer(np.arange(COUNT), np.arange(COUNT))) ** 4.0
    other = np.random.default_rng(1).permutation(COUNT).tolist()
    assert ordered_by_sound(shuffled, [[row] for row in other], sure) == list(range(COUNT))


def test_shots_play_in_the_order_of_the_sound_that_runs_on_across_cuts() -> None:
    frames = [*pictures(20, SIZE), *other_film(20), *pictures(20, SIZE, seed=5)]
    order = np.random.default_rng(9).permutation(COUNT).tolist()
    made = film_of([frames[frame] for frame in order])
    found = arranged(SolveInput(**{**vars(made), "sound": heard(cut(voice(COUNT), order))}))
    assert [order[frame] for frame in found.order] == list(range(COUNT))
