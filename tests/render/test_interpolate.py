"""Interpolation between clean pictures, and the gaps and cadences that guide it."""

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from reelweave.errors import UsageError
from reelweave.media.ranges import read_ranges
from reelweave.media.types import Floats
from reelweave.render.cadence import RepeatDetector, motion_share, motion_steps
from reelweave.render.fill import FrameTiming
from reelweave.render.gaps import Gap, gaps_of
from reelweave.render.interpolate import (
    AutomaticInterpolator,
    Crossfade,
    FollowMotion,
    GapEnds,
    HoldNearest,
    Interpolator,
    KnownFrame,
    interpolator,
)
from reelweave.render.optical_flow import at_moment, estimate_motion, same_scene

WAYS = {"hold": HoldNearest(), "blend": Crossfade(), "motion": FollowMotion(), "auto": AutomaticInterpolator()}
SIZE = (160, 96)


def ground(seed: int = 0) -> Floats:
    """Draw a landscape with texture everywhere."""
    coarse = np.random.default_rng(seed).uniform(60, 200, (12, 20)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC), np.float32)


def planes(luma: Floats) -> tuple[Floats, ...]:
    small = cv2.resize(luma, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA)
    return luma, np.asarray(255 - small, np.float32), np.asarray(small, np.float32)


def scene(place: float, seed: int = 0) -> tuple[Floats, ...]:
    """Draw a patterned square in front of a landscape that moves the other way."""
    shift = np.array([[1, 0, -place / 4], [0, 1, 0]], np.float32)
    luma = cv2.warpAffine(ground(seed), shift, SIZE, borderMode=cv2.BORDER_REPLICATE)
    square = np.random.default_rng(9).uniform(100, 255, (4, 4)).astype(np.float32)
    square = cv2.resize(square, (40, 40), interpolation=cv2.INTER_CUBIC)
    luma[28:68, round(30 + place) : round(70 + place)] = np.clip(square, 0, 255)
    return planes(np.asarray(luma, np.float32))


def error(made: Sequence[Floats], true: Sequence[Floats]) -> float:
    return float(np.mean([np.mean(np.square(a - b)) for a, b in zip(made, true, strict=True)]))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_moves_between_identical_pictures(way: Interpolator) -> None:
    still = scene(10)
    made = way.across(GapEnds(still, still))(0.3).planes
    assert max(float(np.abs(a - b).max()) for a, b in zip(made, still, strict=True)) < 0.5


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("size", [(64, 48), (65, 49), (17, 16), (16, 90)], ids=str)
def test_pictures_of_any_size_keep_their_size(way: Interpolator, size: tuple[int, int]) -> None:
    grey = np.full((size[1], size[0]), 90, np.float32)
    small = np.full(((size[1] + 1) // 2, (size[0] + 1) // 2), 128, np.float32)
    made = way.across(GapEnds((grey, small, small), (grey + 20, small, small)))(0.5)
    assert [plane.shape for plane in made.planes] == [grey.shape, small.shape, small.shape]
    assert all(np.isfinite(plane).all() for plane in made.planes)


@pytest.mark.parametrize("name", ["motion", "auto"])
@pytest.mark.parametrize("at", [0.25, 0.5, 0.75])
def test_moving_objects_are_placed_along_their_path(name: str, at: float) -> None:
    sides, true = GapEnds(scene(0), scene(8)), scene(8 * at)
    blended, made = (WAYS[way].across(sides)(at).planes for way in ("blend", name))
    assert error(made, true) < error(blended, true) / 3


def test_auto_crossfades_where_motion_explains_nothing() -> None:
    rng = np.random.default_rng(4)
    noise = [planes(rng.uniform(0, 255, SIZE[::-1]).astype(np.float32)) for _ in range(3)]
    sides = GapEnds(noise[0], noise[1])
    blended, followed, best = (WAYS[way].across(sides)(0.5) for way in ("blend", "motion", "auto"))
    assert best.moved < 0.7
    assert error(best.planes, blended.planes) < error(followed.planes, blended.planes)


def test_the_share_of_motion_is_reported() -> None:
    sides = GapEnds(scene(0), scene(8))
    assert Crossfade().across(sides)(0.5).moved == 0
    assert FollowMotion().across(sides)(0.5).moved == 1
    assert 0 < AutomaticInterpolator().across(sides)(0.5).moved < 1


def landscape(right: float) -> tuple[Floats, ...]:
    shift = np.array([[1, 0, right], [0, 1, 0]], np.float32)
    return planes(np.asarray(cv2.warpAffine(ground(), shift, SIZE, borderMode=cv2.BORDER_REPLICATE), np.float32))


def test_auto_crossfades_as_far_as_that_would_have_suited_the_frames_beside_the_gap() -> None:
    """A shaking camera is not halfway between two frames: a crossfade is nearer to where it is."""
    places = [0.0, -5.0, 5.0]
    known = [KnownFrame(GapEnds(landscape(0), landscape(8)), 0.5, landscape(4 + place)) for place in places]
    sides, shaken = GapEnds(landscape(2), landscape(9)), landscape(0.5)
    blended, moved, tried = (interpolator(name, known=known).across(sides)(0.5) for name in ("blend", "motion", "auto"))
    assert error(moved.planes, shaken) > error(blended.planes, shaken)
    assert error(tried.planes, shaken) < error(AutomaticInterpolator().across(sides)(0.5).planes, shaken)


def test_auto_follows_motion_where_that_suited_the_frames_beside_the_gap() -> None:
    known = [KnownFrame(GapEnds(scene(0), scene(4)), 0.5, scene(2))]
    sides = GapEnds(scene(8), scene(16))
    steady, tried = (interpolator("auto", known=which).across(sides)(0.5) for which in ((), known))
    assert tried.moved > 0.9 * steady.moved


def test_a_frame_beside_a_cut_tells_nothing() -> None:
    known = [KnownFrame(GapEnds(planes(np.ascontiguousarray(ground(seed=7)[::-1])), scene(4)), 0.5, scene(2))]
    sides = GapEnds(scene(8), scene(16))
    steady, tried = (interpolator("auto", known=which).across(sides)(0.5) for which in ((), known))
    assert tried.moved == steady.moved


@pytest.mark.parametrize(
    ("earlier", "later", "at"),
    [
        pytest.param(3, 3, [0.5, 0.5], id="both sides"),
        pytest.param(5, 2, [0.5], id="too few on one side"),
        pytest.param(1, 1, [], id="none"),
    ],
)
def test_frames_with_clean_neighbours_are_tried(earlier: int, later: int, at: list[float]) -> None:
    near = [[scene(place) for place in range(count)] for count in (earlier, later)]
    known = FrameTiming(Fraction(25)).known_frames(Gap(8, 9), *near)
    assert [frame.at for frame in known] == at


@pytest.mark.parametrize(("repeats", "tried"), [(range(0), 2), ([17], 1), ([18], 1), ([21, 18], 0), ([16, 23], 2)])
def test_frames_are_not_tried_where_one_repeats_another(repeats: Sequence[int], tried: int) -> None:
    near = [scene(0), scene(2), scene(4)]
    timing = FrameTiming(Fraction(25), repeats=[frame in repeats for frame in range(40)])
    assert len(timing.known_frames(Gap(19, 19), near, near)) == tried


@pytest.mark.parametrize(("at", "shown"), [(0.2, 0), (0.5, 0), (0.7, 8)], ids=["early", "middle", "late"])
def test_hold_repeats_the_nearer_picture(at: float, shown: int) -> None:
    made = HoldNearest().across(GapEnds(scene(0), scene(8)))(at).planes
    assert error(made, scene(shown)) == 0


def test_motion_is_measured_in_pixels() -> None:
    moved = estimate_motion(ground(), np.roll(ground(), 3, 1))
    middle = at_moment(moved, 0.5)[20:-20, 20:-20]
    assert np.median(middle[..., 0]) == pytest.approx(3, abs=0.2)
    assert np.median(middle[..., 1]) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(
    ("before", "after", "together"),
    [
        pytest.param(scene(0)[0], scene(8)[0], True, id="moved"),
        pytest.param(scene(0)[0], scene(40)[0], True, id="moved far"),
        pytest.param(scene(0)[0], np.clip(scene(0)[0] + 40, 0, 255), True, id="brighter"),
        pytest.param(scene(0)[0], scene(0)[0], True, id="the same"),
        pytest.param(np.full((96, 160), 16, np.float32), np.full((96, 160), 16, np.float32), True, id="black"),
        pytest.param(scene(0)[0], ground(seed=7)[::-1], False, id="another scene"),
    ],
)
def test_cuts_are_distinguished_from_motion(before: Floats, after: Floats, together: bool) -> None:
    assert same_scene(np.ascontiguousarray(before), np.ascontiguousarray(after)) is together


@pytest.mark.parametrize(
    ("broken", "gaps"),
    [
        pytest.param([], [], id="none"),
        pytest.param([4], [Gap(4, 4)], id="one"),
        pytest.param([6, 4, 5, 5], [Gap(4, 6)], id="neighbours, in any order"),
        pytest.param([3, 5], [Gap(3, 3), Gap(5, 5)], id="a clean one between"),
        pytest.param([0, 1], [Gap(0, 1, "start")], id="start"),
        pytest.param([19], [Gap(19, 19, "end")], id="end"),
        pytest.param(range(2, 9), [Gap(2, 8, "long")], id="long"),
        pytest.param(range(12, 20), [Gap(12, 19, "long")], id="long at the end"),
    ],
)
def test_broken_frames_are_grouped_into_gaps(broken: Sequence[int], gaps: list[Gap]) -> None:
    assert gaps_of(broken, frames=20, longest=6) == gaps


def test_a_film_without_a_clean_frame_is_rejected() -> None:
    with pytest.raises(UsageError, match="All 5 frames"):
        gaps_of(range(5), frames=5, longest=10)


@pytest.mark.parametrize(
    ("text", "frames"),
    [("3", [3]), ("3,7-9", [3, 7, 8, 9]), ("7-9, 3", [3, 7, 8, 9]), ("0-0", [0]), ("2-4,3-5", [2, 3, 4, 5])],
)
def test_frames_are_listed_as_numbers_and_ranges(text: str, frames: list[int]) -> None:
    assert read_ranges(text, 10) == frames


@pytest.mark.parametrize("text", ["", "x", "3-", "-3", "5-3", "10", "8-10", "3,,4", "3.5"])
def test_invalid_frame_lists_are_rejected(text: str) -> None:
    with pytest.raises(UsageError):
        read_ranges(text, 10)


@pytest.mark.parametrize(
    ("period", "place", "unknown", "gap", "moves"),
    [
        pytest.param(5, 0, [], (21, 22), [1, 1, 1], id="no repeat within"),
        pytest.param(5, 0, [], (20, 20), [0, 1], id="a repeat"),
        pytest.param(5, 0, [], (19, 19), [1, 0], id="a repeat comes after"),
        pytest.param(5, 3, [], (16, 24), [1, 1, 0, 1, 1, 1, 1, 0, 1, 1], id="several"),
        pytest.param(2, 1, [], (20, 22), [1, 0, 1, 0], id="every other"),
        pytest.param(5, 0, [10, 11, 30], (20, 20), [0, 1], id="some are broken"),
        pytest.param(5, 0, range(40), (20, 20), [1, 1], id="nothing is known"),
    ],
)
def test_repeats_in_a_cadence_are_predicted(
    period: int, place: int, unknown: Sequence[int], gap: tuple[int, int], moves: list[int]
) -> None:
    repeats = [None if frame in unknown else frame % period == place for frame in range(40)]
    assert motion_steps(repeats, *gap) == moves


@pytest.mark.parametrize(
    "repeats",
    [
        pytest.param([False] * 40, id="none repeats"),
        pytest.param([True] * 40, id="all stand still"),
        pytest.param([frame in (7, 18, 31) for frame in range(40)], id="now and then"),
        pytest.param([frame < 20 for frame in range(40)], id="still, then moving"),
    ],
)
def test_irregular_repeats_predict_nothing(repeats: list[bool]) -> None:
    assert motion_steps(repeats, 20, 21) == [1, 1, 1]


@pytest.mark.parametrize(
    ("repeats", "share"),
    [
        pytest.param([True] * 40, 0.0, id="a screen"),
        pytest.param([False] * 40, 1.0, id="all moves"),
        pytest.param([frame % 5 == 0 for frame in range(40)], 1.0, id="a cadence"),
        pytest.param([frame % 3 > 0 for frame in range(40)], 1.0, id="a low frame rate"),
        pytest.param([None] * 40, 1.0, id="nothing is known"),
        pytest.param([frame * frame % 11 in (1, 3, 9) for frame in range(40)], 0.26, id="irregular repeats"),
    ],
)
def test_what_moves_by_chance_follows_motion_less(repeats: list[bool | None], share: float) -> None:
    assert motion_share(repeats, 20, 21) == pytest.approx(share, abs=0.01)


def test_a_gap_at_a_low_frame_rate_moves_when_the_film_does() -> None:
    repeats = [frame % 3 > 0 for frame in range(40)]
    assert motion_steps(repeats, 19, 20) == [0, 0, 1]


def test_a_gap_on_a_screen_is_crossfaded() -> None:
    sides = GapEnds(scene(10), scene(14))
    timing = FrameTiming(Fraction(25), repeats=[True] * 40)
    screen = interpolator("auto", timing.motion_share(Gap(20, 22))).across(sides)(0.5)
    faded = interpolator("blend").across(sides)(0.5)
    assert screen.moved == 0
    for one, other in zip(screen.planes, faded.planes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_a_quiet_film_repeats_no_frame_and_a_pulled_down_one_does() -> None:
    picture = np.random.default_rng(0).uniform(20, 200, (45, 80)).astype(np.float32)
    levels = np.cumsum([0.12, 0.12, 0.3] * 20)
    stirred, pulled = RepeatDetector(), RepeatDetector()
    for frame, level in enumerate(levels):
        stirred.see(np.asarray(picture + level, np.float32))
        pulled.see(np.asarray(np.roll(picture, frame // 2, axis=1), np.float32))
    assert not any(stirred.repeats)
    assert pulled.repeats[1:] == [frame % 2 == 1 for frame in range(1, 60)]
