"""Moments are the hills of a score curve; their ends move to near cuts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from reelweave.index.matrix import Matrix, Segment
from reelweave.media.types import FrameRows, Ints, Space, VideoRecord
from reelweave.search.moments import CutFinder, MomentRule, find_moments, hills, over_level, stored_cuts
from reelweave.search.results import Moment, Ranked
from reelweave.settings import load

RATE = 10
HILLS = hills(gap=2.0)
SHARP = replace(HILLS, smoothing=0)


def film(name: str, vectors: np.ndarray, times: Sequence[float] | None = None, sampled_fps: float = 0.0) -> Segment:
    count, zeros = len(vectors), np.zeros(len(vectors), np.float32)
    record = VideoRecord(name, name, name, name, "", "video", 25.0, 8, 8, sampled_fps, 0, 8, 8)
    at = np.arange(count) / RATE if times is None else np.asarray(times, np.float64)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = FrameRows(np.arange(count), at, zeros, zeros, np.full(count, -1), units.astype(np.float32))
    return Segment(record, rows)


def library(*segments: Segment) -> Matrix:
    return Matrix(Space("s", "", "", "", segments[0].rows.vectors.shape[1]), segments, "")


def still(count: int) -> np.ndarray:
    """Vectors of a film in which nothing changes."""
    return np.ones((count, 2))


def cuts(*frames: int) -> CutFinder:
    return lambda _matrix, _owner: np.array(frames, np.int64)


def found_in(
    scores: Sequence[float], cut: float = 0.3, at: CutFinder | None = None, rule: MomentRule = HILLS, count: int = 10
) -> list[Moment]:
    matrix = library(film("a", still(len(scores))))
    rows = Ranked(np.arange(len(scores)), np.asarray(scores, np.float32))
    return find_moments(matrix, rows, cut, count, rule, at or cuts())


def spans(moments: Sequence[Moment]) -> list[tuple[int, int]]:
    """Return the first and last frame of each moment."""
    return [(round(moment.start * RATE), round(moment.end * RATE)) for moment in moments]


def curve(*parts: tuple[int, float]) -> list[float]:
    """Return so many scores of each height."""
    return [height for count, height in parts for _ in range(count)]


def test_a_hill_is_a_moment_from_seven_tenths_of_its_height_on() -> None:
    rising = np.linspace(0.1, 0.5, 41).tolist()
    [moment] = found_in([*curve((60, 0.1)), *rising, *rising[::-1], *curve((60, 0.1))])
    assert spans([moment])[0] == (pytest.approx(88, abs=3), pytest.approx(113, abs=3))
    assert moment.frames == round((moment.end - moment.start) * RATE) + 1


def test_only_hills_with_a_frame_over_the_threshold_are_moments_and_the_best_comes_first() -> None:
    scores = curve((40, 0.1), (30, 0.4), (60, 0.1), (30, 0.6), (60, 0.1), (30, 0.2), (40, 0.1))
    assert spans(found_in(scores, rule=SHARP)) == [(130, 159), (40, 69)]
    assert spans(found_in(scores, rule=SHARP, count=1)) == [(130, 159)]
    assert found_in(scores, cut=0.7) == []


@pytest.mark.parametrize(("dip", "moments"), [(15, 1), (40, 2)])
def test_a_dip_that_is_shorter_than_the_gap_does_not_part_a_moment(dip: int, moments: int) -> None:
    assert len(found_in(curve((60, 0.1), (30, 0.5), (dip, 0.1), (30, 0.5), (60, 0.1)))) == moments


def test_a_shoulder_of_a_hill_is_no_moment_of_its_own() -> None:
    assert spans(found_in(curve((60, 0.1), (30, 0.9), (30, 0.45), (60, 0.1)), rule=SHARP)) == [(60, 89)]


def test_the_ends_of_a_moment_move_to_near_cuts_and_not_to_far_ones() -> None:
    rising = np.linspace(0.1, 0.5, 9).tolist()
    scores = [*curve((60, 0.1)), *rising, *curve((40, 0.5)), *rising[::-1], *curve((60, 0.1))]
    [(start, end)] = spans(found_in(scores, rule=SHARP))
    for at, expected in (((start - 2, end + 3), (start - 2, end + 2)), ((start - 9, end + 9), (start, end))):
        assert spans(found_in(scores, at=cuts(*at), rule=SHARP)) == [expected]


def test_scores_are_not_smoothed_across_a_cut() -> None:
    """A thing that leaves at a cut makes no frame behind it part of its moment."""
    scores = [*curve((60, 0.1), (30, 0.5), (3, 0.28)), *curve((60, 0.1))]
    [moment] = found_in(scores, at=cuts(60, 90))
    assert spans([moment]) == [(60, 89)]


def test_a_moment_is_scored_by_its_best_four_frames_so_that_an_accident_does_not_win() -> None:
    scores = curve((40, 0.1), (30, 0.5), (60, 0.1), (1, 0.7), (60, 0.1))
    steady, accident = found_in(scores)
    assert steady.score == pytest.approx(0.5)
    assert accident.score == pytest.approx((0.7 + 3 * 0.1) / 4)
    assert accident.peak_frame == 130


def test_a_video_that_matches_throughout_is_one_moment() -> None:
    rng = np.random.default_rng(0)
    for scores in (curve((100, 0.5)), (0.5 + 0.001 * rng.standard_normal(200)).tolist()):
        assert spans(found_in(scores)) == [(0, len(scores) - 1)]


def test_every_hill_is_found_where_no_threshold_ends_the_list() -> None:
    scores = curve((40, 0.1), (30, 0.4), (60, 0.05), (30, 0.6), (60, 0.1), (30, 0.2), (40, 0.1))
    assert spans(found_in(scores, cut=-1, rule=SHARP))[:3] == [(130, 159), (40, 69), (220, 249)]


def test_moments_over_a_score_that_was_named_are_where_it_is_reached() -> None:
    scores = curve((60, 0.1), (10, 0.5), (5, 0.2), (10, 0.35), (30, 0.1), (1, 0.31), (60, 0.1))
    assert spans(found_in(scores, at=cuts(58), rule=over_level(0.3, gap=2.0))) == [(60, 84), (115, 115)]


def test_moments_never_span_two_videos() -> None:
    matrix = library(film("a", still(60)), film("b", still(60)))
    scores = np.array(curve((40, 0.1), (20, 0.6), (15, 0.5), (45, 0.1)), np.float32)
    moments = find_moments(matrix, Ranked(np.arange(120), scores), 0.3, 10, SHARP, cuts())
    assert [(moment.video, *spans([moment])[0]) for moment in moments] == [("a", 40, 59), ("b", 0, 14)]


def test_rarely_sampled_neighbours_make_one_moment() -> None:
    scores, times = np.array([0.1, 0.1, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1], np.float32), np.arange(8) * 5.0
    for sampled, expected in ((0.2, [(10, 20)]), (0.0, [(10, 10), (15, 15), (20, 20)])):
        matrix = library(film("a", still(8), times.tolist(), sampled))
        moments = find_moments(matrix, Ranked(np.arange(8), scores), 0.3, 10, HILLS, cuts())
        assert [(moment.start, moment.end) for moment in moments] == expected


def test_frames_outside_the_searched_times_belong_to_no_moment_and_cuts_keep_their_places() -> None:
    scores, rows = np.array(curve((40, 0.1), (40, 0.5), (40, 0.1)), np.float32), np.arange(20, 70)
    seen: list[Ints] = []

    def at(_matrix: Matrix, owner: int) -> Ints:
        seen.append(np.array([owner]))
        return np.array([10, 43])

    [moment] = find_moments(library(film("a", still(120))), Ranked(rows, scores[rows]), 0.3, 10, HILLS, at)
    assert spans([moment]) == [(43, 69)]
    assert len(seen) == 1


def test_stored_vectors_tell_cuts_from_movement() -> None:
    angles = np.concatenate([np.linspace(0, 0.6, 60), np.linspace(2.0, 2.6, 60)])
    matrix = library(film("a", np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    assert stored_cuts(load().shots)(matrix, 0).tolist() == [60]
