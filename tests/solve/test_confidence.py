"""Weak joins: at the right places, priced relative to the film, with alternatives that are possible."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelweave.solve.confidence import JoinReview, count_weak, review_joins
from reelweave.solve.cost.prices import dense_costs
from reelweave.solve.plan.model import PathReport, Plan, PlanVideo, Shot, WeakJoin

WEAK = 0.5
SURE = 0.99


def review(
    places: Sequence[float],
    order: Sequence[int],
    confidence: Sequence[float] | None = None,
    repeats: dict[int, int] | None = None,
    cuts: Sequence[int] = (),
    **options: Any,
) -> JoinReview:
    """Frames that are as far apart as their places on a line; a repeat names the frame it looks like."""
    repeats = repeats or {}
    leaders = [frame for frame in range(len(places)) if frame not in repeats]
    row_of = {frame: leaders.index(repeats.get(frame, frame)) for frame in range(len(places))}
    at = np.array([places[leader] for leader in leaders])
    starts = [0, *cuts, len(order)]
    shots = [Shot(start=a, length=b - a) for a, b in pairwise(starts)]
    sure = [WEAK] * (len(order) - 1) if confidence is None else confidence
    costs = dense_costs(np.abs(at[:, None] - at), candidates=options.pop("candidates", 16))
    return review_joins(order, sure, shots, row_of, costs, options.pop("most", 100))


def only(found: JoinReview, at: int) -> WeakJoin:
    return next(join for join in found.weak if join.at == at)


def test_prices_are_multiples_of_the_median_join() -> None:
    assert review([0, 2, 4, 6, 12], range(5)).prices == pytest.approx([1, 1, 1, 3], rel=0.01)


def test_joins_between_identical_frames_cost_nothing_and_do_not_affect_the_median() -> None:
    found = review([0, 0, 0, 0, 2, 4, 6], range(7), repeats={1: 0, 2: 0, 3: 0})
    assert found.prices == pytest.approx([0, 0, 0, 1, 1, 1], rel=0.01)


def test_the_frame_that_belongs_there_is_the_cheapest_alternative() -> None:
    """Frame 3 was put at the end; it belongs between 2 and 4."""
    join = only(review(range(9), [0, 1, 2, 4, 5, 6, 7, 8, 3]), 2)
    assert (join.left, join.right) == (2, 4)
    assert {(other.side, other.frame) for other in join.alternatives[:2]} == {("after", 3), ("before", 3)}
    assert [other.price for other in join.alternatives] == sorted(other.price for other in join.alternatives)
    assert join.price == pytest.approx(2, rel=0.01)
    assert join.alternatives[0].price == pytest.approx(1, rel=0.01)


def test_a_repeat_is_represented_by_its_leader() -> None:
    """Frames 4 and 5 look like frame 3 and come last; they belong in the join between 2 and 6."""
    found = review([0, 1, 2, 3, 3, 3, 4, 5, 6], [0, 1, 2, 6, 7, 8, 4, 3, 5], repeats={4: 3, 5: 3})
    assert {other.frame for other in only(found, 2).alternatives[:2]} == {3}
    assert not {4, 5} & {other.frame for join in found.weak for other in join.alternatives}


def test_the_least_certain_joins_come_first_up_to_the_limit() -> None:
    found = review(range(6), range(6), [0.7, 0.3, SURE, 0.5, 0.89], most=3)
    assert [join.at for join in found.weak] == [1, 3, 0]
    assert [join.confidence for join in found.weak] == [0.3, 0.5, 0.7]


@pytest.mark.parametrize("most", [0, 1])
def test_a_film_may_have_no_weak_joins(most: int) -> None:
    assert review(range(4), range(4), [SURE] * 3, most=most).weak == []
    assert review([0], [0], [], most=most).weak == []


def test_a_cut_is_weak_only_if_a_frame_of_another_shot_is_a_candidate() -> None:
    apart = [0, 1, 2, 3, 100, 101, 102, 103]
    order, unsure = range(8), [SURE, SURE, SURE, WEAK, SURE, SURE, SURE]
    assert review(apart, order, unsure, cuts=[4], candidates=3).weak == []
    torn = [3, 2, 1, 0, 4, 5, 6, 7]
    join = only(review(range(8), torn, unsure, cuts=[4], candidates=3), 3)
    assert (join.left, join.right) == (0, 4)
    assert [(other.side, other.frame) for other in join.alternatives] == [("before", 3), ("before", 2)]


@given(st.permutations(range(12)), st.lists(st.floats(0, 1), min_size=11, max_size=11), st.integers(0, 12))
def test_every_weak_join_is_valid(order: list[int], confidence: list[float], most: int) -> None:
    found = review([frame * 1.5 for frame in range(12)], order, confidence, most=most)
    assert len(found.prices) == 11
    assert len(found.weak) == min(most, sum(sure < 0.9 for sure in confidence))
    for join in found.weak:
        assert order[join.at : join.at + 2] == [join.left, join.right]
        assert join.price == found.prices[join.at]
        assert 1 <= len(join.alternatives) <= 3
        for other in join.alternatives:
            end = join.left if other.side == "after" else join.right
            adjacent = order[max(0, order.index(end) - 1) : order.index(end) + 2]
            assert other.frame not in adjacent


def test_weak_joins_that_are_not_listed_are_counted() -> None:
    joins = [WeakJoin(at=3, left=3, right=4, confidence=WEAK, price=1)]
    plan = Plan(
        video=PlanVideo(id="f", name="f", source="f", sha256="", fps=25, width=2, height=2, frames=8),
        order=list(range(8)),
        dropped=[],
        shots=[Shot(start=0, length=2), Shot(start=2, length=2), Shot(start=4, length=4)],
        confidence=[WEAK, WEAK, SURE, WEAK, WEAK, SURE, SURE],
        weak=joins,
        path=PathReport(cost=1, lower_bound=None, gap=None, solver="", seconds=0),
    )
    assert count_weak(plan) == 3
