"""The measures of moment retrieval are those of QVHighlights, on cases worked out by hand."""

import moment_scores as bench
import pytest


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((0, 10), (0, 10), 1), ((0, 10), (5, 15), 1 / 3), ((0, 1), (2, 3), 0), ((3, 3), (3, 3), 1)],
)
def test_overlap_is_intersection_over_union(one: bench.Window, other: bench.Window, expected: float) -> None:
    assert bench.overlap(one, other) == pytest.approx(expected)


def test_each_true_window_is_found_once_and_precision_is_interpolated() -> None:
    true = [(0.0, 10.0), (20.0, 30.0)]
    assert bench.average_precision([(0, 10), (20, 30)], true, 0.5) == 1
    # The second answer finds the same window again; the third one is right: (1 + 2/3) / 2.
    assert bench.average_precision([(0, 10), (0, 9), (20, 30)], true, 0.5) == pytest.approx(5 / 6)
    # Wrong, right, right: precisions 1/2 and 2/3 become 2/3 each.
    assert bench.average_precision([(50, 60), (0, 10), (20, 30)], true, 0.5) == pytest.approx(2 / 3)
    assert bench.average_precision([], true, 0.5) == 0


def test_scores_are_means_over_queries_in_per_cent() -> None:
    exact, missed = ([(0.0, 10.0)], [(0.0, 10.0)]), ([(40.0, 50.0)], [(0.0, 10.0)])
    loose = [(0.0, 6.0)], [(0.0, 10.0)]
    scores = bench.scored([exact, missed, loose, exact])
    assert (scores.queries, scores.r1_50, scores.r1_70) == (4, 75, 50)
    assert (scores.map_50, scores.map_75) == (75, 50)
    # An overlap of .6 counts at .5, .55 and .6.
    assert scores.map_mean == pytest.approx((200 + 100 * 0.3) / 4)
