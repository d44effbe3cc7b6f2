"""Small groups judged by their colours: true frames stay, and foreign ones that resemble the film are found."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from vectors import K, found, judged, unit, unrelated, walk

from reelweave.index.neighbours import nearest
from reelweave.media.types import Floats
from reelweave.settings import load
from reelweave.solve.colour_outliers import judge_colours
from reelweave.solve.outliers import OutlierVerdict

_LIMITS = load().outliers
_FILM = 0.0
_OTHER = 1.0


def still(count: int) -> Floats:
    """A film that hardly moves."""
    return walk(count, step=0.02)


def resembling(vector: Floats, count: int, chord: float = 0.8, step: float = 0.01, seed: int = 7) -> Floats:
    """Frames at about this chord from a frame of the film, and nearer to one another."""
    away = unrelated(1, seed)[0]
    away = unit((away - (away @ vector) * vector)[None])[0]
    angle = 2 * np.arcsin(chord / 2)
    along = unrelated(count, seed=8) * step
    return unit(np.cos(angle) * vector + np.sin(angle) * away + along)


def picture(share: float, grey: bool) -> npt.NDArray[np.uint8]:
    """A picture that has this share of another colour or, without colours, of another grey."""
    planes = np.full((3, 20, 100), 100, np.uint8)
    planes[1:] = 128 if grey else np.where(np.arange(100) % 2, 90, 160)[None, None, :]
    planes[0 if grey else slice(1, 3), :, : round(100 * share)] = 200
    return planes


def coloured(
    vectors: Floats, shares: Sequence[float], weights: Sequence[int] | None = None, *, grey: bool = False
) -> OutlierVerdict:
    """The verdict on frames, the last of which have these shares of another colour."""
    counts = np.ones(len(vectors), np.int64) if weights is None else np.array(weights, np.int64)
    of = [_FILM] * (len(vectors) - len(shares)) + [*shares]
    return judge_colours(
        judged("density", vectors, weights=counts.tolist()),
        nearest(vectors, K),
        counts,
        lambda row: picture(of[row], grey),
        min_group=_LIMITS.min_group,
        max_share=_LIMITS.max_share,
    )


def test_a_small_group_with_the_colours_of_the_film_stays() -> None:
    assert found(coloured(np.concatenate([still(40), unrelated(2)]), [_FILM, _OTHER])) == [41]


@pytest.mark.parametrize(
    ("shares", "lost"), [((0, 1, 1), [40, 41, 42]), ((0, 0, 1), [])], ids=["most differ", "most are alike"]
)
def test_a_group_is_kept_or_dropped_as_a_whole(shares: Sequence[float], lost: list[int]) -> None:
    burst = walk(3, seed=7, step=0.05)
    assert found(coloured(np.concatenate([still(40), burst]), shares)) == lost


def test_a_frame_that_resembles_the_film_is_foreign_if_its_colours_are_too() -> None:
    film = still(40)
    frames = np.concatenate([film, resembling(film[10], 1)])
    assert found(judged("density", frames)) == []
    assert found(coloured(frames, [_OTHER])) == [40]
    assert found(coloured(frames, [_FILM])) == []


def test_a_frame_very_near_to_the_film_stays_whatever_its_colours() -> None:
    film = still(40)
    assert found(coloured(np.concatenate([film, resembling(film[10], 1, chord=0.3)]), [_OTHER])) == []


@pytest.mark.parametrize(("burst", "stays"), [(5, False), (6, True)])
def test_a_burst_that_resembles_the_film_is_foreign_until_it_is_large_enough_for_a_shot(
    burst: int, stays: bool
) -> None:
    film = still(60)
    verdict = coloured(np.concatenate([film, resembling(film[10], burst)]), [_OTHER] * burst)
    assert found(verdict) == ([] if stays else list(range(60, 65)))
    assert (verdict.size[verdict.dropped] == burst).all()
    assert len(set(verdict.component[verdict.dropped])) == (0 if stays else 1)
    assert (verdict.score[verdict.dropped] > 1).all()


def test_repeats_of_a_frame_count_as_frames() -> None:
    film = still(40)
    frames = np.concatenate([film, resembling(film[10], 1)])
    assert found(coloured(frames, [_OTHER], [1] * 40 + [6])) == []


def test_foreign_frames_that_resemble_one_another_are_no_shot_if_their_colours_differ() -> None:
    film = still(100)
    first = resembling(film[10], 4)
    both = np.concatenate([first, resembling(first[0], 4, chord=0.7)])
    assert found(coloured(np.concatenate([film, both]), [0.5] * 4 + [1.0] * 4)) == list(range(100, 108))
    assert found(coloured(np.concatenate([film, both]), [1.0] * 8)) == []


@pytest.mark.parametrize(("shots", "length", "stays"), [(3, 20, False), (4, 15, True), (4, 40, False)])
def test_a_frame_that_resembles_a_film_of_many_short_shots_stays(shots: int, length: int, stays: bool) -> None:
    film = np.concatenate([walk(length, seed, step=0.02) for seed in range(shots)])
    assert found(coloured(np.concatenate([film, resembling(film[5], 1)]), [_OTHER])) == ([] if stays else [len(film)])


def test_a_burst_that_resembles_a_film_whose_shots_share_no_colours_is_foreign() -> None:
    film = np.concatenate([walk(30, step=0.02), walk(30, seed=1, step=0.02)])
    frames = np.concatenate([film, resembling(film[5], 5)])
    assert found(coloured(frames, [_OTHER] * 30 + [0.5] * 5)) == list(range(60, 65))
    assert found(coloured(frames, [_OTHER] * 35)) == []


@pytest.mark.parametrize(("frames", "lost"), [(5, [60, 61, 62, 63, 64]), (6, [])])
def test_a_shot_too_fast_for_its_frames_to_be_alike_stays_for_its_colours(frames: int, lost: list[int]) -> None:
    fast = unrelated(frames)
    assert found(judged("density", np.concatenate([still(60), fast]))) == list(range(60, 60 + frames))
    assert found(coloured(np.concatenate([still(60), fast]), [_OTHER] * frames)) == lost


def test_many_foreign_frames_of_different_colours_are_no_shot() -> None:
    frames = np.concatenate([still(60), unrelated(6)])
    assert found(coloured(frames, [0.4, 0.4, 0.4, 1, 1, 1])) == list(range(60, 66))


def test_a_frame_with_the_colours_of_the_film_brings_others_along() -> None:
    film = still(40)
    jolts = np.concatenate([unrelated(1), unrelated(1, seed=5)])
    assert found(coloured(np.concatenate([film, jolts]), [0.25, 0.5])) == []
    assert found(coloured(np.concatenate([film, jolts[1:]]), [0.5])) == [40]


def test_frames_in_black_and_white_must_be_more_alike() -> None:
    frames = np.concatenate([still(40), unrelated(1)])
    assert found(coloured(frames, [0.15])) == []
    assert found(coloured(frames, [0.15], grey=True)) == [40]
    assert found(coloured(frames, [0.02], grey=True)) == []


def test_colours_that_would_drop_too_much_drop_nothing() -> None:
    film = still(20)
    strays = np.concatenate([resembling(film[row], 1, chord=0.8) for row in range(10)])
    strays = unit(strays + 0.35 * unrelated(10))
    assert found(judged("density", np.concatenate([film, strays]))) == []
    assert found(coloured(np.concatenate([film, strays[:5]]), [_OTHER] * 5)) != []
    assert found(coloured(np.concatenate([film, strays]), np.linspace(0.5, 1, 10).tolist())) == []
